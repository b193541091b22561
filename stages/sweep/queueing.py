"""DVC's experiment queue: what waits, runs, is done or failed; workers that are started, watched, and gone at the end.

Experiments are queued and workers started by DVC's own commands; their state is read through its `Repo`, since a command per
look would cost two seconds. Workers are daemons that outlive who started them, and end ten seconds after the queue is empty.
A sweep ends those that it started, also when it is interrupted; what still waits then stays in the queue for the next call.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from stages.errors import UserError
from stages.sweep.identity import TARGET
from stages.sweep.plan import Trial

LOOK = 2.0
"""Seconds between two looks at the queue, at least."""
REST = 20
"""Times as long as a look took that nothing is asked then: looks cost more the more experiments there are, and runs pay."""
GRACE = 20.0
"""Seconds that workers have to end by themselves before they are made to."""
RESTARTS = 3
"""How often workers that died while experiments waited are replaced."""
WAITING, RUNNING, FAILED = "waiting", "running", "failed"
log = logging.getLogger("stages.sweep")
States = Mapping[str, str]


class QueueError(UserError):
    """DVC did not take an experiment, or could not start workers."""


def dvc(*words: str, jobs: int = 1) -> None:
    """Run one of DVC's commands.

    Args:
        words: of the command.
        jobs: how many runs share the machine, where it starts some.

    Raises:
        QueueError: it failed.
    """
    # A file and no pipe: workers keep what their command was given, and a pipe would only close with them.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *words], env=environment(jobs), stdout=said, stderr=said, check=False
        )
        said.seek(0)
        if done.returncode:
            last = "\n".join(said.read().strip().splitlines()[-5:])
            raise QueueError(f"`dvc {' '.join(words[:3])}` failed: {last}")


def environment(jobs: int) -> dict[str, str]:
    """For commands and workers: this interpreter first, since stages are started as `python`.

    Threads of runs that share the machine do not spin while they wait; of one alone they do (docs/experiment_log.md).
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    waiting = {"OMP_WAIT_POLICY": "PASSIVE"} if jobs > 1 else {}
    return {**waiting, "DVC_NO_ANALYTICS": "1", **os.environ, "PATH": path}


class Queue:
    """The queue of the project in the working directory."""

    def __init__(self) -> None:
        from dvc.repo import Repo

        self._queue: Any = Repo().experiments.celery_queue
        self._known: dict[str, str] = {}

    def add(self, trial: Trial) -> None:
        """Queue one run.

        Raises:
            QueueError: DVC did not take it.
        """
        dvc("exp", "run", "--queue", "--name", trial.name, *trial.words, TARGET)

    def states(self) -> States:
        """Of every experiment in the queue by name, those that ended well left out; the latest of a name counts."""
        found = {entry.name: FAILED for entry in self._failed()}
        found |= {entry.name: WAITING for entry in self._queue.iter_queued()}
        alive = bool(self.workers())
        for entry in self._queue.iter_active():
            # A worker that was killed leaves its task as if it still ran.
            found[entry.name] = RUNNING if alive else FAILED
        return found

    def _failed(self) -> Iterator[Any]:
        for entry, _ in self._queue.iter_failed():
            yield entry

    def log_of(self, name: str) -> str:
        """What the last run of that name said; empty where it left nothing."""
        entries = [one for one in (*self._failed(), *self._queue.iter_active()) if one.name == name]
        found = self._queue.proc.get(entries[-1].stash_rev) if entries else None
        if found is None or found.stdout is None or not Path(found.stdout).is_file():
            return ""
        return Path(found.stdout).read_text(encoding="utf-8", errors="replace")

    def workers(self) -> list[psutil.Process]:
        """DVC's workers for this project, known by the name that it gives them, and those who wait for them."""
        mark = f"dvc-exp-{hashlib.sha256(self._queue.wdir.encode()).hexdigest()[:6]}-"
        found = []
        for one in psutil.process_iter():
            try:
                words = one.cmdline()
                if "queue-worker" in words and any(word.startswith(mark) for word in words):
                    found.append(one)
            except psutil.Error:
                continue
        return found

    def start(self, jobs: int) -> None:
        """Start workers up to a number, and wait until the first is to be seen.

        Raises:
            QueueError: DVC could not start them.
        """
        dvc("queue", "start", "--jobs", str(jobs), jobs=jobs)
        begun = time.monotonic()
        while not self.workers() and time.monotonic() - begun < GRACE:
            time.sleep(LOOK / 4)

    @contextmanager
    def working(self, jobs: int) -> Iterator[None]:
        """Workers, as many as `jobs`, that are gone afterwards; those that ran before stay.

        Raises:
            QueueError: none could be started.
        """
        before = {one.pid for one in self.workers()}
        try:
            self.start(jobs)
            yield
        except BaseException:
            self._end(before, kill=True)
            raise
        self._end(before, kill=False)

    def _end(self, before: Collection[int], *, kill: bool) -> None:
        """End the workers that were not there before, and, with `kill`, what they run."""
        ours = [one for one in self.workers() if one.pid not in before]
        below = [child for one in ours for child in _children(one)] if kill else []
        if not before and (ours or kill):
            dvc("queue", "stop", *(["--kill"] if kill else []))
        # One that was about to start when the interruption came is there by now.
        ours += [one for one in self.workers() if one.pid not in before and one not in ours]
        _, alive = psutil.wait_procs(ours, timeout=GRACE if not before else 0)
        for one in alive:
            below += _children(one)
        for end in ("terminate", "kill"):
            for one in (*alive, *below):
                _signal(one, end)
            _, rest = psutil.wait_procs([*alive, *below], timeout=GRACE / 4)
            alive, below = [one for one in alive if one in rest], [one for one in below if one in rest]


def finish(queue: Queue, waited: Sequence[str], done: Callable[[], Collection[str]], jobs: int) -> None:
    """Work until none of the experiments waits or runs any more, and say how far it is.

    Args:
        queue: they are in it.
        waited: names of the experiments.
        done: names of those that ended well.
        jobs: how many run at once.
    """
    begun, said, restarts = time.monotonic(), "", 0
    with queue.working(jobs):
        while True:
            looked = time.monotonic()
            states, ended = queue.states(), set(done())
            left = {name: states.get(name, FAILED) for name in waited if name not in ended}
            count = {state: list(left.values()).count(state) for state in (WAITING, RUNNING, FAILED)}
            finished = len(waited) - len(left)
            line = f"{finished} of {len(waited)} done, {count[RUNNING]} running, {count[WAITING]} waiting"
            line += f", {count[FAILED]} failed" if count[FAILED] else ""
            if line != said:
                said = line
                log.info("sweep: %s (%s)", line, _clock(time.monotonic() - begun))
            if not count[WAITING] + count[RUNNING]:
                return
            if not queue.workers():
                restarts += 1
                if restarts > RESTARTS:
                    log.warning("sweep: workers end before their time; see .dvc/tmp/exps/celery/*.out")
                    return
                queue.start(jobs)
                looked = time.monotonic()
            time.sleep(max(LOOK, REST * (time.monotonic() - looked)))


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _signal(process: psutil.Process, end: str) -> None:
    try:
        getattr(process, end)()
    except psutil.Error:
        return


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
