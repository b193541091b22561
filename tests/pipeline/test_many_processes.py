"""Two processes make of the same batches what one makes, and write what it writes."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from stages import artifacts
from stages.harness import LAUNCH
from tests import tiny
from tests.pipeline.running import run

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]


@pytest.fixture
def tokenized(tmp_path: Path, project: Path) -> Path:
    """57 records in batches of 8: the last one has a single record, which one of two processes gets."""
    folder = tiny.project(
        tmp_path / "project",
        project,
        **{"data__limit": 57, "model__dropout": 0.0, "model__head_dropout": 0.0, "training__epochs": 1},
        **{"training__batch_size": 8, "training__threads": 1, "training__class_weights": "balanced"},
    )
    for stage in ("prepare", "tokenize"):
        run(folder, stage)
    return folder


def curve(folder: Path) -> list[dict[str, float]]:
    with (folder / artifacts.STEPS).open() as stream:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]


def test_the_same_losses_weights_and_files(tokenized: Path, project: Path) -> None:
    run(tokenized, "finetune")
    alone = curve(tokenized)
    weights = load_file(tokenized / artifacts.FINETUNED / "model.safetensors")
    files = sorted(path.name for path in (tokenized / artifacts.FINETUNED).iterdir())
    env = {**os.environ, LAUNCH: "torchrun --nproc-per-node 2", "PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "stages.finetune"], cwd=tokenized, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 1.00:") == 1, "one process speaks"
    for one, two in zip(alone, curve(tokenized), strict=True):
        assert two["loss"] == pytest.approx(one["loss"], abs=1e-5)
    assert sorted(path.name for path in (tokenized / artifacts.FINETUNED).iterdir()) == files
    for name, value in load_file(tokenized / artifacts.FINETUNED / "model.safetensors").items():
        if not name.endswith("key.bias"):  # softmax cancels it: its gradient is rounding alone, which Adam makes large
            assert abs(value - weights[name]).max() < 1e-3, name
    assert not (tokenized / ".checkpoints").exists()
