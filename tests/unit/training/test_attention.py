"""Attention by length is attention: the same outputs and gradients as the library's own, on either side of the crossing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel, ElectraConfig, ElectraModel, ModernBertConfig, ModernBertModel

from stages.training import attention


def bert(dropout: float = 0.0, implementation: str = "eager") -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        **{"vocab_size": 90, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
        **{"intermediate_size": 48, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": dropout},
        attn_implementation=implementation,
    )
    return BertModel(config, add_pooling_layer=False)


def batch(length: int) -> dict[str, torch.Tensor]:
    mask = torch.ones(3, length, dtype=torch.long)
    mask[1, length // 2 :] = 0
    return {"input_ids": torch.arange(3 * length).view(3, length) % 90, "attention_mask": mask}


def outcome(model: Any, length: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    inputs = batch(length)
    states = model(**inputs).last_hidden_state * inputs["attention_mask"].unsqueeze(-1)
    states.square().sum().backward()
    return states.detach(), [one.grad for one in model.parameters() if one.grad is not None]


@pytest.mark.parametrize("length", [4, attention.CROSSING[torch.float32], 70])
def test_states_and_gradients_are_the_librarys(length: int) -> None:
    theirs, ours = bert(), bert()
    assert attention.install(ours)
    states, gradients = outcome(theirs, length)
    own_states, own_gradients = outcome(ours, length)
    torch.testing.assert_close(own_states, states, rtol=1e-5, atol=1e-5)
    for own, other in zip(own_gradients, gradients, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("length", [8, 40])
def test_reading_gives_the_same_states(length: int) -> None:
    theirs, ours = bert().eval(), bert().eval()
    attention.install(ours)
    with torch.inference_mode():
        mask = batch(length)["attention_mask"].unsqueeze(-1)
        expected, found = (model(**batch(length)).last_hidden_state * mask for model in (theirs, ours))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_weights_are_dropped_while_training_only() -> None:
    model = bert(dropout=0.5)
    attention.install(model)
    inputs = batch(10)
    first, second = (model.train()(**inputs).last_hidden_state for _ in range(2))
    assert not torch.equal(first, second)
    quiet = bert()
    attention.install(quiet)
    torch.testing.assert_close(model.eval()(**inputs).last_hidden_state, quiet.eval()(**inputs).last_hidden_state)


def test_other_attention_and_other_architectures_are_left_alone() -> None:
    sizes = {"vocab_size": 90, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    assert not attention.install(bert(implementation="sdpa"))
    modern = ModernBertModel(
        ModernBertConfig(**sizes, intermediate_size=48, pad_token_id=0, attn_implementation="eager")
    )
    assert not attention.install(modern)
    electra = ElectraModel(ElectraConfig(**sizes, embedding_size=32, attn_implementation="eager"))
    assert attention.install(electra)
