"""`python -m stages.gate.precheck [--remote] [--retrain]`: does `dvc.lock` belong to this commit? Takes seconds and no data.

A pull request that changes code, params or data of the pipeline has to bring the `dvc.lock` that they lead to; otherwise what
is merged is a model that nobody can make again. `dvc repro --dry --allow-missing` knows from hashes alone, so a fresh clone
without cache is enough. With `--remote` the remote is asked as well whether it has everything that the lock names.

Exit code 0: it does, or a retraining was asked for. 1: it does not, or the remote lacks outs. 2: it cannot be told.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stages.errors import UserError

SHOWN = 8
KEPT = re.compile(r"^Stage '(?P<name>[^']+)' didn't change", re.MULTILINE)
WOULD_RUN = re.compile(r"^Running stage '(?P<name>[^']+)'", re.MULTILINE)
ABSENT = re.compile(r"failed to reproduce '(?P<name>[^']+)': \[Errno 2\] No such file or directory")
log = logging.getLogger("stages.gate")


class CannotTellError(UserError):
    """DVC gave no answer."""


def main(words: Sequence[str]) -> int:
    """Check, and say what to do."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.gate.precheck", description="Whether dvc.lock belongs to this commit."
    )
    parser.add_argument("--remote", action="store_true", help="ask the remote too whether it has what dvc.lock names")
    parser.add_argument("--retrain", action="store_true", help="a retraining follows, so stages may be out of date")
    chosen = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        changed = out_of_date()
        missing = not_in_remote() if chosen.remote and not changed else []
    except UserError as error:
        log.error("precheck: %s", error)
        return error.exit_code
    if changed and chosen.retrain:
        log.info("precheck: %s would run; the retraining does that", _first(changed))
        return 0
    if changed:
        log.error(
            "precheck: dvc.lock does not belong to this commit: %s would run. Run `dvc repro`, `dvc push`, and commit dvc.lock "
            "and the metrics; or let CI do it (docs/ci.md).",
            _first(changed),
        )
        return 1
    if missing:
        log.error("precheck: the remote lacks %s. Run `dvc push` where they were made.", _first(missing))
        return 1
    log.info("precheck: dvc.lock belongs to this commit%s", ", and the remote has its outs" if chosen.remote else "")
    return 0


def out_of_date(folder: Path = Path()) -> list[str]:
    """Stages that `dvc repro` would run.

    Raises:
        CannotTellError: DVC failed for another reason.
    """
    done = _dvc(folder, "repro", "--dry", "--allow-missing")
    said = f"{done.stdout}\n{done.stderr}"
    found = [one["name"] for one in WOULD_RUN.finditer(said)]
    # A changed stage whose inputs are not here: DVC wants to hash them, finds none, and stops.
    absent = ABSENT.search(said)
    if done.returncode and absent:
        found.append(f"{absent['name']} and what follows")
    elif done.returncode:
        raise CannotTellError(f"`dvc repro --dry --allow-missing` failed: {_last(done.stderr)}")
    elif not found and not KEPT.search(said):
        raise CannotTellError("`dvc repro --dry --allow-missing` named no stage. Is there a dvc.yaml here?")
    return list(dict.fromkeys(found))


def not_in_remote(folder: Path = Path()) -> list[str]:
    """Outs that the remote lacks.

    Raises:
        CannotTellError: there is no remote, or it gave no answer.
    """
    default = _dvc(folder, "config", "core.remote")
    if default.returncode or not default.stdout.strip():
        raise CannotTellError("no default remote is set. Run `dvc remote add -d NAME URL` and commit .dvc/config.")
    done = _dvc(folder, "data", "status", "--not-in-remote", "--json")
    if done.returncode:
        raise CannotTellError(f"`dvc data status --not-in-remote` failed: {_last(done.stderr)}")
    return list(json.loads(done.stdout).get("not_in_remote") or [])


def _dvc(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _last(said: str) -> str:
    return " ".join(said.split())[-400:] or "it gave no reason"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
