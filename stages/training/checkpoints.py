"""Where an unfinished run waits to be resumed: `$DVC_ROOT/.checkpoints/<stage>/<key>/`, never a DVC out.

The key is a digest of everything that the result depends on (params, inputs, code), so that a checkpoint can only be taken
up by the run that would have written it. A checkpoint counts when its marker exists, which is written last; whatever a
killed process left half-written has none and is removed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stages.artifacts import project_root, sha256, tree_sha256

log = logging.getLogger(__name__)
MARKER = "complete"
PREFIX = "checkpoint-"
UNTOUCHED = 3600.0
"""Seconds without a change after which nobody seems to be at work on a run."""


def key(params: Mapping[str, Any], inputs: Iterable[Path]) -> str:
    """Digest of params, of the inputs' bytes, and of this project's code.

    Args:
        params: sections as plain values.
        inputs: files and folders that the stage reads.
    """
    digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode())
    for path in inputs:
        digest.update((tree_sha256(path) if path.is_dir() else sha256(path)).encode())
    code = Path(__file__).resolve().parents[1]
    for file in sorted(code.rglob("*.py")):
        if "tracking" not in file.parts:
            digest.update(f"{file.relative_to(code).as_posix()}\0{sha256(file)}\n".encode())
    return digest.hexdigest()[:32]


def folder_for(stage: str, digest: str) -> Path:
    """The folder of a run's checkpoints; those of other keys of the same stage are left alone (a queue may run them)."""
    folder = project_root() / ".checkpoints" / stage / digest
    shutil.rmtree(_gone(folder), ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    left = [size for one in folder.parent.iterdir() if one != folder and (size := _left(one))]
    if left:
        log.info(
            "%s: %d unfinished runs of other params or code hold %.1f MB in %s, untouched for an hour; remove those that "
            "nobody resumes", stage, len(left), sum(left) / 1e6, folder.parent,
        )  # fmt: skip
    return folder


def _left(folder: Path) -> int:
    """Bytes of an unfinished run's folder; 0 of one that a process at work touches, or that is going."""
    try:
        found = [file.stat() for file in folder.rglob("*") if file.is_file()]
    except OSError:
        return 0
    latest = max((one.st_mtime for one in found), default=0.0)
    return sum(one.st_size for one in found) if time.time() - latest > UNTOUCHED else 0


def _gone(folder: Path) -> Path:
    """Where a finished run's folder is removed."""
    return folder.with_name(f"{folder.name}.gone")


def latest(folder: Path) -> Path | None:
    """The newest complete checkpoint, after removing the incomplete ones; None when there is none."""
    found = {}
    for path in folder.glob(f"{PREFIX}*"):
        if (path / MARKER).is_file():
            found[int(path.name.removeprefix(PREFIX))] = path
        else:
            shutil.rmtree(path, ignore_errors=True)
    return found[max(found)] if found else None


def mark_complete(path: Path) -> None:
    """Declare a checkpoint complete, and remove the older ones beside it."""
    (path / MARKER).touch()
    for other in path.parent.glob(f"{PREFIX}*"):
        if other != path:
            remove(other)


def remove(path: Path) -> None:
    """Remove a checkpoint, its marker first: a process that is killed on the way must not leave half of one that counts."""
    (path / MARKER).unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)


def discard(folder: Path) -> None:
    """Remove a finished run's checkpoints, and the folders above them that became empty.

    The folder loses its name first: a process that is killed on the way must not leave parts that look like a whole run.
    """
    gone = _gone(folder)
    shutil.rmtree(gone, ignore_errors=True)
    if folder.is_dir():
        folder.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)
    for parent in list(folder.parents)[:2]:
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
