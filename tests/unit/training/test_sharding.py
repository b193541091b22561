"""Shared weights train to what whole ones do, survive a kill, and are whole again when the run is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

from stages.errors import ModelError, ParamsError
from stages.params.adaptation import AdaptationParams
from stages.params.objectives import ObjectivesParams
from stages.training import sharding
from tests.unit.training.several import HELD, KILLED, averaged
from tests.unit.training.test_trainer import tuner


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """What two processes that share weights wrote."""
    folder = tmp_path_factory.mktemp("several")
    env = {**os.environ, sharding.PARALLEL: "fsdp", "PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*words, "-m", "tests.unit.training.several", str(folder)],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def history(runs: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((runs / f"{name}.json").read_text())
    return found


def facts(runs: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((runs / "facts.json").read_text())
    return found


@pytest.mark.slow
def test_every_weight_is_shared_while_training(runs: Path) -> None:
    assert len(facts(runs)["shared"]) > 10
    assert all(facts(runs)["shared"])


@pytest.mark.slow
def test_a_task_that_scores_validation_finds_the_weights_of_the_head_whole(runs: Path) -> None:
    # A CRF's transitions are read there.
    assert len(facts(runs)["head_whole"]) == 4
    assert all(facts(runs)["head_whole"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "make"), [("plain", tuner), ("held", averaged)])
def test_losses_and_weights_are_those_of_one_process(runs: Path, tmp_path: Path, name: str, make: Any) -> None:
    alone = make(tmp_path, **HELD)
    alone.run()
    for key in ("steps", "evaluations"):
        for one, two in zip(getattr(alone.history, key), history(runs, name)[key], strict=True):
            assert two == pytest.approx(one, abs=1e-5)
    assert alone.history.best_step > 1
    found = load_file(runs / f"{name}.safetensors")
    assert found.keys() == alone.model.state_dict().keys()
    for key, value in alone.model.state_dict().items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=1e-5, msg=key)


@pytest.mark.slow
def test_a_killed_run_ends_in_the_bytes_of_an_undisturbed_one(runs: Path) -> None:
    assert facts(runs)["resumed_at"] == KILLED
    assert history(runs, "resumed") == history(runs, "whole")
    assert (runs / "resumed.safetensors").read_bytes() == (runs / "whole.safetensors").read_bytes()


@pytest.mark.slow
def test_nothing_of_the_sharding_is_left_on_the_model(runs: Path, tmp_path: Path) -> None:
    classes = [type(one).__name__ for one in tuner(tmp_path).model.modules()]
    assert (runs / "whole.classes").read_text().splitlines() == classes


def test_layers_are_found_whatever_the_architecture_calls_them() -> None:
    small: dict[str, Any] = {"vocab_size": 50, "max_position_embeddings": 16}
    bert = BertModel(
        BertConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, **small)
    )
    assert sharding.blocks(bert) == ["BertLayer"]
    distil = DistilBertModel(DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=32, **small))
    assert sharding.blocks(distil) == ["TransformerBlock"]
    assert sharding.blocks(nn.Sequential(nn.Linear(2, 2), nn.ModuleList([nn.Identity()]))) == []


def test_the_environment_decides_and_a_single_process_has_nobody_to_share_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sharding.PARALLEL, "fsdp")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert not sharding.wanted()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert sharding.wanted()
    monkeypatch.setenv(sharding.PARALLEL, "ddp")
    assert not sharding.wanted()
    monkeypatch.setenv(sharding.PARALLEL, "zero")
    with pytest.raises(ParamsError, match="WHETSTONE_PARALLEL: 'zero' is unknown"):
        sharding.wanted()


@pytest.mark.parametrize(
    ("adaptation", "objectives", "what"),
    [
        ({"method": "adalora"}, {}, "adaptation.method: adalora .* Use lora"),
        ({}, {"ewc": {"weight": 1.0}}, "objectives.ewc.weight: .* Use l2_sp"),
    ],
)
def test_what_needs_whole_weights_at_each_step_is_refused(
    adaptation: dict[str, Any], objectives: dict[str, Any], what: str
) -> None:
    with pytest.raises(ModelError, match=what):
        sharding.check(AdaptationParams.model_validate(adaptation), ObjectivesParams.model_validate(objectives))
    sharding.check(AdaptationParams(), ObjectivesParams())
