"""An encoder that is lent to a reader reads the same, and comes back as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from stages.training import layers, quick
from tests.unit.training.test_attention import batch, bert


def states(model: nn.Module, length: int, *, bf16: bool) -> torch.Tensor:
    """Every layer's states `(layers + 1, batch, length, width)`, where there are tokens."""
    inputs = batch(length)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        found = model(**inputs, output_hidden_states=True).hidden_states
    return torch.stack([one.float() for one in found]) * inputs["attention_mask"][None, ..., None]


@pytest.mark.parametrize("length", [9, 40])
@pytest.mark.parametrize(("bf16", "near"), [(False, 1e-5), (True, 0.05)])
def test_every_layer_s_states_are_the_same_and_the_encoder_is_as_it_was(length: int, bf16: bool, near: float) -> None:
    model = bert().eval()
    exact, before = states(model, length, bf16=False), states(model, length, bf16=bf16)
    with quick.reading(model, bf16=bf16):
        assert sum("as_one_node" in vars(one) for one in model.modules()) == (2 if bf16 else 0)
        found = states(model, length, bf16=bf16)
    assert found.shape == exact.shape == (3, *exact.shape[1:])
    torch.testing.assert_close(found, exact, rtol=near, atol=near)
    assert model.config._attn_implementation == "eager"
    assert torch.equal(states(model, length, bf16=bf16), before), "something was left in the encoder"


def test_it_comes_back_also_when_reading_fails() -> None:
    model = bert().eval()
    with pytest.raises(KeyError), quick.reading(model, bf16=True):
        raise KeyError
    assert model.config._attn_implementation == "eager"
    assert layers.install(model) == 0, "attention by length was left in"


def test_weights_that_are_changed_in_between_are_read_anew() -> None:
    model = bert().eval()
    with quick.reading(model, bf16=True):
        before = states(model, 9, bf16=True)
        with torch.no_grad():
            for one in model.parameters():
                one.mul_(1.5)
        assert not torch.allclose(states(model, 9, bf16=True), before, atol=0.1)


def test_another_kind_of_encoder_reads_as_it_is() -> None:
    other = nn.Linear(2, 2)
    with quick.reading(other, bf16=True):
        assert not hasattr(other, "as_one_node")


@given(st.lists(st.integers(1, 600), max_size=80), st.integers(1, 2000))
def test_batches_hold_every_text_once_and_keep_to_the_budget(lengths: list[int], tokens: int) -> None:
    descending = np.array(sorted(lengths, reverse=True))
    parts = [descending[part] for part in quick.batches(descending, tokens)]
    assert np.concatenate([np.empty(0, int), *parts]).tolist() == descending.tolist()
    assert all(len(part) == 1 or len(part) * part[0] <= tokens for part in parts)
