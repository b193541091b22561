"""What a stage writes down while it runs: one JSON object per line, flushed at once, never an exception.

One record of a spool::

    {"kind": "metrics", "time": 1700000000123, "step": 40, "values": {"loss": 0.71}}

Kinds: begin, metrics, artifact, dataset, tags, end. A spool without `end` whose process is gone belongs to a stage that was
killed. Files named as artifacts are copied at once when they are small, since later stages may overwrite them.
"""

from __future__ import annotations

import json
import logging
import math
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from stages.artifacts import in_a_copy
from stages.params.section import Section
from stages.params.tracking import TrackingParams
from stages.tracking import session

UNNAMED = re.compile(r"[^/\w.\- :]")
"""What MLflow takes in no metric's name."""
COPIED = 5_000_000
"""Bytes up to which an artifact is kept; larger files are references."""
log = logging.getLogger(__name__)


class Record:
    """The record of one stage's run. A failure to write it is warned of once and changes nothing else."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._warned = False

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Figures, of the whole stage or of a step of it; those that are no finite numbers are left out."""
        finite = {named(key): float(value) for key, value in values.items() if math.isfinite(value)}
        self.write("metrics", step=step or 0, values=finite)

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """A small file worth looking at later."""
        if self._file is None or not path.is_file() or path.stat().st_size > COPIED:
            return
        with self._forgiving():
            kept = self._file.with_suffix("") / (folder or "") / path.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept)
        self.write("artifact", path=path.as_posix(), folder=folder)

    def dataset(self, name: str, path: Path, digest: str, rows: int) -> None:
        """A split that the stage made, by its digest."""
        self.write("dataset", name=name, path=path.as_posix(), digest=digest, rows=rows)

    def tags(self, values: Mapping[str, str]) -> None:
        """Short texts."""
        self.write("tags", values=dict(values))

    def write(self, kind: str, **content: Any) -> None:
        """Append one event."""
        if self._file is None:
            return
        with self._forgiving():
            line = json.dumps({"kind": kind, "time": int(time.time() * 1000), **content}, ensure_ascii=False)
            with self._file.open("a", encoding="utf-8") as stream:
                stream.write(line + "\n")

    @contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            if not self._warned:
                log.warning("tracking: the record cannot be written (%s); the stage goes on", error)
            self._warned = True


def named(metric: str) -> str:
    """A metric's name as MLflow takes it; a single other sign would have the whole record refused."""
    return UNNAMED.sub("_", metric)


@contextmanager
def stage_run(name: str, sections: Mapping[str, Section], settings: TrackingParams) -> Iterator[Record]:
    """Record a stage's run from begin to end, and start a delivery when it ended.

    Args:
        name: of the stage.
        sections: its params.
        settings: where the record goes.
    """
    if not settings.enabled:
        yield Record(None)
        return
    record, status, began = _begin(name, sections, settings), "FAILED", time.perf_counter()
    try:
        yield record
        status = "FINISHED"
    finally:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        spent = {"duration_seconds": round(time.perf_counter() - began, 3), "peak_memory_mib": round(peak, 1)}
        record.metrics(spent)
        record.tags(_machine())
        record.write("end", status=status)
        _start_delivery()


def _begin(name: str, sections: Mapping[str, Section], settings: TrackingParams) -> Record:
    identity = f"{time.time_ns()}-{name}-{uuid.uuid4().hex[:8]}"
    file = session.folder() / "spool" / f"{identity}.jsonl"
    record = Record(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.warning("tracking: no record of this run (%s); the stage goes on", error)
        return Record(None)
    # A delivery under way may take the file away at any moment.
    with suppress(OSError):
        reason = (session.folder() / "failure").read_text(encoding="utf-8", errors="replace")
        log.warning("tracking: MLflow did not take the last record (%s); records wait in %s", reason, file.parent)
    record.write(
        "begin",
        id=identity,
        stage=name,
        pid=os.getpid(),
        machine=session.machine(),
        started=psutil.Process().create_time(),
        session=session.key(),
        copy=in_a_copy(),
        uri=settings.uri,
        experiment=settings.experiment,
        params=dict(_flatten({key: section.model_dump(mode="json") for key, section in sections.items()})),
        tags=session.git_state(),
    )
    return record


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _machine() -> dict[str, str]:
    """Hardware and versions; torch's only when the stage loaded it anyway."""
    found = {"machine.cpu": platform.processor() or platform.machine(), "machine.cores": str(os.cpu_count())}
    found["python"] = platform.python_version()
    torch = sys.modules.get("torch")
    if torch is not None:
        found["torch"] = torch.__version__
        if torch.cuda.is_available():
            found["machine.gpu"] = torch.cuda.get_device_name()
    return found


def _start_delivery() -> None:
    """Send what is complete, in a process of its own that nobody waits for and that ends by itself."""
    with suppress(OSError), (session.folder() / "delivery.log").open("ab") as out:
        subprocess.Popen(
            [sys.executable, "-m", "stages.tracking", "deliver"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={**os.environ, "DVC_ROOT": str(session.folder().parent)},
        )
