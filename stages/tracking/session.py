"""Which pipeline run a stage belongs to, and where its record lies.

One `dvc repro` is one session. DVC names experiments in the environment; a plain repro is known by its dvc process (host, pid
and start time together never repeat); a stage that was started by hand is a session of its own.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import psutil

from stages.artifacts import project_root

FOLDER = ".tracking"
KEY = "WHETSTONE_SESSION"
"""Environment variable that names the session to processes which have no dvc among their parents, as a launcher's may."""


def key() -> str:
    """Identity of the session that this process belongs to."""
    if given := os.environ.get(KEY):
        return given
    baseline, name = os.environ.get("DVC_EXP_BASELINE_REV"), os.environ.get("DVC_EXP_NAME")
    if baseline and name:
        return f"{name}@{baseline[:12]}"
    process = psutil.Process()
    owner = next((parent for parent in process.parents() if _is_dvc(parent)), process)
    return f"{socket.gethostname()}-{owner.pid}-{owner.create_time():.2f}"


def machine() -> str:
    """Where a process id means something: a host, and on Linux the namespace of its processes, as containers have their own."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return f"{socket.gethostname()} {space}".strip()


def folder() -> Path:
    """Where spools, locks and logs lie."""
    return project_root() / FOLDER


def git_state(root: Path | None = None) -> dict[str, str]:
    """Commit, branch and whether files differ from it; empty where git or a repository is missing."""
    where = root or project_root()
    commit = _git(where, "rev-parse", "HEAD")
    if commit is None:
        return {}
    dirty = _git(where, "status", "--porcelain", "--untracked-files=no")
    return {
        "git.commit": commit,
        "git.branch": _git(where, "rev-parse", "--abbrev-ref", "HEAD") or "",
        "git.dirty": "true" if dirty else "false",
    }


def _git(where: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=where, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _is_dvc(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()[:3]
    except psutil.Error:
        return False
    return any(Path(word).name in {"dvc", "dvc.exe"} for word in words) or words[1:3] == ["-m", "dvc"]
