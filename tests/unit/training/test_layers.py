"""A layer as one node of the graph is the layer: the same states and gradients, and its own code wherever that is asked for."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from transformers import BertModel, DistilBertConfig, DistilBertModel

from stages.training import attention, dropout, layer_passes, layers, stream
from stages.training.clipping import ClippedAdamW
from tests.unit.training.test_attention import batch, bert


def prepared(share: float = 0.0, *, installed: bool = True) -> BertModel:
    """As the trainer prepares an encoder on a CPU that multiplies bf16."""
    model = bert(dropout=share).train()
    for one in model.modules():
        if isinstance(one, nn.Dropout):
            one.p = share
    dropout.install(model)
    attention.install(model)
    stream.install(model)
    if installed:
        assert layers.install(model) == 2
    return model


def loss(model: BertModel, length: int = 12, direction: int = 1) -> torch.Tensor:
    """Some function of the states of tokens that are there."""
    inputs = batch(length)
    with torch.autocast("cpu", torch.bfloat16):
        states = model(**inputs).last_hidden_state
    weights = torch.randn(states.shape, generator=torch.Generator().manual_seed(direction))
    return (states.float() * weights * inputs["attention_mask"].unsqueeze(-1)).mean()


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}


def likeness(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(nn.functional.cosine_similarity(one.flatten().double(), other.flatten().double(), dim=0))


def double() -> tuple[Any, layers.Weights]:
    """A layer in float64, and what it computes with."""
    layer: Any = bert().double().encoder.layer[0].eval()
    for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    weights = layers._weights(layer)
    assert weights is not None
    weights.kind = torch.float64
    return layer, weights


@pytest.mark.parametrize("length", [7, layer_passes.COLUMNS, layer_passes.COLUMNS + 1])
@pytest.mark.parametrize("masked", [False, True])
def test_states_and_gradients_are_the_layers_own_in_float64(masked: bool, length: int) -> None:
    layer, weights = double()
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(3, length, 32, dtype=torch.float64, generator=generator)
    # Of each query for each key another number, so that one that is turned round is found out.
    mask = torch.randn(3, 1, length, length, dtype=torch.float64, generator=generator)
    mask[1, ..., 4:] = torch.finfo(torch.float64).min
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    given = mask if masked else None
    expected = layer(inputs[0], given)
    torch.autograd.backward(expected.sin().sum())
    own = {name: one.grad for name, one in layer.named_parameters()}
    layer.zero_grad()
    found = node(inputs[1], given, weights)
    torch.autograd.backward(found.sin().sum())
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=1e-9, atol=1e-10)
    for name, one in layer.named_parameters():
        torch.testing.assert_close(one.grad, own[name], rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.parametrize("length", [7, attention.READING])
@pytest.mark.parametrize("masked", [False, True])
def test_states_that_are_only_read_are_the_layers_own_in_float64(masked: bool, length: int) -> None:
    layer, weights = double()
    x = torch.randn(3, length, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    mask = torch.zeros(3, 1, length, length, dtype=torch.float64)
    mask[1, ..., 4:] = torch.finfo(torch.float64).min
    given = mask if masked else None
    with torch.inference_mode():
        found = layer_passes.read(x, given, weights.renewed(), weights.form((0.0, 0.0, 0.0)))
        torch.testing.assert_close(found, layer(x, given), rtol=1e-10, atol=1e-10)


def node(x: torch.Tensor, mask: Any, weights: layers.Weights, *shares: float) -> torch.Tensor:
    """A layer as one node, with dropout that is drawn alike each time."""
    torch.manual_seed(9)
    form = weights.form((shares[0], shares[1], shares[2]) if shares else (0.0, 0.0, 0.0))
    found: torch.Tensor = layers.Layer.apply(x, mask, weights, form, *weights.tensors())  # type: ignore[no-untyped-call]
    return found


@pytest.mark.parametrize("length", [3, layer_passes.COLUMNS + 1])
def test_gradients_with_dropout_are_those_of_differences(length: int) -> None:
    _, weights = double()
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(2, length, 32, dtype=torch.float64, generator=generator, requires_grad=True)
    shares = 0.3, 0.2, 0.1
    assert not torch.allclose(node(x, None, weights, *shares), node(x, None, weights)), "nothing was dropped"
    fast = length > layer_passes.COLUMNS
    assert torch.autograd.gradcheck(lambda given: node(given, None, weights, *shares), (x,), atol=1e-6, fast_mode=fast)
    x = x.detach()
    torch.autograd.backward(node(x, None, weights, *shares).sin().sum())
    step = 1e-6
    for part in weights.tensors():
        assert part.grad is not None
        place = int(part.grad.abs().argmax())
        values = []
        for change in (step, -2 * step):
            with torch.no_grad():
                part.view(-1)[place] += change
            values.append(float(node(x, None, weights, *shares).sin().sum().detach()))
        with torch.no_grad():
            part.view(-1)[place] += step
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(float(part.grad.view(-1)[place]), rel=1e-5)


@pytest.mark.parametrize("length", [5, 17, 24, 25, 31, 32, 33, 48])
def test_softmax_in_bf16_is_that_of_float64_rounded(length: int) -> None:
    generator = torch.Generator().manual_seed(length)
    scores, gradient = (torch.randn(6, length, length, generator=generator).mul(3).bfloat16() for _ in range(2))
    over = 1 if length <= layer_passes.COLUMNS else 2
    shares = layer_passes._softmax(scores)
    exact = torch.softmax(scores.double(), over)
    torch.testing.assert_close(shares.double(), exact, rtol=2**-8, atol=1e-30)
    products = gradient.double() * shares.double()
    wanted = products - shares.double() * products.sum(over, keepdim=True)
    torch.testing.assert_close(layer_passes._softmax_backward(gradient, shares).double(), wanted, rtol=2**-8, atol=1e-5)


def test_weights_that_change_between_the_passes_are_refused() -> None:
    _, weights = double()
    found = node(torch.randn(2, 3, 32, dtype=torch.float64), None, weights)
    with torch.no_grad():
        weights.products[0].weight.mul_(2)
    with pytest.raises(RuntimeError, match="between the forward and the backward pass"):
        torch.autograd.backward(found.sum())


def test_bf16_is_as_near_to_float32_as_autocast_is(at_once: list[int]) -> None:
    exact, usual, ours = bert(), prepared(installed=False), prepared()
    inputs = batch(12)
    states = exact(**inputs).last_hidden_state
    weights = torch.randn(states.shape, generator=torch.Generator().manual_seed(1))
    (states * weights * inputs["attention_mask"].unsqueeze(-1)).mean().backward()
    torch.autograd.backward(loss(usual))
    torch.autograd.backward(loss(ours))
    assert len(at_once) == 2
    expected, other, found = gradients(exact), gradients(usual), gradients(ours)
    assert found.keys() == other.keys() == expected.keys()
    for name, one in found.items():
        assert one.dtype == torch.float32
        if one.ndim > 1:
            assert likeness(one, expected[name]) > min(0.9995, likeness(other[name], expected[name]) - 2e-4), name


def strengthened(model: BertModel) -> BertModel:
    """With products that weigh as much as in a trained model."""
    with torch.no_grad():
        for one in model.modules():
            if isinstance(one, nn.Linear):
                one.weight.mul_(12)
    return model


@pytest.mark.parametrize("length", [attention.READING - 4, 40])
def test_reading_is_as_near_to_float32_as_autocast_is(length: int, at_once: list[int], read_at_once: list[int]) -> None:
    inputs = batch(length)
    there = inputs["attention_mask"].bool()
    models = bert(), prepared(installed=False), prepared(share=0.2), bert()
    exact, usual, ours, without = (strengthened(model).eval() for model in models)
    for layer in without.encoder.layer:
        layer.output.dense.weight.data.zero_()
    with torch.inference_mode():
        wanted = exact(**inputs).last_hidden_state[there]
        with torch.autocast("cpu", torch.bfloat16):
            other, found = (model(**inputs).last_hidden_state[there] for model in (usual, ours))
        lacking = without(**inputs).last_hidden_state[there]
    assert (len(at_once), len(read_at_once)) == (0, 2)
    assert found.dtype == torch.bfloat16
    assert likeness(found, wanted) > min(0.9999, likeness(other, wanted) - 5e-4)
    assert likeness(lacking, wanted) < 0.99, "what stands behind attention would be missed"


def test_a_first_reading_without_gradients_leaves_training_as_it_is() -> None:
    untouched, model = prepared(), prepared()
    torch.autograd.backward(loss(untouched))
    expected = gradients(untouched)
    with torch.inference_mode():
        before = loss(model.eval())
    torch.autograd.backward(loss(model.train()))
    for name, one in gradients(model).items():
        assert torch.equal(one, expected[name]), name
    strengthened(model).eval()
    fresh = strengthened(prepared()).eval()
    with torch.inference_mode():
        after = loss(model)
        assert torch.equal(after, loss(fresh)), "the weights have moved, and copies with them"
    assert not torch.equal(after, before)


@pytest.mark.parametrize("together", [False, True])
def test_gradients_of_two_readings_are_added(together: bool) -> None:
    model = prepared()
    torch.autograd.backward(loss(model, direction=1))
    first = gradients(model)
    model.zero_grad()
    torch.autograd.backward(loss(model, direction=2))
    second = gradients(model)
    model.zero_grad()
    if together:
        torch.autograd.backward(loss(model, direction=1) + loss(model, direction=2))
    else:
        torch.autograd.backward(loss(model, direction=1))
        torch.autograd.backward(loss(model, direction=2))
    for name, one in gradients(model).items():
        torch.testing.assert_close(one, first[name] + second[name], rtol=1e-5, atol=1e-7, msg=name)


def test_a_step_is_seen_by_the_next_reading_and_gradients_stay_in_place() -> None:
    model = prepared()
    optimizer = ClippedAdamW(model.parameters(), lr=0.05, fused=True)
    weight = model.encoder.layer[0].output.dense.weight
    places, losses = set(), []
    for _ in range(4):
        found = loss(model)
        torch.autograd.backward(found)
        losses.append(float(found.detach()))
        assert weight.grad is not None
        places.add(weight.grad.data_ptr())
        optimizer.step()
        model.zero_grad()
    assert len(places) == 1
    assert len(set(losses)) == 4
    assert losses[-1] < losses[0]


def test_a_loaded_state_is_seen() -> None:
    model, other = prepared(), prepared()
    before = loss(model)
    with torch.no_grad():
        for one in other.parameters():
            one.mul_(1.1)
    model.load_state_dict(other.state_dict())
    found, expected = loss(model), loss(other)
    assert torch.equal(found, expected)
    assert not torch.equal(found, before)


def test_a_copy_computes_with_its_own_weights() -> None:
    model = prepared()
    other = copy.deepcopy(model)
    with torch.no_grad():
        for one in other.parameters():
            one.zero_()
    assert not torch.equal(loss(model), loss(other))
    torch.autograd.backward(loss(other))
    assert all(one.grad is None for one in model.parameters())


def test_a_layer_runs_its_own_code_where_something_else_is_asked(at_once: list[int], read_at_once: list[int]) -> None:
    model = prepared()
    loss(model)
    assert len(at_once) == 2
    model.eval()
    loss(model)
    model.train()
    with torch.no_grad():
        loss(model)
    model(**batch(12))
    with torch.inference_mode():
        model.eval()(**batch(40))
    model.train()
    assert len(at_once) == 4, "with gradients in evaluation as well; dropout without gradients, float32: its own code"
    at_once.clear()
    assert not read_at_once
    loss(model, length=attention.CROSSING[torch.bfloat16])
    assert not at_once, "long texts without dropout"
    frugal = prepared()
    frugal.activation_checkpointing_enable({"use_reentrant": False})
    loss(frugal)
    assert not at_once, "activations that are computed again"
    model.encoder.layer[0].output.dense.bias.requires_grad_(requires_grad=False)
    loss(model)
    assert len(at_once) == 2, "what is frozen gets no gradient, and is no reason"
    at_once.clear()
    for part in (model.embeddings, model.encoder.layer[0]):
        part.requires_grad_(requires_grad=False)
    loss(model)
    assert len(at_once) == 1, "the other layer alone, since nothing learns below it"


def test_other_architectures_and_changed_layers_stay_as_they_are() -> None:
    small = DistilBertConfig(vocab_size=90, dim=32, hidden_dim=48, n_layers=1, n_heads=4)
    assert layers.install(DistilBertModel(small)) == 0
    model = bert()
    assert layers.install(model) == 0, "the library's own attention"
    attention.install(model)
    model.encoder.layer[0].output.dense = nn.Sequential(model.encoder.layer[0].output.dense)
    model.encoder.layer[1].attention.self.query.register_forward_hook(lambda *_: None)
    assert layers.install(model) == 0, "changed"
    model.encoder.layer[0] = nn.Identity()
    assert layers.install(model) == 0


def test_gradients_that_are_asked_for_alone_do_not_spoil_the_others() -> None:
    model = prepared()
    torch.autograd.backward(loss(model))
    expected = gradients(model)
    model.zero_grad()
    found = loss(model)
    weight = model.embeddings.word_embeddings.weight
    (alone,) = torch.autograd.grad(found, weight, retain_graph=True)
    torch.autograd.backward(found)
    for name, one in gradients(model).items():
        torch.testing.assert_close(one, expected[name], rtol=1e-5, atol=1e-8, msg=name)
    torch.testing.assert_close(alone, weight.grad)


def test_layers_get_their_own_code_back(at_once: list[int]) -> None:
    model = prepared()
    layers.uninstall(model)
    loss(model)
    assert not at_once
    assert not any("as_one_node" in vars(one) or "forward" in vars(one) for one in model.modules())


def test_a_run_draws_the_same_numbers_again() -> None:
    found = []
    for _ in range(2):
        model = prepared(share=0.2)
        torch.manual_seed(11)
        torch.autograd.backward(loss(model))
        found.append(gradients(model))
    for name, one in found[0].items():
        assert torch.equal(one, found[1][name]), name


def test_a_bias_within_the_product_is_the_bias_behind_it() -> None:
    draw = torch.Generator().manual_seed(3)
    x, weight, bias = (torch.randn(shape, generator=draw).bfloat16() for shape in ((40, 24), (16, 24), (16,)))
    found = layer_passes._linear(x, weight, bias)
    wanted = nn.functional.linear(x.double(), weight.double(), bias.double())
    assert (found.double() - wanted).abs().max() <= wanted.abs().max() / 128  # bf16 keeps 8 bits
    single = layer_passes._linear(x.float(), weight.float(), bias.float())
    torch.testing.assert_close(single.double(), wanted, atol=1e-5, rtol=1e-5)
    wanted = nn.functional.gelu(wanted)
    found = layer_passes._linear(x, weight, bias, activation="gelu")
    assert (found.double() - wanted).abs().max() <= wanted.abs().max() / 128
    single = layer_passes._linear(x.float(), weight.float(), bias.float(), activation="gelu")
    torch.testing.assert_close(single.double(), wanted, atol=1e-5, rtol=1e-5)
