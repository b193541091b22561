"""What a stage may write down, what is left out, and how little a record that cannot be written changes."""

from __future__ import annotations

import json
import logging
import platform
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stages.params.task import TaskParams
from stages.params.text import TextParams
from stages.params.tracking import TrackingParams
from stages.tracking import delivery, spool


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """The processes that were started, none of which really was."""
    seen: list[tuple[list[str], dict[str, Any]]] = []
    monkeypatch.setattr("subprocess.Popen", lambda words, **more: seen.append((words, more)))
    # Both would start processes too.
    monkeypatch.setattr("stages.tracking.session.git_state", lambda: {"git.commit": "abc"})
    monkeypatch.setattr("platform.processor", lambda: "")
    return seen


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def spools(root: Path) -> list[Path]:
    return sorted((root / ".tracking" / "spool").glob("*.jsonl"))


def test_events_are_written_at_once_and_in_order(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    record = spool.Record(file)
    record.metrics({"loss": 1}, step=4)
    assert len(lines(file)) == 1
    record.tags({"name": "退货 🙂"})
    record.dataset("train", Path("data") / "train.parquet", "f" * 64, 7)
    found = lines(file)
    assert [one.pop("kind") for one in found] == ["metrics", "tags", "dataset"]
    times = [one.pop("time") for one in found]
    assert times == sorted(times)
    assert found == [
        {"step": 4, "values": {"loss": 1.0}},
        {"values": {"name": "退货 🙂"}},
        {"name": "train", "path": "data/train.parquet", "digest": "f" * 64, "rows": 7},
    ]


def test_figures_that_are_no_finite_numbers_are_left_out(tmp_path: Path) -> None:
    record = spool.Record(tmp_path / "a.jsonl")
    record.metrics({"a": float("nan"), "b": float("inf"), "c": float("-inf"), "d": 0.0})
    [found] = lines(tmp_path / "a.jsonl")
    assert (found["values"], found["step"]) == ({"d": 0.0}, 0)


def test_small_artifacts_are_copied_before_a_later_stage_changes_them(tmp_path: Path) -> None:
    record, picture = spool.Record(tmp_path / "a.jsonl"), tmp_path / "picture.png"
    picture.write_bytes(b"first")
    record.artifact(picture)
    record.artifact(picture, folder="plots/test")
    picture.write_bytes(b"second")
    kept = {path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*.png")}
    assert kept == {"picture.png", "plots/test/picture.png"}
    assert (tmp_path / "a" / "picture.png").read_bytes() == b"first"
    assert [one["folder"] for one in lines(tmp_path / "a.jsonl")] == [None, "plots/test"]


def test_artifacts_are_kept_up_to_a_size_and_if_they_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "COPIED", 4)
    record = spool.Record(tmp_path / "a.jsonl")
    for name, content in (("fits", b"1234"), ("large", b"12345")):
        (tmp_path / name).write_bytes(content)
        record.artifact(tmp_path / name)
    record.artifact(tmp_path)
    record.artifact(tmp_path / "missing")
    assert [one["path"] for one in lines(tmp_path / "a.jsonl")] == [(tmp_path / "fits").as_posix()]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["fits"]


def test_a_record_that_cannot_be_written_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "picture.png").touch()
    record = spool.Record(tmp_path / "missing" / "a.jsonl")
    with caplog.at_level(logging.WARNING):
        record.metrics({"a": 1.0})
        record.tags({"a": "b"})
    assert len(caplog.messages) == 1
    assert "the stage goes on" in caplog.text
    spool.Record(tmp_path / "picture.png" / "a.jsonl").artifact(tmp_path / "picture.png")
    assert len(caplog.messages) == 2


