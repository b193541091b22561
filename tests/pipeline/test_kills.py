"""SIGKILL in the middle of finetune, twice, and the bytes are those of a run that nobody disturbed.

`benchmarks/kills.py` does the same to all stages, at random moments, through dvc.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages import artifacts
from stages.artifacts import tree_sha256
from stages.training import checkpoints
from tests import tiny
from tests.pipeline.running import run

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]
PATIENCE = 300.0
"""Seconds that a checkpoint may be waited for."""


def newest(folder: Path) -> int:
    """The step of the newest complete checkpoint; 0 for none."""
    found = (folder / ".checkpoints").glob(f"finetune/*/{checkpoints.PREFIX}*/{checkpoints.MARKER}")
    return max((int(file.parent.name.removeprefix(checkpoints.PREFIX)) for file in found), default=0)


def test_a_run_that_was_killed_twice_ends_in_the_same_bytes(tmp_path: Path, project: Path) -> None:
    folder = tiny.project(
        tmp_path / "project",
        project,
        **{"training__epochs": 20, "training__checkpoint_seconds": 0, "training__threads": 1},
        **{"training__early_stopping": {"patience": None, "min_delta": 0.0}, "model__dropout": 0.2},
    )
    run(folder, "prepare", "tokenize", "finetune")
    outs = (artifacts.FINETUNED, artifacts.TRAINING_REPORT)
    expected = [tree_sha256(folder / out) for out in outs]
    for out in outs:
        shutil.rmtree(folder / out)
    env = {**os.environ, "PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "stages.finetune"]
    reached = 0
    for _ in range(2):
        running = subprocess.Popen(words, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        began = time.monotonic()
        while newest(folder) <= reached + 5 and running.poll() is None and time.monotonic() - began < PATIENCE:
            time.sleep(0.01)
        alive = running.poll() is None
        running.kill()
        _, said = running.communicate()
        assert alive, f"it ended before it could be killed: {said.decode()}"
        reached = newest(folder)
        assert reached
        assert not (folder / artifacts.FINETUNED).exists()
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"resuming at step {reached}" in done.stderr
    assert [tree_sha256(folder / out) for out in outs] == expected
    assert not (folder / ".checkpoints").exists()
    assert not list(folder.rglob("*.partial"))
