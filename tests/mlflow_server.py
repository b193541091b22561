"""A real MLflow server on loopback, for as long as a test or a drill needs it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 240.0
"""Seconds that it may take to start, or to stop by itself."""


@contextmanager
def serving(folder: Path, store: str | None = None) -> Iterator[str]:
    """Start a server whose artifacts lie in a folder; yields its address, and stops it in the end.

    Args:
        folder: of artifacts and log.
        store: address of its database; an sqlite file in the folder by default.

    Raises:
        RuntimeError: it does not answer in time, with the end of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *(
            "--backend-store-uri",
            store or f"sqlite:///{folder / 'server.db'}",
            "--artifacts-destination",
            str(folder / "artifacts"),
        ),
    ]
    log = folder / "server.log"
    with log.open("w") as stream:
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        process = subprocess.Popen(
            words, stdout=stream, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    try:
        _wait(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        # Its workers are in its own process group, which nothing else is in.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.2)
    raise RuntimeError(f"mlflow server does not answer on port {port}:\n{log.read_text()[-2000:]}")
