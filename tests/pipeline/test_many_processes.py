"""Two processes make of the same batches what one makes, and write what it writes, whichever way they share the work."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from stages import artifacts
from stages.harness import LAUNCH
from stages.training.sharding import PARALLEL
from tests import tiny
from tests.pipeline.running import run

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]
TORCHRUN = "torchrun --standalone --nproc-per-node 2"
# --multi_gpu is accelerate's word for torchrun; it needs no GPU. The precision that it names must not count.
ACCELERATE = (
    "accelerate launch --multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0 --dynamo_backend no "
    "--mixed_precision bf16"
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """57 records in batches of 8: the last one has a single record, which one of two processes gets.

    The head begins with noise and the smallest loss is best, so that the weights that are kept have moved.
    """
    folder = tiny.project(
        tmp_path_factory.mktemp("alone") / "project",
        project,
        **{"data__limit": 57, "model__dropout": 0.0, "model__head_dropout": 0.0, "training__epochs": 1},
        **{"training__batch_size": 8, "training__threads": 1, "training__class_weights": "balanced"},
        **{"training__head_start": "random", "training__metric": "loss"},
    )
    run(folder, "prepare", "tokenize", "finetune")
    return folder


def curve(folder: Path) -> list[dict[str, float]]:
    with (folder / artifacts.STEPS).open() as stream:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]


def finetune(folder: Path, project: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(project), "OMP_NUM_THREADS": "1", **settings}
    words = [sys.executable, "-m", "stages.finetune"]
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("launcher", "kind"),
    [(TORCHRUN, "ddp"), (ACCELERATE, "fsdp")],
    ids=["torchrun and DDP", "accelerate and FSDP2"],
)
def test_the_same_losses_weights_and_files(
    alone: Path, tmp_path: Path, project: Path, launcher: str, kind: str
) -> None:
    folder = shutil.copytree(alone, tmp_path / "project", ignore=shutil.ignore_patterns("models", "training"))
    done = finetune(folder, project, **{LAUNCH: launcher, PARALLEL: kind})
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 1.00:") == 1, "one process speaks"
    assert ("2 processes share the weights" in done.stderr) == (kind == "fsdp")
    for one, two in zip(curve(alone), curve(folder), strict=True):
        assert two["loss"] == pytest.approx(one["loss"], abs=1e-5)
    for out in (artifacts.FINETUNED, artifacts.TRAINING_REPORT):
        names = [sorted(path.name for path in (at / out).iterdir()) for at in (alone, folder)]
        assert names[0] == names[1]
    for file in ("model.safetensors", "head.safetensors"):
        weights = load_file(alone / artifacts.FINETUNED / file)
        for name, value in load_file(folder / artifacts.FINETUNED / file).items():
            assert abs(value - weights[name]).max() < 1e-5, name
    assert not (folder / ".checkpoints").exists()


def test_a_launcher_that_asks_for_another_way_to_train_is_refused(alone: Path, project: Path) -> None:
    done = finetune(alone, project, ACCELERATE_USE_FSDP="true")
    assert done.returncode == 2
    assert "--use_fsdp: weights are shared out with WHETSTONE_PARALLEL=fsdp instead" in done.stderr
    assert "Traceback" not in done.stderr
