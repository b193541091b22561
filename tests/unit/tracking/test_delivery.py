"""Spools reach MLflow once, complete, under their session's run; what was not run is recorded by sync."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from stages.params.tracking import TrackingParams
from stages.tracking import __main__ as commands
from stages.tracking import delivery, session, spool
from stages.tracking.sync import sync

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning"),
]
LOCK = """
schema: '2.0'
stages:
  prepare:
    cmd: python -m stages.prepare
    outs:
    - path: data/prepared
      md5: 0123.dir
  finetune:
    cmd: python -m stages.finetune
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(spool, "_start_delivery", lambda: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_stage(root: Path, name: str = "prepare") -> None:
    (root / "picture.png").write_bytes(b"png")
    with spool.stage_run(name, {"tracking": TrackingParams()}, TrackingParams()) as record:
        for step in (1, 2):
            record.metrics({"loss": 1 / step}, step=step)
        record.artifact(root / "picture.png")
        record.artifact(root / "missing.png")
        record.dataset("train", Path("data/train.parquet"), "f" * 64, 7)


def runs() -> list[Any]:
    client = delivery.client(None)
    found = client.get_experiment_by_name("whetstone")
    return list(client.search_runs([found.experiment_id]))


def test_a_stage_becomes_a_child_run_with_everything_it_said(root: Path) -> None:
    run_stage(root)
    assert delivery.deliver() == 1
    assert delivery.deliver() == 0
    found = {one.info.run_name.split()[0]: one for one in runs()}
    assert set(found) == {"repro", "prepare"}
    child, parent = found["prepare"], found["repro"]
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.info.status == parent.info.status == "FINISHED"
    assert child.data.params["tracking.experiment"] == "whetstone"
    client = delivery.client(None)
    assert [(one.step, one.value) for one in client.get_metric_history(child.info.run_id, "loss")] == [
        (1, 1.0),
        (2, 0.5),
    ]
    assert [one.path for one in client.list_artifacts(child.info.run_id)] == ["picture.png"]
    assert child.inputs.dataset_inputs[0].dataset.name == "train"
    assert not list((root / ".tracking" / "spool").iterdir())
    assert len(list((root / ".tracking" / "done").glob("*.jsonl"))) == 1


def test_a_delivery_that_broke_off_is_done_again_without_doubles(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_stage(root)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_fill", lambda *_: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            delivery.deliver()
    assert len(delivery.pending()) == 1
    assert delivery.deliver() == 1
    assert sorted(one.info.run_name.split()[0] for one in runs()) == ["prepare", "repro"]


def test_without_locks_records_are_delivered_all_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "no locks here")

    run_stage(root)
    monkeypatch.setattr("fcntl.flock", refuse)
    assert delivery.deliver() == 1


def test_a_refused_record_does_not_keep_a_session_from_being_completed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "dvc.lock").write_text(LOCK)
    run_stage(root)
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_fill", lambda *_: (_ for _ in ()).throw(ValueError("refused")))
        with pytest.raises(ValueError, match="refused"):
            sync(TrackingParams())
    parent = next(one for one in runs() if one.info.run_name.startswith("repro"))
    assert parent.data.tags["stage.finetune"] == "restored or unchanged"


def test_only_one_delivery_at_a_time(root: Path) -> None:
    run_stage(root)
    with delivery.lock(wait=False) as mine:
        assert mine
        assert delivery.deliver() == 0
    assert delivery.deliver() == 1


def test_sync_records_what_was_not_run(root: Path) -> None:
    settings = TrackingParams()
    assert "no dvc.lock" in sync(settings)
    (root / "dvc.lock").write_text(LOCK)
    (root / "reports/evaluation").mkdir(parents=True)
    (root / "reports/evaluation/metrics.json").write_text(json.dumps({"test": {"accuracy": 0.5, "n": 3}, "ok": True}))
    run_stage(root)
    assert "1 stage runs delivered" in sync(settings)
    parent = next(one for one in runs() if one.info.run_name.startswith("repro"))
    assert parent.data.tags["stage.prepare"] == "ran"
    assert parent.data.tags["stage.finetune"] == "restored or unchanged"
    assert parent.data.tags["dvc.data/prepared"] == "0123.dir"
    assert parent.data.metrics == {"test.accuracy": 0.5, "test.n": 3.0}
    assert "nothing new" in sync(settings)
    (root / "dvc.lock").write_text(LOCK + "  evaluate:\n    cmd: python -m stages.evaluate\n")
    assert "up to date" in sync(settings)
    restored = next(one for one in runs() if "restored" in one.info.run_name)
    assert {value for key, value in restored.data.tags.items() if key.startswith("stage.")} == {"restored or unchanged"}
    assert "off" in sync(TrackingParams(enabled=False))


