"""A stage's record: written whatever happens, delivered once, never in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.params.tracking import TrackingParams
from stages.tracking import delivery, session, spool
from stages.tracking.sync import latest_session, numbers


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(spool, "_start_delivery", lambda: None)
    return tmp_path


def test_a_run_is_written_down_from_begin_to_end(root: Path) -> None:
    with spool.stage_run("prepare", {}, TrackingParams()) as record:
        record.metrics({"loss": 0.5, "broken": float("nan")}, step=3)
    file = next((root / ".tracking" / "spool").glob("*.jsonl"))
    found = delivery.events(file)
    assert [one["kind"] for one in found][:2] == ["begin", "metrics"]
    assert found[1]["values"] == {"loss": 0.5}
    assert delivery.status_of(found) == "FINISHED"
    assert latest_session() == (session.key(), {"prepare": "FINISHED"})


def test_a_stage_that_fails_is_recorded_as_failed(root: Path) -> None:
    with pytest.raises(ValueError, match="no"), spool.stage_run("prepare", {}, TrackingParams()):
        raise ValueError("no")
    assert delivery.status_of(delivery.events(delivery.pending()[0])) == "FAILED"


def test_a_killed_stage_is_known_by_its_missing_end(root: Path) -> None:
    folder = root / ".tracking" / "spool"
    folder.mkdir(parents=True)
    begin = {"kind": "begin", "time": 1, "pid": 2**22 - 1, "started": 0.0}
    (folder / "a.jsonl").write_text(json.dumps(begin) + '\n{"kind": "met')
    assert [delivery.status_of(delivery.events(file)) for file in delivery.pending()] == ["KILLED"]


def test_switched_off_it_writes_nothing(root: Path) -> None:
    with spool.stage_run("prepare", {}, TrackingParams(enabled=False)) as record:
        record.metrics({"a": 1.0})
    assert not (root / ".tracking").exists()


def test_an_experiment_names_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "abc")
    monkeypatch.setenv("DVC_EXP_NAME", "tidy-fox")
    assert session.key() == "tidy-fox@abc"


def test_a_queued_experiment_records_into_the_checkout_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / ".dvc" / "tmp" / "exps" / "tmp123"))
    assert session.folder() == tmp_path / ".tracking"


def test_nested_numbers_get_dotted_names() -> None:
    assert dict(numbers({"a": {"b": 1, "c": "x"}, "d": 0.5, "e": True})) == {"a.b": 1.0, "d": 0.5}


def command(root: Path, name: str, project: Path) -> subprocess.CompletedProcess[str]:
    import os

    env = {**os.environ, "DVC_ROOT": str(root), "PYTHONPATH": str(project)}
    words = [sys.executable, "-m", "stages.tracking", name]
    return subprocess.run(words, cwd=root, env=env, capture_output=True, text=True, check=False, timeout=120)


def test_delivery_puts_a_run_under_its_pipeline_once(root: Path, project: Path) -> None:
    with spool.stage_run("prepare", {}, TrackingParams()) as record:
        record.metrics({"rows": 3.0})
        (root / "note.txt").write_text("kept")
        record.artifact(root / "note.txt")
    file = delivery.pending()[0]
    copy = file.read_text()
    assert command(root, "deliver", project).returncode == 0
    assert not delivery.pending()
    file.write_text(copy)  # a delivery that broke off just before it put the spool away
    assert command(root, "deliver", project).returncode == 0
    mlflow = delivery.client(None)
    found = mlflow.search_runs([mlflow.get_experiment_by_name("whetstone").experiment_id])
    assert len(found) == 2
    child = next(run for run in found if delivery.TAG_SPOOL in run.data.tags)
    assert child.data.metrics["rows"] == 3
    assert child.info.status == "FINISHED"
    assert child.data.tags["mlflow.parentRunId"] in {run.info.run_id for run in found}


def test_a_server_that_is_down_costs_a_warning(root: Path, project: Path) -> None:
    with spool.stage_run("prepare", {}, TrackingParams(uri="http://127.0.0.1:9")):
        pass
    began = time.monotonic()
    done = command(root, "deliver", project)
    assert done.returncode == 0
    assert "did not take the record" in done.stderr
    assert time.monotonic() - began < 60
    assert len(delivery.pending()) == 1


def test_a_stage_on_another_machine_is_not_taken_for_gone(root: Path) -> None:
    folder = root / ".tracking" / "spool"
    folder.mkdir(parents=True)
    begin = {"kind": "begin", "time": 1, "pid": 2**22 - 1, "started": 0.0, "machine": "elsewhere pid:[1]"}
    file = folder / "a.jsonl"
    file.write_text(json.dumps(begin) + "\n")
    assert delivery.pending() == []
    old = time.time() - delivery.SILENT - 10
    os.utime(file, (old, old))
    assert delivery.pending() == [file]
    file.write_text(json.dumps(begin) + '\n{"kind": "end", "time": 2, "status": "FINISHED"}\n')
    assert delivery.pending() == [file]


def test_what_comes_after_a_record_was_put_away_is_added_to_it(root: Path) -> None:
    folder = root / ".tracking"
    for part in ("spool", "done"):
        (folder / part).mkdir(parents=True)
    (folder / "done" / "a.jsonl").write_text('{"kind": "begin", "time": 1}\n')
    late = folder / "spool" / "a.jsonl"
    late.write_text('{"kind": "end", "time": 2, "status": "FINISHED"}\n')
    old = time.time() - delivery.YOUNG - 10
    os.utime(late, (old, old))
    assert delivery.deliver() == 1
    assert not late.exists()
    assert delivery.status_of(delivery.events(folder / "done" / "a.jsonl")) == "FINISHED"


def test_names_of_metrics_are_such_as_mlflow_takes(root: Path) -> None:
    from mlflow.utils.validation import _validate_metric_name

    with spool.stage_run("prepare", {}, TrackingParams()) as record:
        record.metrics({"train.spans, dropped": 1.0, "你好 (a)": 2.0})
    events = delivery.events(next((root / ".tracking" / "spool").glob("*.jsonl")))
    names = list(events[1]["values"])
    assert names == ["train.spans_ dropped", "你好 _a_"]
    for name in names:
        _validate_metric_name(name)


@pytest.mark.parametrize(
    ("uri", "meant"),
    [
        ("sqlite:///mlflow.db", "sqlite:///{root}/mlflow.db"),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/mlflow.db"),
        ("runs", "file://{root}/runs"),
        ("file:runs", "file://{root}/runs"),
        ("file:///srv/runs", "file:///srv/runs"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("databricks", "databricks"),
    ],
)
def test_a_relative_store_lies_in_the_checkout_wherever_a_stage_runs(root: Path, uri: str, meant: str) -> None:
    assert delivery.store(uri) == meant.format(root=root)
