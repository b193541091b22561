"""`manifest.json`: what a release consists of and what it came from, so that anybody can check a copy of it.

`python -m stages.exporters.manifest models/release` checks every file against its digest. Files and folders whose names begin
with a dot are none of a release: a copy that came over the hub has some of the hub's own.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from stages.artifacts import sha256, write_json
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
        ModelError: files are missing, changed, or not in the manifest; or there is no manifest that says what they were.
    """
    expected = _expected(release / FILE)
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


def _expected(file: Path) -> dict[str, str]:
    """The digests of a manifest, by name.

    Raises:
        ModelError: it is missing, damaged, or names no files.
    """
    remedy = "Fetch the release again."
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: cannot be read ({error}). {remedy}") from None
    files = found.get("files") if isinstance(found, dict) else None
    if not isinstance(files, dict) or not files or not all(isinstance(one, str) for one in files.values()):
        raise ModelError(f"{file}: expected 'files', digests by name, found none. {remedy}")
    return files


def _files(release: Path) -> set[str]:
    """Paths within a release, the manifest itself and whatever lies behind a dot left out."""
    found = {path.relative_to(release) for path in release.rglob("*") if path.is_file()}
    return {path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts)} - {FILE}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        log.info("%d files are as released", verify(Path(sys.argv[1] if len(sys.argv) > 1 else "models/release")))
    except UserError as error:
        log.error("%s", error)
        sys.exit(error.exit_code)
