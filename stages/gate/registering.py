"""`python -m stages.gate register | promote | rollback | champion`: which model is in use.

Exit code 0: done, or nothing to do. 1: refused, with the reason. 2: the registry, git or files cannot be had.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from stages import artifacts
from stages.artifacts import Schema
from stages.errors import UserError
from stages.exporters import manifest
from stages.gate.sources import commit_of
from stages.params.loading import load
from stages.params.tracking import TrackingParams
from stages.tracking import session, sync
from stages.tracking.registry import CHAMPION, RefusedError, Registry, Version

log = logging.getLogger("stages.gate")


def register(words: Sequence[str]) -> int:
    """Register the model here as challenger."""
    _parser("register", register).parse_args(words)

    def act() -> None:
        version = here()
        check(version)
        made, new = registry().register(version)
        log.info("gate: %s %s", made, "registered as challenger" if new else f"is registered already{_as(made)}")

    return _told(act)


def promote(words: Sequence[str]) -> int:
    """Make the model here, which is registered, the champion."""
    parser = _parser("promote", promote)
    parser.add_argument("--expected", help="number of the version that must be champion now, or `none`")
    chosen = parser.parse_args(words)

    def act() -> None:
        versions, own = registry(), here()
        found = versions.find(own.commit, own.release)
        if found is None:
            raise RefusedError(
                f"commit {own.commit[:12]} is not registered. Run `python -m stages.gate register` first."
            )
        expected = chosen.expected
        if expected is None:
            champion = versions.holder(CHAMPION)
            expected = champion.number if champion else "none"
            if champion is not None:
                succeeds(champion, own.commit)
        done = versions.promote(found.number, expected)
        if done is None:
            log.info("gate: %s is the champion already", found)
        else:
            log.info("gate: %s is the champion; before: %s", done[0], done[1] or "none")

    return _told(act)


def rollback(words: Sequence[str]) -> int:
    """Make the previous model the champion again."""
    _parser("rollback", rollback).parse_args(words)

    def act() -> None:
        now, before = registry().rollback()
        log.info("gate: %s is the champion again; %s was", now, before)

    return _told(act)


def champion(words: Sequence[str]) -> int:
    """Say which model is in use, as JSON."""
    _parser("champion", champion).parse_args(words)

    def act() -> None:
        versions = registry()
        found = versions.holder(CHAMPION)
        if found is None:
            raise RefusedError(f"{versions.name}: there is no champion yet. Register and promote a model.")
        said = {"version": found.number, "commit": found.commit, "release": found.release, "test": found.test}
        sys.stdout.write(json.dumps({**said, "metrics": found.metrics}, indent=2) + "\n")

    return _told(act)


def registry() -> Registry:
    """The registry that params name."""
    return Registry(cast("TrackingParams", load((TrackingParams,))["tracking"]))


def here(folder: Path = Path()) -> Version:
    """What a version of the committed model would say; its number is empty.

    Raises:
        RefusedError: there is no commit that holds it.
    """
    commit = commit_of("HEAD", folder)
    if commit is None:
        raise RefusedError("there is no git commit here, and a version is known by its commit.")
    stages = sync.stages_of(folder / "dvc.lock") if (folder / "dvc.lock").is_file() else {}
    release = _md5(stages, artifacts.RELEASE)
    schema = Schema.read(folder / artifacts.SCHEMA)
    metrics = artifacts.read_json(folder / artifacts.METRICS)
    return Version("", commit, release, schema.fingerprint.get("test", ""), dict(sync.numbers(metrics)))


def check(version: Version, folder: Path = Path()) -> None:
    """A version has to be what its commit says: nothing uncommitted, files as in `dvc.lock`, a release as in its manifest.

    Raises:
        RefusedError: it is not.
        UserError: the release's files are not as released.
    """
    if session.git_state(folder.resolve()).get("git.dirty") == "true":
        raise RefusedError(
            f"files differ from commit {version.commit[:12]}. Commit them, or check the commit out again."
        )
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "status", "--json", "export"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RefusedError(f"`dvc status export` failed: {done.stderr.strip()[-300:]}")
    changed = json.loads(done.stdout or "{}")
    if changed:
        raise RefusedError(
            f"files differ from dvc.lock: {json.dumps(changed)[:300]}. Run `dvc pull`, or `dvc repro` and commit."
        )
    manifest.verify(folder / artifacts.RELEASE)


def succeeds(champion: Version, commit: str, folder: Path = Path()) -> None:
    """A model succeeds the champion only if its commit contains the champion's: else it was never compared with it.

    Raises:
        RefusedError: it does not, or git cannot tell.
    """
    if commit_of(champion.commit, folder) is None:
        raise RefusedError(
            f"commit {champion.commit[:12]} of the champion is not in this clone. Fetch it (`git fetch --unshallow`), or say "
            f"`--expected {champion.number}`."
        )
    words = ["git", "merge-base", "--is-ancestor", champion.commit, commit]
    if subprocess.run(words, cwd=folder, capture_output=True, check=False).returncode != 0:
        raise RefusedError(
            f"the champion is {champion}, and commit {commit[:12]} does not contain it: another model was promoted in the "
            "meantime. Merge it, run `dvc repro`, and let the gate compare with it."
        )


def _md5(stages: Mapping[str, Any], out: Path) -> str:
    for stage in stages.values():
        for one in stage.get("outs", []):
            if one["path"] == out.as_posix():
                return str(one.get("md5", ""))
    raise RefusedError(f"dvc.lock has no {out}. Run `dvc repro` and commit it.")


def _as(version: Version) -> str:
    return f", as {' and '.join(version.aliases)}" if version.aliases else ""


def _parser(name: str, command: Callable[[Sequence[str]], int]) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"python -m stages.gate {name}", description=command.__doc__)


def _told(act: Callable[[], None]) -> int:
    try:
        act()
    except UserError as error:
        log.error("gate: %s", error)
        return error.exit_code
    return 0