def test_no_record_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "picture.png").touch()
    record = spool.Record(None)
    record.metrics({"a": 1.0})
    record.artifact(tmp_path / "picture.png")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_a_run_begins_with_who_and_what_and_ends_with_what_it_took(
    root: Path, started: list[tuple[list[str], dict[str, Any]]]
) -> None:
    sections = {"task": TaskParams(top_k=5), "text": TextParams(max_length=64)}
    with spool.stage_run("tokenize", sections, TrackingParams(experiment="mine", uri="http://127.0.0.1:9")):
        pass
    begin, spent, tags, end = lines(spools(root)[0])
    assert (begin["kind"], begin["stage"], begin["experiment"]) == ("begin", "tokenize", "mine")
    assert begin["uri"] == "http://127.0.0.1:9"
    assert begin["tags"] == {"git.commit": "abc"}
    assert begin["params"]["task.kind"] == "classification"
    assert begin["params"]["task.top_k"] == "5"
    assert begin["params"]["text.max_length"] == "64"
    assert begin["id"] == spools(root)[0].stem
    assert spent["values"]["duration_seconds"] >= 0
    assert 1 < spent["values"]["peak_memory_mib"] < 2**20
    assert int(tags["values"]["machine.cores"]) >= 1
    assert tags["values"]["machine.cpu"] == platform.machine()
    assert (end["kind"], end["status"]) == ("end", "FINISHED")


def test_params_are_flat_texts() -> None:
    nested = {"a": {"b": {"c": 1.5, "d": None}, "e": "text"}, "f": [1, "x"], "g": True, "h": {}}
    assert dict(spool._flatten(nested)) == {
        "a.b.c": "1.5",
        "a.b.d": "null",
        "a.e": "text",
        "f": '[1, "x"]',
        "g": "true",
    }


def test_runs_of_one_moment_have_spools_of_their_own(
    root: Path, started: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1)
    for _ in range(3):
        with spool.stage_run("prepare", {}, TrackingParams()):
            pass
    assert len(spools(root)) == 3


def test_every_end_starts_one_delivery_that_nobody_waits_for(
    root: Path, started: list[tuple[list[str], dict[str, Any]]]
) -> None:
    with spool.stage_run("prepare", {}, TrackingParams()):
        assert started == []
    with pytest.raises(KeyboardInterrupt), spool.stage_run("prepare", {}, TrackingParams()):
        raise KeyboardInterrupt
    assert len(started) == 2
    words, how = started[0]
    assert words == [sys.executable, "-m", "stages.tracking", "deliver"]
    assert how["start_new_session"] is True
    assert Path(how["stdout"].name) == root / ".tracking" / "delivery.log"
    assert {delivery.status_of(lines(file)) for file in spools(root)} == {"FINISHED", "FAILED"}


def test_a_delivery_outlives_the_folder_of_a_queued_experiment(
    root: Path, started: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = root / ".dvc" / "tmp" / "exps" / "tmp123"
    copy.mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(copy))
    with spool.stage_run("prepare", {}, TrackingParams()):
        pass
    assert len(spools(root)) == 1
    assert started[0][1]["env"]["DVC_ROOT"] == str(root)


def test_a_delivery_that_cannot_be_started_changes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def popen(*_: Any, **__: Any) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr("stages.tracking.session.git_state", dict)
    monkeypatch.setattr("subprocess.Popen", popen)
    with spool.stage_run("prepare", {}, TrackingParams()):
        pass
    assert lines(spools(root)[0])[-1]["status"] == "FINISHED"


def test_the_next_stage_tells_of_a_delivery_that_failed(
    root: Path, started: list[tuple[list[str], dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    (root / ".tracking").mkdir()
    (root / ".tracking" / "failure").write_text("OperationalError: locked")
    with caplog.at_level(logging.WARNING), spool.stage_run("prepare", {}, TrackingParams()):
        pass
    assert "MLflow did not take the last record (OperationalError: locked)" in caplog.text
    assert len(spools(root)) == 1


@pytest.mark.parametrize("gpu", [True, False])
def test_the_machine_is_described_without_importing_torch_for_it(gpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(is_available=lambda: gpu, get_device_name=lambda: "a GPU")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(__version__="2.x", cuda=cuda))
    found = spool._machine()
    assert found["torch"] == "2.x"
    assert found.get("machine.gpu") == ("a GPU" if gpu else None)
    monkeypatch.delitem(sys.modules, "torch")
    assert set(spool._machine()) == {"machine.cpu", "machine.cores", "python"}
    assert "torch" not in sys.modules
