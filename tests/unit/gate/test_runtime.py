"""What the last session cost, read from spools as stages write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.gate import runtime
from stages.params.tracking import TrackingParams
from stages.tracking import session, spool


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(spool, "_start_delivery", lambda: None)
    return tmp_path


def test_without_a_record_nothing_ran() -> None:
    assert runtime.last_session() == []


def test_stages_of_the_last_session_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, names in (("first", ["prepare"]), ("second", ["tokenize", "finetune"])):
        monkeypatch.setattr(session, "key", lambda key=key: key)
        for name in names:
            with spool.stage_run(name, {}, TrackingParams()) as record:
                record.metrics({"loss": 0.5}, step=1)
    found = runtime.last_session()
    assert [one.stage for one in found] == ["tokenize", "finetune"]
    assert all(one.status == "FINISHED" and one.seconds is not None and one.seconds >= 0 for one in found)
    assert "cores" in found[0].machine
    assert "python 3" in found[0].machine


def test_a_stage_that_was_killed_says_so(folder: Path) -> None:
    with spool.stage_run("finetune", {}, TrackingParams()):
        pass
    file = next((folder / ".tracking" / "spool").glob("*.jsonl"))
    file.write_text(file.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    (found,) = runtime.last_session()
    assert (found.status, found.seconds, found.machine) == ("KILLED", None, "")


def test_stages_of_experiments_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, stage in (
        ("one@abc", "finetune"),
        ("host-7-1.00", "finetune"),
        ("two@abc", "evaluate"),
        ("one@abc", "evaluate"),
    ):
        monkeypatch.setattr(session, "key", lambda key=key: key)
        with spool.stage_run(stage, {}, TrackingParams()):
            pass
    found = runtime.experiments()
    assert {name: [run.stage for run in runs] for name, runs in found.items()} == {
        "one": ["finetune", "evaluate"],
        "two": ["evaluate"],
    }
