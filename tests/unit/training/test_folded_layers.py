"""A layer that learns by an adapter, as one node: its states, and the gradients of all that learns, are its own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from stages.adaptation import METHODS, folding
from stages.params.adaptation import AdaptationParams
from stages.training import layers
from tests.unit.training.test_attention import bert
from tests.unit.training.test_layers import gradients, likeness, loss, prepared

METHOD: dict[str, dict[str, Any]] = {
    "lora": {"lora": {"rank": 3, "targets": "all"}},
    "lora of two": {"lora": {"rank": 3, "targets": "queries-values"}},
    "rslora": {"lora": {"rank": 4, "targets": "all", "rslora": True}},
    "dora": {"lora": {"rank": 3, "targets": "all", "dora": True}},
    "adalora": {"adalora": {"targets": "all", "initial_rank": 4, "target_rank": 2}},
    "ia3": {},
    "bitfit": {},
}
NAMES = {"lora of two": "lora", "rslora": "lora", "dora": "lora"}


def adapted(encoder: nn.Module, kind: str) -> Any:
    """A model whose adapter has learned something, on that encoder."""
    model: Any = nn.Module()
    model.encoder, model.head = encoder, nn.Linear(32, 3)
    name = NAMES.get(kind, kind)
    method = METHODS[name](AdaptationParams.model_validate({"method": name, **METHOD[kind]}))
    method.apply(model, 64)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for one in model.encoder.parameters():
            if one.requires_grad:
                one.add_(0.05 * torch.randn(one.shape, generator=generator))
    return model


@pytest.mark.parametrize("kind", METHOD)
def test_states_and_gradients_are_the_layers_own_in_float64(kind: str) -> None:
    layer: Any = adapted(bert(), kind).encoder.double().encoder.layer[0].eval()
    weights = layers._weights(layer)
    assert weights is not None
    weights.kind = torch.float64
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(3, 7, 32, dtype=torch.float64, generator=generator)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    expected = layer(inputs[0], None)
    torch.autograd.backward(expected.sin().sum())
    own = gradients(layer)
    assert own
    layer.zero_grad()
    form = weights.form((0.0, 0.0, 0.0))
    found = layers.Layer.apply(inputs[1], None, weights, form, *weights.tensors())  # type: ignore[no-untyped-call]
    torch.autograd.backward(found.sin().sum())
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=1e-8, atol=1e-10)
    assert gradients(layer).keys() == own.keys(), "what is frozen gets none"
    for name, one in gradients(layer).items():
        torch.testing.assert_close(one, own[name], rtol=1e-8, atol=1e-10, msg=name)


@pytest.mark.parametrize("kind", METHOD)
def test_bf16_is_as_near_to_float32_as_autocast_is(kind: str, at_once: list[int]) -> None:
    exact = adapted(bert(), kind).encoder
    usual, ours = adapted(prepared(installed=False), kind).encoder, adapted(prepared(installed=False), kind).encoder
    assert layers.install(ours) == 2
    for model in (usual, ours):
        torch.autograd.backward(loss(model))
    assert len(at_once) == 2
    inputs_of = {"exact": exact, "usual": usual, "ours": ours}
    with torch.autocast("cpu", enabled=False):
        torch.autograd.backward(plain_loss(exact))
    expected, other, found = (gradients(one) for one in inputs_of.values())
    assert found.keys() == other.keys() == expected.keys()
    for name, one in found.items():
        assert one.dtype == torch.float32
        if one.numel() > 8:
            assert likeness(one, expected[name]) > min(0.999, likeness(other[name], expected[name]) - 1e-3), name


def plain_loss(model: Any) -> torch.Tensor:
    """`loss` in float32."""
    from tests.unit.training.test_attention import batch

    inputs = batch(12)
    states = model(**inputs).last_hidden_state
    weights = torch.randn(states.shape, generator=torch.Generator().manual_seed(1))
    return (states * weights * inputs["attention_mask"].unsqueeze(-1)).mean()


@pytest.mark.parametrize("kind", METHOD)
def test_a_step_of_the_adapter_is_seen_by_the_next_reading(kind: str, at_once: list[int]) -> None:
    model = adapted(prepared(installed=False), kind).encoder
    layers.install(model)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=0.02)
    losses = []
    for _ in range(4):
        found = loss(model)
        torch.autograd.backward(found)
        losses.append(float(found.detach()))
        optimizer.step()
        optimizer.zero_grad()
    assert len(at_once) == 8
    assert losses[-1] < losses[0]
    with torch.inference_mode():
        read = float(loss(model.eval()))
        fresh = copy.deepcopy(model)
        layers.uninstall(fresh)
        assert read == pytest.approx(float(loss(fresh)), rel=0.05, abs=2e-3)


def test_what_is_merged_or_switched_off_is_asked_itself(at_once: list[int]) -> None:
    model = adapted(prepared(installed=False), "lora").encoder
    layers.install(model)
    product = model.encoder.layer[0].attention.self.query
    assert not folding.set_aside(product)
    loss(model)
    assert len(at_once) == 2
    product.enable_adapters(False)
    assert folding.set_aside(product)
    loss(model)
    assert len(at_once) == 3, "the other layer alone"
    product.enable_adapters(True)
    product.merge()
    assert folding.set_aside(product)


def test_what_no_single_weight_stands_for_is_not_folded() -> None:
    dropped = adapted(bert(), "lora").encoder.encoder.layer[0].output.dense
    assert folding.foldable(dropped)
    dropped.lora_dropout["default"] = nn.Dropout(0.1)
    assert not folding.foldable(dropped)
    assert not folding.foldable(nn.Linear(3, 4, bias=False))
    assert not folding.foldable(nn.Sequential(nn.Linear(3, 4)))
    several = adapted(bert(), "ia3").encoder.encoder.layer[0].output.dense
    assert folding.foldable(several)
    several._active_adapter = ["default", "other"]
    assert not folding.foldable(several)


def test_states_that_nothing_in_a_layer_learns_from_still_carry_gradients(at_once: list[int]) -> None:
    """As virtual tokens before the text need it."""
    model, usual = prepared(), prepared(installed=False)
    found = []
    for one in (model, usual):
        for name, part in one.named_parameters():
            part.requires_grad_("word_embeddings" in name)
        torch.autograd.backward(loss(one))
        found.append(gradients(one))
    assert len(at_once) == 2
    assert found[0].keys() == found[1].keys() == {"embeddings.word_embeddings.weight"}
    assert likeness(*(one["embeddings.word_embeddings.weight"] for one in found)) > 0.999
