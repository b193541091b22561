"""`python -m stages.tracking deliver | sync | ui | where`."""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
from typing import cast

from stages.errors import UserError
from stages.params.loading import load
from stages.params.tracking import TrackingParams
from stages.tracking import delivery, session
from stages.tracking.sync import sync

log = logging.getLogger("stages.tracking")


def main(words: list[str]) -> int:
    """Run one command; a failure of MLflow is one line and never more than that."""
    parser = argparse.ArgumentParser(prog="python -m stages.tracking", description="The MLflow record of this project.")
    parser.add_argument("command", choices=["deliver", "sync", "ui", "where"])
    parser.add_argument("--port", type=int, default=5000, help="for ui")
    chosen = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        if chosen.command == "deliver":
            delivery.deliver()
            return 0
        settings = cast("TrackingParams", load((TrackingParams,))["tracking"])
        if chosen.command == "sync":
            log.info("tracking: %s", sync(settings))
        elif chosen.command == "where":
            sys.stdout.write(delivery.store(settings.uri) + "\n")
        else:
            return _serve(settings, chosen.port)
    except UserError as error:
        log.error("%s", error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - whatever MLflow raises, the pipeline's result stands
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        log.warning("tracking: MLflow did not take the record (%s); it waits in %s", reason, session.folder())
        session.folder().mkdir(parents=True, exist_ok=True)
        (session.folder() / "failure").write_text(reason[:120], encoding="utf-8")
    return 0


def _serve(settings: TrackingParams, port: int) -> int:
    """Show the record in a browser, on this machine only, until interrupted."""
    if settings.uri is not None and not settings.uri.startswith("sqlite:"):
        sys.stdout.write(f"The record is kept by a server: open {settings.uri}\n")
        return 0
    sys.stdout.write(f"MLflow at http://127.0.0.1:{port} (Ctrl-C ends it)\n")
    words = [
        "mlflow",
        "ui",
        "--backend-store-uri",
        delivery.store(settings.uri),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    try:
        return subprocess.run(
            [sys.executable, "-m", *words], env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}, check=False
        ).returncode
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
