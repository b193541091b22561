"""Which spools are over, how one is sent in requests that MLflow takes, and what is put away afterwards."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from stages.tracking import delivery


class Store:
    """Stands in for MLflow: remembers runs by their tags, and every request."""

    def __init__(self) -> None:
        self.runs: list[Any] = []
        self.batches: list[tuple[str, list[Any], list[Any], list[Any]]] = []
        self.inputs: list[Any] = []
        self.folders: list[set[str]] = []
        self.ended: list[tuple[str, str, int]] = []

    def get_experiment_by_name(self, name: str) -> Any:
        return SimpleNamespace(experiment_id="e-" + name)

    def search_runs(self, experiments: list[str], query: str, max_results: int) -> list[Any]:
        return [run for run in self.runs if query in {f"tags.`{k}` = '{v}'" for k, v in run.tags.items()}][:max_results]

    def create_run(self, experiment: str, start_time: int, run_name: str, tags: dict[str, str]) -> Any:
        run = SimpleNamespace(
            info=SimpleNamespace(run_id=f"r{len(self.runs)}"), name=run_name, tags=tags, at=start_time
        )
        self.runs.append(run)
        return run

    def log_batch(self, run: str, metrics: Any = (), params: Any = (), tags: Any = ()) -> None:
        self.batches.append((run, list(metrics), list(params), list(tags)))

    def log_inputs(self, run: str, inputs: list[Any]) -> None:
        self.inputs += inputs

    def log_artifacts(self, run: str, folder: str) -> None:
        self.folders.append({path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()})

    def set_terminated(self, run: str, status: str, end: int) -> None:
        self.ended.append((run, status, end))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / ".tracking" / "spool").mkdir(parents=True)
    return tmp_path / ".tracking"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    fake = Store()
    monkeypatch.setattr(delivery, "client", lambda _: fake)
    return fake


def begin(name: str = "a", **more: Any) -> dict[str, Any]:
    return {
        "kind": "begin",
        "time": 10,
        "id": name,
        "stage": "prepare",
        "pid": os.getpid(),
        "started": 0.0,
        "session": "s",
        "uri": None,
        "experiment": "whetstone",
        "params": {},
        "tags": {},
        **more,
    }


def end(status: str = "FINISHED", time: int = 99) -> dict[str, Any]:
    return {"kind": "end", "time": time, "status": status}


def put(folder: Path, name: str, *events: dict[str, Any]) -> Path:
    file = folder / "spool" / f"{name}.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in events), encoding="utf-8")
    return file


def test_a_stage_that_runs_is_not_over(folder: Path) -> None:
    here = psutil.Process()
    put(folder, "a", begin(pid=here.pid, started=here.create_time()))
    assert delivery.pending() == []
    assert delivery.deliver() == 0


@pytest.mark.parametrize(
    ("pid", "started"), [(os.getpid(), 0.0), (2**22 + 1, 0.0)], ids=["its number was given away", "gone"]
)
def test_a_stage_whose_process_is_gone_is_over(folder: Path, pid: int, started: float) -> None:
    file = put(folder, "a", begin(pid=pid, started=started), {"kind": "metrics", "time": 11, "step": 0, "values": {}})
    assert delivery.pending() == [file]
    assert delivery.status_of(delivery.events(file)) == "KILLED"


def test_spools_are_sent_oldest_first(folder: Path, store: Store) -> None:
    for name in ("30-b", "10-c", "20-a"):
        put(folder, name, begin(name, stage=name), end())
    assert [file.stem for file in delivery.pending()] == ["10-c", "20-a", "30-b"]
    assert delivery.deliver() == 3
    assert [run.name for run in store.runs] == ["repro s", "10-c", "20-a", "30-b"]


def test_an_empty_spool_is_put_away_without_a_run(folder: Path, store: Store) -> None:
    put(folder, "a")
    assert delivery.status_of([]) == "KILLED"
    assert delivery.deliver() == 0
    os.utime(next((folder / "spool").glob("a*")), (1, 1))
    assert delivery.deliver() == 1
    assert store.runs == []
    assert [file.name for file in (folder / "done").iterdir()] == ["a.jsonl"]


def test_everything_a_stage_said_is_sent(folder: Path, store: Store) -> None:
    put(
        folder,
        "a",
        begin(params={"long": "x" * 7000, "short": "1"}, tags={"git.commit": "abc"}),
        {"kind": "metrics", "time": 20, "step": 3, "values": {"loss": 0.5, "accuracy": 0.25}},
        {"kind": "artifact", "time": 21, "path": "picture.png", "folder": None},
        {"kind": "dataset", "time": 22, "name": "train", "path": "data/train.parquet", "digest": "f" * 64, "rows": 7},
        {"kind": "tags", "time": 23, "values": {"python": "3"}},
        end("FAILED"),
    )
    (folder / "spool" / "a" / "plots").mkdir(parents=True)
    (folder / "spool" / "a" / "plots" / "picture.png").touch()
    assert delivery.deliver() == 1
    parent, child = store.runs
    assert parent.tags == {"whetstone.session": "s", "git.commit": "abc"}
    assert child.tags == {"mlflow.parentRunId": "r0", "whetstone.spool": "a", "git.commit": "abc"}
    assert (parent.at, child.at) == (10, 10)
    [(_, _, params, tags), (_, figures, _, _)] = store.batches
    assert {one.key: len(one.value) for one in params} == {"long": 6000, "short": 1}
    assert [(one.key, one.value) for one in tags] == [("python", "3")]
    found = [(one.key, one.value, one.timestamp, one.step) for one in figures]
    assert found == [("loss", 0.5, 20, 3), ("accuracy", 0.25, 20, 3)]
    [given] = store.inputs
    assert (given.dataset.name, given.dataset.digest) == ("train", "f" * 36)
    assert json.loads(given.dataset.source) == {"uri": "data/train.parquet"}
    assert store.folders == [{"plots/picture.png"}]
    assert store.ended == [("r1", "FAILED", 99), ("r0", "FAILED", 99)]
    assert list((folder / "spool").iterdir()) == []


def test_many_figures_go_in_requests_of_a_size_that_mlflow_takes(folder: Path, store: Store) -> None:
    figures = [{"kind": "metrics", "time": 20, "step": step, "values": {"a": 1.0, "b": 2.0}} for step in range(1000)]
    put(folder, "a", begin(params={f"p{i}": "1" for i in range(101)}), *figures, end())
    delivery.deliver()
    assert [len(sent) for _, sent, _, _ in store.batches] == [0, 0, 900, 900, 200]
    assert sorted((one.key, one.step) for _, sent, _, _ in store.batches for one in sent) == sorted(
        (key, step) for key in "ab" for step in range(1000)
    )
    assert [len(params) for _, _, params, _ in store.batches if params] == [100, 1]


def test_stages_of_one_session_share_a_parent_and_others_do_not(folder: Path, store: Store) -> None:
    for name, session in (("1", "s"), ("2", "s"), ("3", "t")):
        put(folder, name, begin(name, session=session, stage=name), end())
    delivery.deliver()
    parents = {run.name: run.tags["mlflow.parentRunId"] for run in store.runs if "mlflow.parentRunId" in run.tags}
    assert parents["1"] == parents["2"] != parents["3"]


def test_a_spool_is_put_away_only_after_all_of_it_was_taken(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(folder, "a", begin(), end())
    (folder / "failure").write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(Store, "set_terminated", lambda *_: (_ for _ in ()).throw(ConnectionError))
        with pytest.raises(ConnectionError):
            delivery.deliver()
    assert delivery.pending() == [file]
    assert (folder / "failure").exists()
    assert delivery.deliver() == 1
    assert len(store.runs) == 2
    assert not (folder / "failure").exists()


def test_only_the_latest_delivered_spools_are_kept(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "KEPT", 2)
    put(folder, "0", {**begin("0"), "copy": True}, end())
    for name in ("1", "2", "3", "4"):
        put(folder, name, begin(name), end())
    delivery.deliver()
    kept = ["0.jsonl", "3.jsonl", "4.jsonl"]
    assert sorted(file.name for file in (folder / "done").iterdir()) == kept, "experiments are counted apart"
    monkeypatch.setattr(delivery, "KEPT_COPIES", 1)
    put(folder, "5", {**begin("5"), "copy": True}, end())
    delivery.deliver()
    assert sorted(file.name for file in (folder / "done").iterdir()) == ["3.jsonl", "4.jsonl", "5.jsonl"]


def test_a_spool_that_is_put_away_meanwhile_is_still_read(folder: Path, store: Store) -> None:
    file = put(folder, "a", begin(), end())
    known = delivery.recorded()
    delivery.deliver()
    assert not file.exists()
    assert known == [file]
    assert delivery.events(file) == delivery.events(folder / "done/a.jsonl") != []
    assert delivery.begin_of(folder / "spool/never.jsonl") is None


def test_an_address_in_params_is_taken_as_it_is(folder: Path) -> None:
    assert delivery.store("http://127.0.0.1:9") == "http://127.0.0.1:9"
    assert not (folder.parent / ".mlflow").exists()
    assert delivery.store(None) == f"sqlite:///{folder.parent}/.mlflow/mlflow.db"
    assert (folder.parent / ".mlflow").is_dir()


@pytest.mark.parametrize(
    ("uri", "location"), [(None, "file://{}/.mlflow/artifacts"), ("http://127.0.0.1:9", None)], ids=["own", "server"]
)
def test_a_new_experiment_keeps_artifacts_beside_the_default_store_only(
    folder: Path, uri: str | None, location: str | None
) -> None:
    made: list[tuple[str, str | None]] = []

    class Empty:
        def get_experiment_by_name(self, name: str) -> None:
            return None

        def create_experiment(self, name: str, artifact_location: str | None) -> int:
            made.append((name, artifact_location))
            return 7

    assert delivery.experiment(Empty(), uri, "mine") == "7"
    assert made == [("mine", location and location.format(folder.parent))]