def test_commands(
    root: Path, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "params.yaml").write_text((project / "tests/params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert commands.main(["where"]) == 0
    assert capsys.readouterr().out.strip() == f"sqlite:///{root}/.mlflow/mlflow.db"
    run_stage(root)
    assert commands.main(["deliver"]) == 0
    assert commands.main(["sync"]) == 0
    called: list[list[str]] = []

    class Done:
        returncode = 0

    def run(words: list[str], **_: Any) -> type[Done]:
        called.append(words)
        return Done

    monkeypatch.setattr("subprocess.run", run)
    assert commands.main(["ui", "--port", "5123"]) == 0
    assert called[0][-1] == "5123"
    assert f"sqlite:///{root}/.mlflow/mlflow.db" in called[0]
    text = (root / "params.yaml").read_text(encoding="utf-8")
    (root / "params.yaml").write_text(text.replace("uri: null", "uri: http://example.org"), encoding="utf-8")
    assert commands.main(["ui"]) == 0
    assert "open http://example.org" in capsys.readouterr().out
    (root / "params.yaml").write_text("trackin: {}\n")
    assert commands.main(["where"]) == 2


def test_a_server_that_is_down_costs_a_warning(root: Path, project: Path) -> None:
    text = (project / "tests/params.yaml").read_text(encoding="utf-8").replace("uri: null", "uri: http://127.0.0.1:9")
    (root / "params.yaml").write_text(text, encoding="utf-8")
    with spool.stage_run("prepare", {}, TrackingParams(uri="http://127.0.0.1:9")):
        pass
    assert commands.main(["deliver"]) == 0
    assert len(delivery.pending()) == 1
    assert (session.folder() / "failure").read_text()


def test_an_unwritable_record_stops_nobody(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / ".tracking").write_text("a file where the folder should be")
    with spool.stage_run("prepare", {}, TrackingParams()) as record:
        record.metrics({"a": 1.0})
    broken = spool.Record(root / "nowhere" / "spool.jsonl")
    broken.metrics({"a": 1.0})
    broken.metrics({"a": 1.0})
    assert (root / ".tracking").is_file()


def test_line_separators_in_params_and_cut_characters_lose_no_event(root: Path) -> None:
    with spool.stage_run("prepare", {"tracking": TrackingParams(experiment="a\u2028b\u0085c")}, TrackingParams()):
        pass
    file = delivery.pending()[0]
    assert [one["kind"] for one in delivery.events(file)] == ["begin", "metrics", "tags", "end"]
    with file.open("ab") as stream:
        stream.write('{"kind": "tags", "values": {"a": "退'.encode()[:-1])
    assert [one["kind"] for one in delivery.events(file)][-1] == "end"


def test_a_spool_without_begin_blocks_nobody(root: Path) -> None:
    folder = root / ".tracking" / "spool"
    folder.mkdir(parents=True)
    (folder / "0-broken.jsonl").write_text('{"kind": "metrics", "values": {}}\n')
    assert delivery.pending() == []
    os.utime(folder / "0-broken.jsonl", (1, 1))
    run_stage(root)
    assert delivery.deliver() == 2
    assert [one.info.run_name for one in runs() if "mlflow.parentRunId" in one.data.tags] == ["prepare"]


def test_a_spool_that_is_refused_stops_no_other(root: Path) -> None:
    with spool.stage_run("tokenize", {}, TrackingParams()) as record:
        record.write("metrics", step=0, values={"bad[name]": 1.0})  # past the names that `metrics` makes good
    run_stage(root)
    with pytest.raises(Exception, match=r"bad\[name\]"):
        delivery.deliver()
    assert len(delivery.pending()) == 1
    assert "prepare" in {one.info.run_name for one in runs()}


def test_a_missing_folder_is_no_second_failure(root: Path, monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    (root / "params.yaml").write_text((project / "tests/params.yaml").read_text(encoding="utf-8"), encoding="utf-8")

    def down(_: object) -> str:
        raise ConnectionError("down")

    monkeypatch.setattr(commands, "sync", down)
    assert not (root / ".tracking").exists()
    assert commands.main(["sync"]) == 0
    assert (root / ".tracking" / "failure").is_file()


def test_more_params_than_one_request_takes_arrive_all(root: Path) -> None:
    run_stage(root)
    (file,) = delivery.pending()
    first, *others = file.read_text().splitlines(keepends=True)
    begin = json.loads(first)
    begin["params"] = {f"training.key{i}": str(i) for i in range(230)}
    file.write_text(json.dumps(begin) + "\n" + "".join(others))
    assert delivery.deliver() == 1
    child = next(run for run in runs() if "mlflow.parentRunId" in run.data.tags)
    assert child.data.params == begin["params"]
