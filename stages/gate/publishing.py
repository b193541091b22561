"""`python -m stages.gate.publishing --branch B [--into main]`: commit what a retraining made, and show the gate's report.

Only named files are committed: `dvc.lock` and the metrics. Nothing else that lies about after a run can get into a commit that
way. The push is never forced; a branch that moved in the meantime refuses it, and the retraining has to be done again on what
is there now. Exit code 0: shown (whatever the verdict; the gate's own exit code decides). 2: it could not be.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stages.artifacts import ALIGNMENT_METRICS, METRICS
from stages.errors import UserError
from stages.gate import hosts

FILES = (Path("dvc.lock"), METRICS, ALIGNMENT_METRICS)
REPORT = Path("reports/gate")
UNJUDGED = "# NOT JUDGED: the gate could not compare\n\nThe job's log says why.\n"
AUTHOR = ("-c", "user.name=whetstone", "-c", "user.email=whetstone@users.noreply.invalid")
log = logging.getLogger("stages.gate")


class CannotPublishError(UserError):
    """Git refused."""


def main(words: Sequence[str]) -> int:
    """Commit, push, show."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.gate.publishing", description="Commit a retraining, show the report."
    )
    parser.add_argument("--branch", required=True, help="where to push to")
    parser.add_argument("--into", help="open a request to merge the branch into this one, when anything changed")
    parser.add_argument("--request", type=int, help="number of the request that is open already")
    parser.add_argument("--report", type=Path, default=REPORT, help="folder that `compare --out` wrote")
    chosen = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    file = chosen.report / "comment.md"
    said = file.read_text(encoding="utf-8") if file.is_file() else UNJUDGED
    _summary(said)
    try:
        commit, changed = publish(chosen.branch)
        log.info("publishing: %s", f"pushed {commit[:12]} to {chosen.branch}" if changed else "nothing changed")
        host = hosts.from_environment()
        if host is None:
            log.info("publishing: no host, so the report is only in %s", chosen.report)
            return 0
        headline = said.splitlines()[0].lstrip("# ")
        # First what needs the least permission: a token that may open no request still says whether it passed.
        host.status(commit, headline, good=headline.startswith("PASS:"))
        request = chosen.request
        if chosen.into and changed:
            request = host.request(chosen.branch, chosen.into, "Retrained: dvc.lock and metrics")
        if request is not None:
            host.comment(request, said)
    except UserError as error:
        log.error("publishing: %s", error)
        return error.exit_code
    return 0


def publish(branch: str, folder: Path = Path()) -> tuple[str, bool]:
    """Commit the named files and push them; where nothing changed, nothing is pushed.

    Args:
        branch: where to.
        folder: the checkout.

    Returns:
        The commit that holds the result, and whether it is a new one.

    Raises:
        CannotPublishError: git refused.
    """
    there = [file.as_posix() for file in FILES if (folder / file).is_file()]
    if not there:
        raise CannotPublishError(
            f"found none of {', '.join(map(str, FILES))}. Run `dvc repro` first, in the project's root."
        )
    _git(folder, "add", "--", *there)
    staged = _run(folder, "diff", "--cached", "--quiet", "--", *there).returncode != 0
    if staged:
        _git(folder, *AUTHOR, "commit", "--quiet", "-m", "Retrained: dvc.lock and metrics", "--", *there)
        _git(folder, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    return _git(folder, "rev-parse", "HEAD"), staged


def _summary(said: str) -> None:
    """The job's summary, where the host has one."""
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if place:
        with Path(place).open("a", encoding="utf-8") as stream:
            stream.write(said)


def _git(folder: Path, *words: str) -> str:
    done = _run(folder, *words)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("hint:")]
        # The address of origin may hold a token.
        reason = re.sub(r"//[^/@\s]+@", "//", " ".join(" ".join(lines).split())[-400:])
        moved = " The branch moved: retrain on what is there now." if "[rejected]" in reason else ""
        raise CannotPublishError(f"`git {' '.join(words[:6])}` failed: {reason}{moved}")
    return done.stdout.strip()


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
