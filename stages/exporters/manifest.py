"""`manifest.json`: what a release consists of and what it came from, so that anybody can check a copy of it.

`python -m stages.exporters.manifest models/release` checks every file against its digest.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from stages.artifacts import read_json, sha256, write_json
from stages.errors import ModelError, Problem, UserError, report

FILE = "manifest.json"
log = logging.getLogger(__name__)


def write(release: Path, facts: dict[str, Any]) -> None:
    """Write the manifest of a complete release.

    Args:
        release: its folder.
        facts: base model, data, params, metrics.
    """
    files = {name: sha256(release / name) for name in sorted(_files(release))}
    write_json(release / FILE, {**facts, "files": files})


def verify(release: Path) -> int:
    """Compare every file with its digest; returns how many there are.

    Raises:
        ModelError: files are missing, changed, or not in the manifest.
    """
    expected: dict[str, str] = read_json(release / FILE)["files"]
    present = _files(release)
    problems = [Problem("is missing", release / name) for name in sorted(set(expected) - present)]
    problems += [Problem("is not in the manifest", release / name) for name in sorted(present - set(expected))]
    problems += [
        Problem(f"sha256 is {sha256(release / name)[:12]}…, expected {digest[:12]}…", release / name)
        for name, digest in sorted(expected.items())
        if name in present and sha256(release / name) != digest
    ]
    if problems:
        raise ModelError(report(f"{release}: not what was released", problems, "Fetch the release again."))
    return len(expected)


def _files(release: Path) -> set[str]:
    """Paths within a release, the manifest itself left out."""
    return {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()} - {FILE}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        log.info("%d files are as released", verify(Path(sys.argv[1] if len(sys.argv) > 1 else "models/release")))
    except UserError as error:
        log.error("%s", error)
        sys.exit(error.exit_code)
