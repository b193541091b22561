"""From spools to MLflow: at most one delivery at a time, each spool exactly once, nothing lost.

The parent run of a session and the child run of a spool are found again by their tags, so that a delivery that broke off is
simply done again. A spool goes to `.tracking/done/` only after MLflow has taken all of it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from stages.tracking import session

KEPT, KEPT_COPIES = 200, 2000
"""Delivered spools that are kept, for the summary and for questions later: of the checkout, and of queued experiments."""
SILENT = 86_400.0
"""Seconds without a word after which a stage on another machine counts as gone."""
YOUNG = 60.0
"""Seconds that a spool without a first event is left alone: its stage may be about to write it."""
BATCH = 900
"""Figures per request; MLflow takes 1,000."""
SMALL_BATCH = 100
"""Params and tags per request; MLflow takes no more."""
TAG_SESSION, TAG_SPOOL = "whetstone.session", "whetstone.spool"
log = logging.getLogger(__name__)


def deliver() -> int:
    """Send every finished spool; returns how many were sent. Another delivery under way does the work instead.

    A spool that MLflow refuses stays where it is and stops no other; the first refusal is raised when all were tried.
    """
    sent, refused = 0, {}
    while any(file not in refused for file in pending()):
        with lock(wait=False) as free:
            if not free:
                return sent
            # Asked again under the lock: another delivery may have taken some of them.
            for file in [one for one in pending() if one not in refused]:
                try:
                    _send(file)
                    sent += 1
                except Exception as error:  # noqa: BLE001 - whatever MLflow raises, the next spool has its turn
                    refused[file] = error
    if refused:
        raise next(iter(refused.values()))
    (session.folder() / "failure").unlink(missing_ok=True)
    return sent


def pending() -> list[Path]:
    """Spools whose stage has ended, or is gone, oldest first."""
    return [file for file in sorted((session.folder() / "spool").glob("*.jsonl")) if _is_over(file)]


def recorded() -> list[Path]:
    """Every spool, delivered or not, oldest first; names begin with the time."""
    folder = session.folder()
    # Those that wait first: one that is delivered between the two looks is then seen twice and not missed.
    found = [file for part in ("spool", "done") for file in (folder / part).glob("*.jsonl")]
    return sorted({file.name: file for file in found}.values(), key=lambda file: file.name)


def begin_of(file: Path) -> dict[str, Any] | None:
    """A spool's first event; None where it has none, or is gone."""
    first = next(iter(_lines(file)), "")
    try:
        found: dict[str, Any] = json.loads(first)
    except json.JSONDecodeError:
        return None
    return found if found.get("kind") == "begin" else None


def _lines(file: Path) -> list[str]:
    """Lines of a spool, which a delivery may have put away since it was found; none where it is gone."""
    for place in (file, session.folder() / "done" / file.name):
        with suppress(FileNotFoundError):
            # Only a line feed ends an event: texts may hold other characters that Python takes for line ends.
            return place.read_bytes().decode("utf-8", errors="replace").split("\n")
    return []


def events(file: Path) -> list[dict[str, Any]]:
    """The events of a spool, beginning with `begin`; whatever a kill cut off is left out."""
    found = []
    for line in _lines(file):
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return found if found and found[0].get("kind") == "begin" else []


def status_of(found: list[dict[str, Any]]) -> str:
    """MLflow's status of a run: as its stage said, or KILLED when it said nothing."""
    return str(found[-1]["status"]) if found and found[-1]["kind"] == "end" else "KILLED"


def store(uri: str | None) -> str:
    """The tracking URI that params mean: an absolute one, whatever the working directory."""
    root = session.folder().parent
    if uri is None:
        folder = root / ".mlflow"
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{folder / 'mlflow.db'}"
    if uri.startswith("sqlite:///"):
        return f"sqlite:///{root / uri.removeprefix('sqlite:///')}"
    if urlsplit(uri).scheme in {"", "file"} and not uri.startswith(("file:/", "databricks")):
        return (root / uri.removeprefix("file:")).as_uri()
    return uri


def client(uri: str | None) -> Any:
    """MLflow's client, with short time-outs, without telemetry, and deaf to an active run's environment."""
    os.environ.update(
        MLFLOW_DISABLE_TELEMETRY="true",
        DO_NOT_TRACK="true",
        MLFLOW_HTTP_REQUEST_TIMEOUT="5",
        MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
        MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false",
        GIT_PYTHON_REFRESH="quiet",
    )
    os.environ.pop("MLFLOW_RUN_ID", None)
    from mlflow import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=store(uri))


def experiment(mlflow: Any, uri: str | None, name: str) -> str:
    """Id of an experiment, made when it is new; the default store keeps artifacts beside its database."""
    found = mlflow.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = None if uri is not None else (session.folder().parent / ".mlflow" / "artifacts").as_uri()
    return str(mlflow.create_experiment(name, artifact_location=location))


