"""A PostgreSQL server that only its own folder's socket leads to, for as long as a test needs it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0
"""Seconds that it may take to start, or to stop by itself."""
USER = "postgres"


def available() -> bool:
    """Whether server, tools and driver are installed, and somebody who is not root may run them."""
    programs = all(_program(name) for name in ("initdb", "postgres", "createdb"))
    return programs and importlib.util.find_spec("psycopg2") is not None and _owner() is not None


@contextmanager
def database(name: str = "mlflow") -> Iterator[str]:
    """Start a server with one empty database; yields its address, and removes everything in the end.

    Raises:
        RuntimeError: it does not start, with the end of its log.
    """
    # Folders that pytest makes are closed to other users, and PostgreSQL refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    owner = _owner()
    if owner:
        shutil.chown(folder, owner, owner)
    try:
        _run(["initdb", "-D", str(folder / "data"), "-U", USER, "-A", "trust", "-N"], owner)
        log = (folder / "server.log").open("w")
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        process = subprocess.Popen(
            [_program("postgres"), "-D", str(folder / "data"), *options],
            stdout=log, stderr=subprocess.STDOUT, cwd=folder, user=owner or None, group=owner or None,
        )  # fmt: skip
        try:
            _wait(process, folder)
            _run(["createdb", "-h", str(folder), "-U", USER, name], owner)
            yield f"postgresql+psycopg2://{USER}@/{name}?host={folder}"
        finally:
            process.send_signal(signal.SIGINT)  # disconnect everybody and stop
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> str | None:
    """Who runs it: the user that its package made, for root; oneself otherwise (empty); None when there is nobody."""
    if os.geteuid() != 0:
        return ""
    done = subprocess.run(["id", USER], capture_output=True, check=False)
    return USER if done.returncode == 0 else None


def _program(name: str) -> str:
    """A program's path; Debian keeps those of the server outside PATH."""
    found = shutil.which(name)
    if found is None:
        found = max((str(path) for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default="")
    return found


def _run(words: list[str], owner: str | None) -> None:
    done = subprocess.run(
        [_program(words[0]), *words[1:]], capture_output=True, text=True, check=False, cwd="/",
        user=owner or None, group=owner or None,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{words[0]} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE and process.poll() is None:
        # It writes `ready` into this file when it takes connections.
        state = folder / "data" / "postmaster.pid"
        if state.is_file() and state.read_text(encoding="utf-8").rstrip().endswith("ready"):
            return
        time.sleep(0.1)
    raise RuntimeError(f"postgres does not start:\n{(folder / 'server.log').read_text()[-2000:]}")
