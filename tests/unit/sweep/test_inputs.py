"""What a sweep's runs read has to be there, and known to git or DVC, since they work in copies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages.errors import ParamsError, UserError
from stages.sweep import harvest, inputs, plan

DVC_YAML = """stages:
  evaluate:
    cmd: x
    deps: ["${data.path}", "${evaluation.references}", stages/x.py]
    params: [training, data, evaluation, model]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that tracks its data and a text."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(project / "tests/params.yaml", tmp_path)
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    for name in ("mine/train.csv", "text.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["dvc", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "mine", "text.txt"], check=True)
    return tmp_path


def check(**row: Any) -> None:
    file = Path("sweep.yaml")
    YAML().dump(
        {"seeds": [1, 2], "rows": {"own": row}, "base": {"data.path": "mine", "evaluation.references": "text.txt"}},
        file,
    )
    inputs.check(plan.trials(file), file)


def test_what_git_tracks_is_found() -> None:
    check()


def test_what_is_missing_is_named_with_its_row() -> None:
    with pytest.raises(ParamsError, match=r"rows.own: nowhere.txt does not exist"):
        check(**{"evaluation.references": "nowhere.txt"})


def test_what_neither_git_nor_dvc_knows_is_refused(folder: Path) -> None:
    (folder / "new").mkdir()
    (folder / "new" / "train.csv").write_text("a")
    with pytest.raises(ParamsError, match=r"new holds new/train.csv, which neither git nor DVC knows"):
        check(**{"data.path": "new"})
    subprocess.run(["dvc", "add", "--quiet", "new"], check=True)
    with pytest.raises(ParamsError, match=r"new is DVC's, and git does not know new.dvc"):
        check(**{"data.path": "new"})
    subprocess.run(["git", "add", "new.dvc"], check=True)
    check(**{"data.path": "new"})
    check(**{"data.path": "new/train.csv"})
    shutil.rmtree(folder / "new")
    with pytest.raises(ParamsError, match=r"new is not checked out: `dvc checkout`"):
        check(**{"data.path": "new"})


def test_a_split_that_was_forgotten_in_a_tracked_folder_is_named(folder: Path) -> None:
    (folder / "mine" / "notes.md").write_text("not read")
    check()
    (folder / "mine" / "测试.csv").write_text("a")
    with pytest.raises(ParamsError, match=r"mine holds mine/测试.csv, which neither git nor DVC knows"):
        check()
    subprocess.run(["git", "add", "mine"], check=True)
    check()


def test_paths_that_lead_out_have_to_be_absolute(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("shared")
    (other / "train.csv").write_text("a")
    check(**{"data.path": str(other)})
    with pytest.raises(ParamsError, match="lies outside of the checkout"):
        check(**{"data.path": f"../{other.name}"})
    (folder / "link").symlink_to(other)
    with pytest.raises(ParamsError, match="behind the link link, which git does not know"):
        check(**{"data.path": "link/train.csv"})
    subprocess.run(["git", "add", "link"], check=True)
    check(**{"data.path": "link/train.csv"})


def test_a_model_folder_may_be_unknown_and_must_be_there(folder: Path) -> None:
    with pytest.raises(ParamsError, match=r"model.base: ./model does not exist"):
        check(**{"model.base": "./model"})
    (folder / "model").mkdir()
    check(**{"model.base": "./model"})


def test_outside_of_a_repository_one_message_says_so(folder: Path) -> None:
    shutil.rmtree(folder / ".git")
    with pytest.raises(UserError, match="needs a git repository"):
        check()
    with pytest.raises(UserError, match="needs a git repository"):
        harvest.commits()


def test_a_missing_file_is_what_a_failed_run_is_reported_with() -> None:
    said = "Reproducing experiment 'zonal-bade'\nERROR: failed to reproduce 'prepare': [Errno 2] No such file: 'data/mine'\n"
    assert harvest.last_line(said).endswith("No such file: 'data/mine'")
    assert (
        harvest.last_line("finetune: too large\nERROR: failed to reproduce 'finetune': exit 2\n")
        == "finetune: too large"
    )