def run_by_tag(mlflow: Any, experiment_id: str, tag: str, value: str) -> Any | None:
    """The run that carries a tag, if there is one."""
    found = mlflow.search_runs([experiment_id], f"tags.`{tag}` = '{value}'", max_results=1)
    return found[0] if found else None


def pipeline_run(mlflow: Any, experiment_id: str, key: str, tags: dict[str, str], begun: int | None = None) -> Any:
    """The parent run of a session, made when it is new."""
    key = key.replace("'", "")  # MLflow's queries have no escape for it
    found = run_by_tag(mlflow, experiment_id, TAG_SESSION, key)
    if found is None:
        found = mlflow.create_run(
            experiment_id, start_time=begun, run_name=f"repro {key}", tags={TAG_SESSION: key, **tags}
        )
    return found


def _send(file: Path) -> None:
    """Send one spool and put it away."""
    found = events(file)
    if found:
        begin = found[0]
        mlflow = client(begin["uri"])
        where = experiment(mlflow, begin["uri"], begin["experiment"])
        parent = pipeline_run(mlflow, where, begin["session"], begin["tags"], begin["time"])
        run = run_by_tag(mlflow, where, TAG_SPOOL, begin["id"])
        if run is None:
            tags = {"mlflow.parentRunId": parent.info.run_id, TAG_SPOOL: begin["id"], **begin["tags"]}
            run = mlflow.create_run(where, start_time=begin["time"], run_name=begin["stage"], tags=tags)
        _fill(mlflow, run.info.run_id, found, file.with_suffix(""))
        status, end = status_of(found), found[-1]["time"]
        mlflow.set_terminated(run.info.run_id, status, end)
        mlflow.set_terminated(parent.info.run_id, status, end)
    done = session.folder() / "done"
    done.mkdir(exist_ok=True)
    if found or not (done / file.name).exists():
        with suppress(FileNotFoundError):  # without locks another delivery may have been faster
            file.replace(done / file.name)
    else:  # what a stage wrote after it had been taken for gone
        with (done / file.name).open("ab") as kept:
            kept.write(file.read_bytes())
        file.unlink()
    _tidy(file.with_suffix(""), done)


def _fill(mlflow: Any, run: str, found: list[dict[str, Any]], copies: Path) -> None:
    from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag

    params = [Param(key, value[:6000]) for key, value in found[0]["params"].items()]
    tags = [RunTag(k, v) for one in found if one["kind"] == "tags" for k, v in one["values"].items()]
    figures = [
        Metric(key, value, one["time"], one["step"])
        for one in found
        if one["kind"] == "metrics"
        for key, value in one["values"].items()
    ]
    for start in range(0, max(len(params), len(tags)), SMALL_BATCH):
        part = slice(start, start + SMALL_BATCH)
        mlflow.log_batch(run, params=params[part], tags=tags[part])
    for start in range(0, len(figures), BATCH):
        mlflow.log_batch(run, metrics=figures[start : start + BATCH])
    inputs = [
        DatasetInput(Dataset(one["name"], one["digest"][:36], "local", json.dumps({"uri": one["path"]})))
        for one in found
        if one["kind"] == "dataset"
    ]
    if inputs:
        mlflow.log_inputs(run, inputs)
    if copies.is_dir():
        mlflow.log_artifacts(run, str(copies))


def _is_over(file: Path) -> bool:
    found = events(file)
    if not found:
        return file.is_file() and time.time() - file.stat().st_mtime > YOUNG
    if found[-1]["kind"] == "end":
        return True
    begin = found[0]
    if begin.get("machine", session.machine()) != session.machine():
        with suppress(FileNotFoundError):
            return time.time() - file.stat().st_mtime > SILENT
        return False
    try:
        return abs(psutil.Process(begin["pid"]).create_time() - begin["started"]) > 1
    except psutil.Error:
        return True


def _tidy(copies: Path, done: Path) -> None:
    for path in sorted(copies.rglob("*"), reverse=True) if copies.is_dir() else []:
        path.rmdir() if path.is_dir() else path.unlink()
    if copies.is_dir():
        copies.rmdir()
    # By the time in their names. Those of experiments are kept apart, since a sweep makes many and is read at its end.
    own: dict[bool, list[Path]] = {False: [], True: []}
    for one in sorted(done.glob("*.jsonl")):
        own[bool((begin_of(one) or {}).get("copy"))].append(one)
    for copy, most in ((False, KEPT), (True, KEPT_COPIES)):
        for old in own[copy][:-most]:
            old.unlink()


@contextmanager
def lock(*, wait: bool) -> Iterator[bool]:
    """Whether this process is the one that speaks to MLflow; the lock goes with the process, however it ends.

    On a file system without locks every process is.

    Args:
        wait: until another one is done, instead of answering no.
    """
    folder = session.folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "delivery.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            # Two deliveries at once may record a stage twice, which is better than never.
            if error.errno not in {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}:
                raise
        yield True
