"""Frozen weights stay bit for bit, layers thaw from the top, and rates fall towards the bottom."""

from __future__ import annotations

import pytest
import torch
from transformers import DebertaV2Config, DebertaV2Model

from stages.adaptation import layer_decay
from stages.adaptation.frozen import Frozen
from stages.adaptation.protocol import encoder_of
from stages.errors import ModelError
from stages.params.training import TrainingParams
from stages.tasks.pooled_classifier import PooledClassifier
from stages.training.optimizer import make_optimizer, parameter_groups
from tests.unit.adaptation.tiny_encoders import ENCODERS, RELATIVE, SIZES, learn, method_of, model_of


def moved(kind: str, **settings: object) -> set[str]:
    """Names of the encoder's weights that training changed."""
    method = method_of("frozen", **settings)
    model = method.apply(model_of(kind), 10)
    before = {name: value.clone() for name, value in encoder_of(model).state_dict().items()}
    head = model.head.weight.clone()  # type: ignore[union-attr, operator]
    learn(model, method)
    assert not torch.equal(head, model.head.weight)  # type: ignore[union-attr, arg-type]
    after = encoder_of(model).state_dict()
    return {name for name in after if not torch.equal(before[name], after[name])}


def test_all_means_that_the_head_alone_learns() -> None:
    assert not moved("bert")


@pytest.mark.parametrize("kind", ENCODERS)
def test_the_lowest_layers_and_embeddings_stay_bit_for_bit(kind: str) -> None:
    names = moved(kind, layers=1)
    assert names
    assert all(".1." in name or name.startswith("final_norm") for name in names)


def test_patterns_freeze_by_name() -> None:
    names = moved("bert", layers=0, patterns=["LayerNorm", r"layer\.0\.attention"])
    assert names
    assert not [name for name in names if "LayerNorm" in name or "layer.0.attention" in name]
    with pytest.raises(ModelError, match="no weight"):
        moved("bert", layers=0, patterns=["no_such_weight"])


def test_more_layers_than_there_are_is_refused() -> None:
    with pytest.raises(ModelError, match="has 2 layers"):
        moved("bert", layers=3)


def test_layers_thaw_from_the_top_one_after_another() -> None:
    method = method_of("frozen", layers=0, patterns=["position"], gradual=2)
    model = method.apply(model_of("bert"), 10)
    optimizer = make_optimizer(model, TrainingParams())
    held = sum(len(group["params"]) for group in optimizer.param_groups)
    learning = []
    for epoch in range(7):
        method.begin_epoch(epoch)
        names = [name for name, one in encoder_of(model).named_parameters() if one.requires_grad]
        learning.append({name.split(".")[2] if ".layer." in name else "embeddings" for name in names})
        assert not [name for name in names if "position" in name]
    assert learning == [set(), set(), {"1"}, {"1"}, {"0", "1"}, {"0", "1"}, {"0", "1", "embeddings"}]
    assert held == sum(1 for one in model.parameters() if one.requires_grad), "the optimizer waits for all of them"


@pytest.mark.parametrize("name", ["full", "lora"])
def test_rates_fall_by_the_same_factor_from_layer_to_layer(name: str) -> None:
    model = method_of(name).apply(model_of("bert"), 10)
    factors = layer_decay.factors(model, 0.5)
    groups = parameter_groups(model, TrainingParams(learning_rate=0.1, head_learning_rate=0.3), factors)
    by_weight = {id(one): group["lr"] for group in groups for one in group["params"]}
    rates = {one: by_weight[id(value)] for one, value in model.named_parameters() if value.requires_grad}
    expected = {"layer.1.": 0.1, "layer.0.": 0.05, "embeddings.": 0.025, "head.": 0.3}
    for weight, rate in rates.items():
        assert rate == pytest.approx(next(value for part, value in expected.items() if part in weight)), weight
    assert groups[0]["name"].startswith("base")
    told = layer_decay.by_layer(model, 0.5, 0.1)
    layers = {"learning_rate.layer_0": 0.05, "learning_rate.layer_1": 0.1}
    assert told == pytest.approx(layers | ({"learning_rate.embeddings": 0.025} if name == "full" else {}))


@pytest.mark.parametrize(
    ("name", "settings", "undecayed"),
    [
        ("ia3", {}, "ia3_l"),
        ("lora", {"dora": True}, "lora_magnitude_vector"),
        ("prefix", {}, "adapter.source"),
        ("p-tuning", {}, "adapter.source"),
    ],
)
def test_what_is_no_product_does_not_decay_and_virtual_tokens_have_the_full_rate(
    name: str, settings: dict[str, object], undecayed: str
) -> None:
    model = method_of(name, **settings).apply(model_of("bert"), 10)
    factors = layer_decay.factors(model, 0.5)
    groups = parameter_groups(model, TrainingParams(weight_decay=0.1, learning_rate=0.1), factors)
    found = {id(one): group for group in groups for one in group["params"]}
    named = [(one, found[id(value)]) for one, value in model.named_parameters() if id(value) in found]
    inserted = [(one, group) for one, group in named if undecayed in one]
    assert inserted
    assert {group["weight_decay"] for _, group in inserted} == {0.0}
    if undecayed == "adapter.source":
        assert {group["lr"] for _, group in inserted} == {0.1}


def test_without_decay_groups_are_as_ever() -> None:
    model = method_of("full").apply(model_of("bert"), 10)
    assert layer_decay.factors(model, 1.0) == {}
    names = [group["name"] for group in parameter_groups(model, TrainingParams())]
    assert names == ["base", "base-no-decay", "head", "head-no-decay"]


@pytest.mark.parametrize(("layers", "expected"), [(0, 6), (1, 2)])
def test_when_the_last_weight_that_may_learn_has_thawed(layers: int, expected: int) -> None:
    method = method_of("frozen", layers=layers, gradual=2)
    assert isinstance(method, Frozen)
    method.apply(model_of("bert"), 10)
    assert method.thawed_after == expected
    method.begin_epoch(expected - 1)
    assert not method.complete()
    method.begin_epoch(expected)
    assert method.complete()


def test_what_lies_beside_the_layers_of_deberta_is_as_deep_as_what_reads_it() -> None:
    config = DebertaV2Config(**SIZES, **RELATIVE, norm_rel_ebd="layer_norm", conv_kernel_size=3)
    for layers, learned in ((1, {"encoder.layer.1."}), (0, {"encoder.layer.1.", "encoder.layer.0.", "encoder.conv."})):
        model = PooledClassifier(DebertaV2Model(config), "mean", 3, 0.0)
        method_of("frozen", layers=layers, patterns=["embeddings", "encoder.LayerNorm"] if not layers else []).apply(
            model, 10
        )
        names = [name for name, one in encoder_of(model).named_parameters() if one.requires_grad]
        assert {next(one for one in learned if name.startswith(one)) for name in names} == learned
    factors = layer_decay.factors(model, 0.5)
    assert factors["encoder.encoder.LayerNorm.weight"] == factors["encoder.embeddings.word_embeddings.weight"] == 0.25
    assert factors["encoder.encoder.conv.conv.weight"] == factors["encoder.encoder.layer.0.output.dense.weight"] == 0.5
