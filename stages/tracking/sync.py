"""After a repro: deliver what waits, and record which stages DVC did not have to run.

A stage that DVC restores from its run-cache, or leaves alone, starts no process and writes no spool. The pipeline's run would
look incomplete; `sync` gives it the state of every stage in `dvc.lock`, the hashes of their outs, and the final metrics.
Weights are never uploaded: dvc's md5 and the git commit say where they are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages.artifacts import METRICS, project_root, sha256
from stages.params.tracking import TrackingParams
from stages.tracking import delivery, session
from stages.tracking.spool import named

STATE = "last_sync.json"
FINISHED = "FINISHED"


def sync(settings: TrackingParams) -> str:
    """Deliver, complete the latest session's run, and say what was done."""
    if not settings.enabled:
        return "tracking is off (tracking.enabled: false)"
    try:
        sent = delivery.deliver()
    except Exception:
        # One record that MLflow refuses must not keep the session's run from being completed.
        with suppress(Exception):
            _bring_up_to_date(settings, 0)
        raise
    return _bring_up_to_date(settings, sent)


def _bring_up_to_date(settings: TrackingParams, sent: int) -> str:
    """Complete the latest session's run, and say what was done."""
    lock = project_root() / "dvc.lock"
    if not lock.is_file():
        return f"{sent} stage runs delivered; no dvc.lock yet"
    latest = latest_session()
    known = session.folder() / STATE
    now = {"lock": sha256(lock), "session": latest[0] if latest else None}
    before = json.loads(known.read_text()) if known.is_file() else {}
    if before == now:
        return f"{sent} stage runs delivered; nothing new in dvc.lock"
    same_session = latest is None or before.get("session") == latest[0]
    key = f"restored-{int(time.time())}" if same_session else latest[0]  # type: ignore[index]
    ran = {} if same_session else latest[1]  # type: ignore[index]
    with delivery.lock(wait=True):
        _complete(settings, key, ran, lock)
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text(json.dumps(now))
    return f"{sent} stage runs delivered; {delivery.store(settings.uri)} is up to date"


def latest_session() -> tuple[str, dict[str, str]] | None:
    """Key of the session that last ran in this checkout, and how each stage that it ran ended, as MLflow calls it.

    Experiments from the queue are left out: they ran in copies, and what the checkout holds is not theirs.
    """
    begins = [(file, begin) for file in delivery.recorded() if (begin := delivery.begin_of(file)) is not None]
    own = [(file, begin) for file, begin in begins if not begin.get("copy")]
    if not own:
        return None
    key = own[-1][1]["session"]
    return key, {
        begin["stage"]: delivery.status_of(delivery.events(file)) for file, begin in own if begin["session"] == key
    }


def stages_of(lock: Path) -> dict[str, dict[str, Any]]:
    """The stages of a `dvc.lock`."""
    content = YAML(typ="safe", pure=True).load(lock.read_text(encoding="utf-8")) or {}
    return dict(content.get("stages") or {})


def numbers(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of nested JSON, by dotted path."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{key}", float(value)


def _complete(settings: TrackingParams, key: str, ran: Mapping[str, str], lock: Path) -> None:
    """Give a session's run what its stages did not say.

    Where a stage failed, that is all there is to say: lock and metrics are those of an earlier session.
    """
    mlflow = delivery.client(settings.uri)
    where = delivery.experiment(mlflow, settings.uri, settings.experiment)
    run = delivery.pipeline_run(mlflow, where, key, session.git_state()).info.run_id
    for name, status in ran.items():
        mlflow.set_tag(run, f"stage.{name}", "ran" if status == FINISHED else status.lower())
    broken = [status for status in ran.values() if status != FINISHED]
    if broken:
        mlflow.set_terminated(run, broken[-1])
        return
    for name, content in stages_of(lock).items():
        if name not in ran:
            mlflow.set_tag(run, f"stage.{name}", "restored or unchanged")
        for out in content.get("outs", []):
            mlflow.set_tag(run, f"dvc.{out['path']}", out.get("md5", ""))
    if METRICS.is_file():
        for name, value in numbers(json.loads(METRICS.read_text(encoding="utf-8"))):
            mlflow.log_metric(run, named(name), value)
    mlflow.set_terminated(run, FINISHED)
