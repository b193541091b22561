"""What a launcher says, and what a process without one does with several GPUs. Runs of two processes: `test_many_processes`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from stages.errors import ParamsError
from stages.training import parallel
from stages.training.precision import device
from tests.unit.training.test_trainer import tuner


def gpus(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were so many GPUs."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: None)


@pytest.mark.parametrize("name", ["ACCELERATE_MIXED_PRECISION", "ACCELERATE_DYNAMO_BACKEND"])
def test_params_decide_what_a_launcher_also_has_a_word_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "bf16")
    parallel.settle()
    assert name not in os.environ


@pytest.mark.parametrize("name", ["USE_FSDP", "USE_DEEPSPEED", "USE_MEGATRON_LM"])
def test_other_ways_to_train_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ACCELERATE_{name}", "false")
    parallel.settle()
    monkeypatch.setenv(f"ACCELERATE_{name}", "true")
    with pytest.raises(ParamsError, match=f"accelerate launch --{name.lower()}: .* Leave the flag away"):
        parallel.settle()


def test_processes_that_do_not_know_of_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(ParamsError, match="MPI started several processes"):
        parallel.settle()
    monkeypatch.setenv("WORLD_SIZE", "2")
    parallel.settle()


def test_without_a_launcher_one_gpu_is_used_and_the_others_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tuner(tmp_path)
    gpus(4, monkeypatch)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    found = run._arguments(tmp_path, torch.device("cuda"))
    assert found.device == torch.device("cuda:0")
    assert found.n_gpu == 1, "more would be nn.DataParallel"
    assert found.train_batch_size == run.params.batch_size
    assert parallel.idle_gpus() == 3
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert parallel.idle_gpus() == 0


def test_a_launcher_can_keep_away_from_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(1, monkeypatch)
    assert device().type == "cuda"
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert device().type == "cpu"
