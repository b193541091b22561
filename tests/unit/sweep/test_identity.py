"""What a run's digest depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.sweep import identity
from stages.sweep.identity import Pipeline

DVC = """
stages:
  first: {cmd: a, deps: ["${data.path}", code.py], params: [data], outs: [made]}
  evaluate: {cmd: b, deps: [made/part, own.py], params: [evaluation], outs: [{told: {cache: false}}]}
  after: {cmd: c, deps: [told, other.py], params: [export], outs: [last]}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "corpus").mkdir()
    for name in ("code.py", "own.py", "other.py", "corpus/train.csv"):
        (tmp_path / name).write_text("x = 1\n")
    return tmp_path


def digest() -> str:
    identity._content.cache_clear()
    return Pipeline.read().digest({"data": {"path": "corpus"}, "evaluation": 1, "export": 2})


def test_stages_behind_evaluate_and_outs_are_no_inputs() -> None:
    assert Pipeline.read() == Pipeline(("data", "evaluation"), ("${data.path}", "code.py", "own.py"))


@pytest.mark.parametrize(
    ("file", "matters"), [("code.py", True), ("own.py", True), ("corpus/train.csv", True), ("other.py", False)]
)
def test_files_that_stages_read_matter_and_no_others(folder: Path, file: str, matters: bool) -> None:
    before = digest()
    (folder / file).write_text("x = 2\n")
    assert (digest() != before) == matters


def test_sections_that_stages_read_matter_and_no_others() -> None:
    pipeline, params = Pipeline.read(), {"data": {"path": "corpus"}, "evaluation": 1, "export": 2}
    assert pipeline.digest({**params, "export": 3}) == pipeline.digest(params)
    assert pipeline.digest({**params, "evaluation": 2}) != pipeline.digest(params)
