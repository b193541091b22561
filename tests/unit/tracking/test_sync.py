"""After a repro the record tells of every stage, also of those that DVC did not have to run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stages.params.tracking import TrackingParams
from stages.tracking import delivery
from stages.tracking.sync import STATE, latest_session, numbers, stages_of, sync

SETTINGS = TrackingParams()
LOCK = """
schema: '2.0'
stages:
  prepare:
    cmd: python -m stages.prepare
    outs:
    - path: data/prepared
      md5: 0123.dir
    - path: reports/data
  finetune:
    cmd: python -m stages.finetune
"""


class Store:
    """Stands in for MLflow: what was said of each run, by the run's session."""

    def __init__(self) -> None:
        self.tags: dict[str, dict[str, str]] = {}
        self.metrics: dict[str, dict[str, float]] = {}
        self.ended: list[str] = []

    def get_experiment_by_name(self, name: str) -> Any:
        return SimpleNamespace(experiment_id="1")

    def search_runs(self, experiments: list[str], query: str, max_results: int) -> list[Any]:
        return [self.run(key) for key in self.tags if query == f"tags.`whetstone.session` = '{key}'"]

    def create_run(self, experiment: str, start_time: int | None, run_name: str, tags: dict[str, str]) -> Any:
        key = tags["whetstone.session"]
        self.tags[key], self.metrics[key] = {}, {}
        return self.run(key)

    def run(self, key: str) -> Any:
        return SimpleNamespace(info=SimpleNamespace(run_id=key))

    def set_tag(self, run: str, name: str, value: str) -> None:
        self.tags[run][name] = value

    def log_metric(self, run: str, name: str, value: float) -> None:
        self.metrics[run][name] = value

    def set_terminated(self, run: str, status: str) -> None:
        self.ended.append(f"{run} {status}")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.time", lambda: 1234.5)
    monkeypatch.setattr("stages.tracking.session.git_state", dict)
    return tmp_path


@pytest.fixture
def store(root: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    fake = Store()
    monkeypatch.setattr(delivery, "client", lambda _: fake)
    return fake


def ran(root: Path, session: str, stage: str, time: int, part: str = "done", **other: Any) -> None:
    folder = root / ".tracking" / part
    folder.mkdir(parents=True, exist_ok=True)
    end = {"kind": "end", "time": time, "status": other.pop("status", "FINISHED")}
    begin = {"kind": "begin", "time": time, "session": session, "stage": stage, **other}
    (folder / f"{time}-{stage}.jsonl").write_text(f"{json.dumps(begin)}\n{json.dumps(end)}\n", encoding="utf-8")


def stages(store: Store, key: str) -> dict[str, str]:
    return {name.removeprefix("stage."): how for name, how in store.tags[key].items() if name.startswith("stage.")}


def test_switched_off_it_touches_nothing(root: Path, store: Store) -> None:
    (root / "dvc.lock").write_text(LOCK)
    assert "tracking is off" in sync(TrackingParams(enabled=False))
    assert [path.name for path in root.iterdir()] == ["dvc.lock"]
    assert store.tags == {}


def test_before_the_first_repro_there_is_nothing_to_complete(root: Path, store: Store) -> None:
    assert sync(SETTINGS) == "0 stage runs delivered; no dvc.lock yet"
    assert store.tags == {}


def test_a_session_is_completed_by_the_stages_that_it_did_not_run(root: Path, store: Store) -> None:
    (root / "dvc.lock").write_text(LOCK)
    ran(root, "one", "finetune", 5)
    assert "up to date" in sync(SETTINGS)
    assert stages(store, "one") == {"prepare": "restored or unchanged", "finetune": "ran"}
    assert store.tags["one"]["dvc.data/prepared"] == "0123.dir"
    assert store.tags["one"]["dvc.reports/data"] == ""
    assert store.ended == ["one FINISHED"]


def test_figures_of_the_evaluation_are_recorded_by_their_dotted_names(root: Path, store: Store) -> None:
    (root / "dvc.lock").write_text(LOCK)
    (root / "reports/evaluation").mkdir(parents=True)
    (root / "reports/evaluation/metrics.json").write_text(
        '{"test": {"accuracy": 0.5, "n": 3, "kind": "x", "ok": true}}'
    )
    ran(root, "one", "evaluate", 5)
    sync(SETTINGS)
    assert store.metrics["one"] == {"test.accuracy": 0.5, "test.n": 3.0}


def test_a_second_sync_has_nothing_to_do(root: Path, store: Store) -> None:
    (root / "dvc.lock").write_text(LOCK)
    ran(root, "one", "finetune", 5)
    sync(SETTINGS)
    assert sync(SETTINGS) == "0 stage runs delivered; nothing new in dvc.lock"
    assert store.ended == ["one FINISHED"]


def test_a_repro_that_only_restored_gets_a_run_of_its_own(root: Path, store: Store) -> None:
    (root / "dvc.lock").write_text(LOCK)
    ran(root, "one", "finetune", 5)
    sync(SETTINGS)
    (root / "dvc.lock").write_text(LOCK.replace("0123", "4567"))
    sync(SETTINGS)
    assert set(store.tags) == {"one", "restored-1234"}
    assert set(stages(store, "restored-1234").values()) == {"restored or unchanged"}
    assert store.tags["restored-1234"]["dvc.data/prepared"] == "4567.dir"
    assert stages(store, "one")["finetune"] == "ran"


def test_a_lock_that_was_pulled_is_recorded_as_restored(root: Path, store: Store) -> None:
    (root / "dvc.lock").write_text(LOCK)
    sync(SETTINGS)
    assert set(store.tags) == {"restored-1234"}
    assert set(stages(store, "restored-1234").values()) == {"restored or unchanged"}


def test_a_new_session_with_the_same_results_is_recorded_too(root: Path, store: Store) -> None:
    (root / "dvc.lock").write_text(LOCK)
    ran(root, "one", "finetune", 5)
    sync(SETTINGS)
    ran(root, "two", "prepare", 6)
    sync(SETTINGS)
    assert stages(store, "two") == {"prepare": "ran", "finetune": "restored or unchanged"}


def test_what_mlflow_did_not_take_is_done_again(root: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "dvc.lock").write_text(LOCK)
    ran(root, "one", "finetune", 5)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "set_tag", lambda *_: (_ for _ in ()).throw(ConnectionError))
        with pytest.raises(ConnectionError):
            sync(SETTINGS)
    assert not (root / ".tracking" / STATE).exists()
    assert "up to date" in sync(SETTINGS)
    assert stages(store, "one")["finetune"] == "ran"


