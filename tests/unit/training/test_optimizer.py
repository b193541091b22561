"""What decays, and how the learning rate rises and falls."""

from __future__ import annotations

from itertools import pairwise

import pytest
from torch import nn

from stages.params.training import TrainingParams
from stages.training.optimizer import make_optimizer, parameter_groups, rate


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
        self.head = nn.Linear(4, 2)


def test_norms_and_biases_do_not_decay_and_the_head_has_its_own_rate() -> None:
    groups = {g["name"]: g for g in parameter_groups(Small(), TrainingParams(head_learning_rate=0.01))}
    assert {name: len(g["params"]) for name, g in groups.items()} == {
        "base": 1,
        "base-no-decay": 3,
        "head": 1,
        "head-no-decay": 1,
    }
    assert groups["base-no-decay"]["weight_decay"] == 0
    assert groups["base"]["weight_decay"] == 0.01
    assert groups["head"]["lr"] == 0.01
    assert groups["base"]["lr"] == 1e-4


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_rate_rises_to_one_and_falls_to_zero(schedule: str) -> None:
    params = TrainingParams.model_validate({"schedule": schedule, "warmup": 0.1})
    values = [rate(step, 100, params) for step in range(101)]
    assert values[0] == 0
    assert values[10] == 1
    assert values[100] == pytest.approx(0)
    assert all(a <= b for a, b in pairwise(values[:11]))
    assert all(a >= b for a, b in pairwise(values[10:]))
    assert values[40] == pytest.approx({"linear": 2 / 3, "cosine": 0.75}[schedule])


def test_without_warm_up_the_first_step_has_the_full_rate() -> None:
    assert rate(0, 10, TrainingParams(warmup=0.0)) == 1
    assert rate(9, 10, TrainingParams(warmup=0.0, schedule="constant")) == 1


def test_the_moments_are_those_of_params() -> None:
    made = make_optimizer(Small(), TrainingParams(betas=[0.8, 0.95], epsilon=1e-5))
    assert (made.defaults["betas"], made.defaults["eps"]) == ((0.8, 0.95), 1e-5)


def test_biases_of_an_lstm_do_not_decay() -> None:
    model = Small()
    model.head = nn.LSTM(4, 2, bidirectional=True)  # type: ignore[assignment]
    groups = {g["name"]: g for g in parameter_groups(model, TrainingParams())}
    assert (len(groups["head"]["params"]), len(groups["head-no-decay"]["params"])) == (4, 4)
