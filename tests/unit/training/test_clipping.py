"""Clipping inside the optimizer's pass moves weights as clipping before it does."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from stages.training.clipping import ClippedAdamW


def steps(model: nn.Module, largest: float | None, *, inside: bool, count: int = 4) -> list[torch.Tensor]:
    """Weights after a few steps on the same inputs."""
    optimizer = (ClippedAdamW if inside else torch.optim.AdamW)(model.parameters(), lr=0.01, fused=True)
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        x = torch.randn(16, 6, generator=generator)
        model(x).square().sum().backward()
        if largest is not None:
            if inside:
                assert isinstance(optimizer, ClippedAdamW)
                norm = optimizer.clip(largest)
                assert norm is not None
                expected = torch.sqrt(
                    sum(
                        (one.grad.square().sum() for one in model.parameters() if one.grad is not None), torch.zeros(())
                    )
                )
                torch.testing.assert_close(norm, expected)
            else:
                nn.utils.clip_grad_norm_(model.parameters(), largest)
        optimizer.step()
        optimizer.zero_grad()
    return [one.detach() for one in model.parameters()]


@pytest.mark.parametrize("largest", [0.5, 1e6, None])
def test_weights_are_those_of_clipping_first(largest: float | None) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    before = steps(copy.deepcopy(model), largest, inside=False)
    inside = steps(copy.deepcopy(model), largest, inside=True)
    for one, other in zip(before, inside, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
        if largest != 0.5:
            assert torch.equal(one, other), "what is not clipped is not touched"


def test_a_factor_is_used_once() -> None:
    model = nn.Linear(2, 1)
    optimizer = ClippedAdamW(model.parameters(), fused=True)
    assert optimizer.clip(1.0) is None
    model(torch.ones(1, 2)).sum().backward()
    optimizer.clip(0.1)
    assert optimizer.grad_scale is not None
    optimizer.step()
    assert optimizer.grad_scale is None
