"""The check that needs no data: on real clones of a small DVC project, without cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.gate import precheck

pytestmark = pytest.mark.filterwarnings("ignore")
DVC = (sys.executable, "-m", "dvc")
STAGES = """
stages:
  double:
    cmd: python double.py
    deps: [double.py, numbers.txt]
    outs: [doubled.txt]
  count:
    cmd: python -c "print(len(open('doubled.txt').read()), file=open('count.txt', 'w'))"
    deps: [doubled.txt]
    outs: [count.txt]
"""


def run(folder: Path, *words: str) -> None:
    env = {
        **os.environ,
        "DVC_NO_ANALYTICS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    subprocess.run(words, cwd=folder, env=env, capture_output=True, check=True)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("precheck") / "origin"
    folder.mkdir()
    (folder / "dvc.yaml").write_text(STAGES, encoding="utf-8")
    (folder / "double.py").write_text(
        "open('doubled.txt', 'w').write(open('numbers.txt').read() * 2)\n", encoding="utf-8"
    )
    (folder / "numbers.txt").write_text("1 2 3\n", encoding="utf-8")
    run(folder, "git", "init", "-q", "-b", "main")
    run(folder, *DVC, "init", "-q")
    run(folder, *DVC, "remote", "add", "-q", "-d", "storage", str(folder.parent / "remote"))
    run(folder, *DVC, "repro", "-q")
    run(folder, *DVC, "push", "-q")
    run(folder, "git", "add", ".")
    run(folder, "git", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "one")
    return folder


@pytest.fixture
def clone(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    run(tmp_path, "git", "clone", "-q", str(origin), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def test_a_clean_clone_without_data_passes_within_seconds(clone: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not (clone / "doubled.txt").exists()
    caplog.set_level("INFO")
    began = time.perf_counter()
    assert precheck.main(["--remote"]) == 0
    # Two calls of dvc, about a second each on two cores; the bound leaves room for a busy machine.
    assert time.perf_counter() - began < 15
    assert "the remote has its outs" in caplog.text


def test_a_change_without_its_lock_has_to_be_retrained(clone: Path, caplog: pytest.LogCaptureFixture) -> None:
    (clone / "numbers.txt").write_text("4 5 6\n", encoding="utf-8")
    assert precheck.main([]) == 1
    assert "double" in caplog.text
    assert "dvc repro" in caplog.text
    assert precheck.main(["--retrain"]) == 0


def test_a_change_behind_absent_data_is_found_too(clone: Path) -> None:
    content = (clone / "dvc.yaml").read_text(encoding="utf-8")
    (clone / "dvc.yaml").write_text(content.replace("'w'))\"", "'w'), end='')\""), encoding="utf-8")
    assert precheck.out_of_date() == ["count and what follows"]
    assert precheck.main([]) == 1


def test_outs_that_the_remote_lacks_are_named(clone: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(clone, *DVC, "remote", "modify", "-q", "storage", "url", str(tmp_path / "empty"))
    assert sorted(precheck.not_in_remote()) == ["count.txt", "doubled.txt"]
    assert precheck.main(["--remote"]) == 1
    assert "dvc push" in caplog.text


def test_what_cannot_be_told_is_no_pass(clone: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(clone, *DVC, "remote", "remove", "storage")
    assert precheck.main(["--remote"]) == 2
    assert "dvc remote add" in caplog.text
    (clone / "dvc.yaml").write_text("stages: [no, stages]\n", encoding="utf-8")
    assert precheck.main([]) == 2
    (clone / "dvc.yaml").unlink()
    assert precheck.main([]) == 2


def test_it_needs_nothing_but_dvc(project: Path) -> None:
    code = "import sys, json, stages.gate.precheck; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    ours = {name for name in json.loads(done.stdout) if name.split(".")[0] in {"stages", "numpy", "pyarrow", "ruamel"}}
    assert ours == {"stages", "stages.errors", "stages.gate", "stages.gate.precheck"}
