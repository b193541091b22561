"""Packed dropout drops the share that it says, keeps the expectation, and is a function of torch's generator."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.checkpoint import checkpoint

from stages.training.dropout import LEVELS, PackedDropout, dropout, install, kept


@given(st.integers(1, 400), st.integers(0, LEVELS - 1))
def test_a_mask_is_zeros_and_ones_of_the_length_asked_for(count: int, dropped: int) -> None:
    mask = kept(count, dropped)
    assert mask.shape == (count,)
    assert set(mask.tolist()) <= {0, 1}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1 / LEVELS * 300])
def test_the_share_that_is_dropped_is_the_one_asked_for(share: float) -> None:
    torch.manual_seed(1)
    count = 1_000_000
    found = 1 - float(kept(count, round(share * LEVELS)).float().mean())
    assert found == pytest.approx(share, abs=5 * (share * (1 - share) / count) ** 0.5 + 1 / LEVELS)


def test_neighbours_in_a_word_and_calls_in_a_row_are_independent() -> None:
    torch.manual_seed(2)
    mask = kept(400_000, LEVELS // 2).double().view(-1, 4)
    again = kept(400_000, LEVELS // 2).double().view(-1, 4)
    correlations = torch.corrcoef(torch.cat([mask.T, again.T]))
    assert float((correlations - torch.eye(8)).abs().max()) < 5 / 100_000**0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_stays_is_scaled_by_exactly_the_share_that_stays(dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    x = torch.ones(64, 33, dtype=dtype, requires_grad=True)
    out = dropout(x, 0.1)
    scale = torch.tensor(LEVELS / (LEVELS - round(0.1 * LEVELS))).to(dtype)
    assert set(out.detach().flatten().tolist()) == {0.0, float(scale)}
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert torch.equal(gradient, out.detach())
    assert out.dtype == dtype


def test_the_gradient_is_that_of_a_product_with_the_mask() -> None:
    x = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)

    def same_mask(values: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(4)
        return dropout(values, 0.3)

    assert torch.autograd.gradcheck(same_mask, (x,))


def test_torchs_generator_is_all_its_state() -> None:
    x = torch.ones(1000)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second = dropout(x, 0.5), dropout(x, 0.5)
    torch.set_rng_state(state)
    assert torch.equal(dropout(x, 0.5), first)
    assert torch.equal(dropout(x, 0.5), second)
    assert not torch.equal(first, second)


def test_recomputed_activations_meet_the_same_mask() -> None:
    layer = PackedDropout(0.5).train()
    x = torch.ones(4, 50, requires_grad=True)
    torch.manual_seed(6)
    plain = layer(x)
    torch.manual_seed(6)
    again = checkpoint(layer, x, use_reentrant=False)
    assert torch.equal(plain, again)
    (gradient,) = torch.autograd.grad(again.sum(), x)
    assert torch.equal(gradient, plain.detach())


def test_modules_are_replaced_and_nothing_drops_when_nothing_learns() -> None:
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, nn.Sequential(nn.Dropout(0.5), nn.ReLU()))
    names = list(model.state_dict())
    assert install(model) == 1
    assert install(model) == 0
    assert list(model.state_dict()) == names
    x = torch.randn(8, 4)
    model.eval()
    assert torch.equal(model(x), layer(x).relu())
    assert dropout(x, 0.0) is x
