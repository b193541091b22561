"""What git says of the checkout that a sweep runs in."""

from __future__ import annotations

import subprocess

from stages.errors import UserError


def lines(*words: str) -> list[str]:
    """What one of git's commands prints.

    Raises:
        UserError: it failed, as it does outside of a repository.
    """
    done = subprocess.run(["git", *words], capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise UserError(
            f"`git {' '.join(words[:3])}` failed ({' '.join(done.stderr.split())}). A sweep needs a git repository: clone the "
            "project, or `git init`, `git add -A` and commit."
        )
    return done.stdout.splitlines()