def test_the_latest_session_has_all_its_stages_wherever_their_spools_lie(root: Path) -> None:
    assert latest_session() is None
    ran(root, "old", "export", 3)
    ran(root, "new", "prepare", 4)
    ran(root, "old", "evaluate", 5)
    ran(root, "new", "finetune", 6, part="spool")
    (root / ".tracking" / "done" / "9.jsonl").touch()
    assert latest_session() == ("new", {"prepare": "FINISHED", "finetune": "FINISHED"})


def test_an_experiment_of_the_queue_is_no_session_of_the_checkout(root: Path, store: Store) -> None:
    (root / "dvc.lock").write_text(LOCK)
    ran(root, "sweep-full@c0ffee", "finetune", 5, copy=True)
    assert latest_session() is None
    ran(root, "one", "prepare", 4)
    assert latest_session() == ("one", {"prepare": "FINISHED"})
    sync(SETTINGS)
    assert set(store.tags) == {"one"}


def test_after_a_failure_the_last_results_are_not_taken_for_the_sessions(root: Path, store: Store) -> None:
    (root / "dvc.lock").write_text(LOCK)
    (root / "reports/evaluation").mkdir(parents=True)
    (root / "reports/evaluation/metrics.json").write_text('{"test": {"accuracy": 0.5}}')
    ran(root, "one", "prepare", 5)
    ran(root, "one", "finetune", 6, status="FAILED")
    sync(SETTINGS)
    assert stages(store, "one") == {"prepare": "ran", "finetune": "failed"}
    assert store.metrics["one"] == {}
    assert store.ended == ["one FAILED"]


@pytest.mark.parametrize("text", ["", "schema: '2.0'\n", "# nothing yet\n"])
def test_a_lock_may_hold_no_stages(text: str, tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text(text)
    assert stages_of(tmp_path / "dvc.lock") == {}


def test_stages_keep_the_order_of_the_lock(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text(LOCK, encoding="utf-8")
    assert list(stages_of(tmp_path / "dvc.lock")) == ["prepare", "finetune"]


def test_lists_texts_and_truth_values_are_no_numbers() -> None:
    nested = {"a": {"b": {"c": 2}}, "list": [1, 2], "text": "3", "none": None, "true": True, "d": -0.5, "e": {}}
    assert list(numbers(nested)) == [("a.b.c", 2.0), ("d", -0.5)]
