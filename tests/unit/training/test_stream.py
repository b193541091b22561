"""States between layers in bf16: fewer casts, one per weight and step, and the same answers to bf16's precision."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from stages.training import attention, stream
from tests.unit.training.test_attention import batch, bert


def step(model: Any, *, bf16: bool) -> torch.Tensor:
    """Forward and backward; the states."""
    inputs = batch(12)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        states: torch.Tensor = model(**inputs).last_hidden_state
    direction = torch.randn(states.shape, generator=torch.Generator().manual_seed(1))
    torch.autograd.backward((states.float() * direction * inputs["attention_mask"].unsqueeze(-1)).mean())
    return states.detach()


def casts(model: Any) -> int:
    """Copies to another type in a step."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        step(model, bf16=True)
    return sum(int(one.count) for one in seen.key_averages() if one.key == "aten::_to_copy")


@pytest.fixture
def model() -> Any:
    made = bert()
    attention.install(made)
    return made


def test_states_are_bf16_and_answers_are_those_of_float32(model: Any) -> None:
    expected = step(bert(), bf16=False)
    assert stream.install(model)
    found = step(model, bf16=True)
    assert found.dtype == torch.bfloat16
    inside = batch(12)["attention_mask"].bool()
    assert float((found.float() - expected)[inside].abs().max()) < 0.05 * float(expected.abs().max())


def test_weights_and_gradients_stay_in_float32(model: Any) -> None:
    plain = bert()
    step(plain, bf16=False)
    stream.install(model)
    step(model, bf16=True)
    for (name, one), other in zip(model.named_parameters(), plain.parameters(), strict=True):
        assert one.dtype == torch.float32
        assert one.grad is not None, name
        assert other.grad is not None
        assert one.grad.dtype == torch.float32
        if one.ndim > 1:
            likeness = torch.nn.functional.cosine_similarity(one.grad.flatten(), other.grad.flatten(), dim=0)
            assert float(likeness) > 0.98, name


def test_fewer_casts_than_autocast_alone_and_one_per_weight(model: Any) -> None:
    before = casts(model)
    stream.install(model)
    after = casts(model)
    products = sum(isinstance(one, torch.nn.Linear) for one in model.modules())
    # Weight and bias of each product there and their gradients back, and a few for states, mask and what the test does.
    assert after <= 4 * products + 16
    assert after < 0.75 * before


def test_without_autocast_nothing_changes(model: Any) -> None:
    expected = step(model, bf16=False)
    stream.install(model)
    assert torch.equal(step(model, bf16=False), expected)
