"""One process at a time changes the registered model.

A database file has a lock beside it: exact, and gone with the process. A server offers no compare-and-set, so there a tag
serves as the one shared variable of Fischer's algorithm (Lamport, "A fast mutual exclusion algorithm", 1987): wait until it
is free, write one's own name, wait, and go on only if the name still stands there. It excludes as long as no request takes
longer than the wait; a name whose owner died is overwritten after `STALE` seconds.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.errors import UserError

TAG = "whetstone.changing"
WAIT = 1.5
"""Seconds between writing a name and reading it back; requests time out after 5 and usually take 0.01."""
STALE = 30.0
PATIENCE = 120.0
POLL = 0.2


class BusyError(UserError):
    """Others kept changing the registered model."""


@contextmanager
def alone(mlflow: Any, name: str, uri: str) -> Iterator[None]:
    """Hold the right to change a registered model.

    Args:
        mlflow: a client.
        name: of the registered model, which exists.
        uri: of the store.

    Raises:
        BusyError: it was not free within `PATIENCE` seconds.
    """
    if uri.startswith("sqlite:///"):
        with _beside(Path(uri.removeprefix("sqlite:///"))):
            yield
        return
    own = uuid.uuid4().hex
    _enter(mlflow, name, own)
    try:
        yield
    finally:
        if _holder(mlflow, name) == own:
            mlflow.delete_registered_model_tag(name, TAG)


@contextmanager
def _beside(database: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        with FileLock(f"{database}.lock", timeout=PATIENCE):
            yield
    except Timeout:
        raise BusyError(f"{database}: others have kept it locked for {PATIENCE:.0f} s. Try again.") from None


def _enter(mlflow: Any, name: str, own: str) -> None:
    begun = time.monotonic()
    seen, since = "", begun
    while time.monotonic() - begun < PATIENCE:
        holder = _holder(mlflow, name)
        if holder != seen:
            seen, since = holder, time.monotonic()
        if holder and time.monotonic() - since < STALE:
            time.sleep(POLL)
            continue
        if not _write(mlflow, name, own):
            time.sleep(POLL)
            continue
        time.sleep(WAIT)
        if _holder(mlflow, name) == own:
            return
    raise BusyError(f"{name}: others have kept changing it for {PATIENCE:.0f} s. Try again.")


def _write(mlflow: Any, name: str, own: str) -> bool:
    """Write one's own name; whether the server took it.

    Of two processes that write a tag which is not there yet, a database with a unique key refuses the later one.
    """
    from mlflow.exceptions import MlflowException

    try:
        mlflow.set_registered_model_tag(name, TAG, own)
    except MlflowException as error:
        if not any(word in str(error).lower() for word in ("unique", "duplicate")):
            raise
        return False
    return True


def _holder(mlflow: Any, name: str) -> str:
    return str(mlflow.get_registered_model(name).tags.get(TAG) or "")
