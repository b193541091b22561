"""What a checkpoint is filed under: all that a run's result depends on, and what is missing has its message."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages import artifacts, finetune
from stages.errors import DataError
from stages.harness import Stage
from stages.params import whole
from stages.tracking import Record
from tests import tiny


def stage() -> Stage:
    everything = whole.check(Path("params.yaml"))
    return Stage("finetune", {one.section: everything[one.section] for one in finetune.SECTIONS}, Record(None))


@pytest.fixture
def project_here(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Makes a project with these changes of params, and gives its run's key."""

    def key(**changes: Any) -> str:
        folder = tmp_path / "project"
        if not (folder / "data").exists():
            tiny.project(folder, project)
            for file in (artifacts.SCHEMA, artifacts.tokenized("train"), Path("general.txt")):
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_text("{}")
        monkeypatch.chdir(folder)
        settled = {"objectives__references": "general.txt", "objectives__replay": {"weight": 0.0}, **changes}
        tiny.change(folder, **settled)
        return finetune.run_key(stage())

    return key


def test_the_key_follows_everything_that_the_result_depends_on(
    project_here: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = project_here()
    assert project_here() == first
    for file in (
        artifacts.tokenized("train"),
        artifacts.SCHEMA,
        Path("base/config.json"),
        Path("base/model.safetensors"),
    ):
        kept = file.read_bytes()
        file.write_bytes(kept + b" ")
        assert project_here() != first, file
        file.write_bytes(kept)
    Path("general.txt").write_text("other")
    assert project_here() == first, "nothing reads it"
    replayed = project_here(objectives__replay={"weight": 1.0})
    assert replayed != first
    Path("general.txt").write_text("another")
    assert project_here(objectives__replay={"weight": 1.0}) != replayed
    Path("general.txt").write_text("other")
    assert project_here() == first
    for change in ({"training__threads": 7}, {"training__precision": "bf16"}, {"training__seed": 5}):
        assert project_here(**change) != first, change
        project_here(training__threads=None, training__precision="fp32", training__seed=42)
    assert project_here() == first
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert project_here() != first


def test_what_is_missing_is_named(project_here: Callable[..., str]) -> None:
    project_here()
    shutil.rmtree("data")
    with pytest.raises(DataError, match="not found"):
        finetune.work(stage())
