"""Every method on every architecture: how it begins, what learns, what merging gives, and what a release brings back."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from stages.adaptation import METHODS
from stages.adaptation.protocol import encoder_of, is_inserted
from stages.errors import ModelError
from tests.unit.adaptation.tiny_encoders import ENCODERS, IDS, MASK, learn, logits, method_of, model_of

IDENTITY = {"full", "frozen", "lora", "adalora", "bottleneck", "ia3", "bitfit"}
"""Methods that begin with the base model itself."""
REFUSED = {("prefix", kind) for kind in ENCODERS if kind not in {"bert", "roberta", "electra"}} | {
    ("bitfit", "modernbert")
}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in METHODS),
    ("lora", {"dora": True, "targets": "attention"}),
    ("lora", {"rslora": True, "targets": "all"}),
    ("bottleneck", {"kind": "houlsby"}),
    ("frozen", {"layers": 1}),
]


@pytest.mark.parametrize(("name", "settings"), VARIANTS, ids=lambda one: one if isinstance(one, str) else "-".join(one))
@pytest.mark.parametrize("kind", ENCODERS)
def test_a_method_begins_learns_and_ends_as_it_says(kind: str, name: str, settings: dict[str, Any]) -> None:
    model, method = model_of(kind), method_of(name, **settings)
    base = {one: value.clone() for one, value in encoder_of(model).state_dict().items()}
    before = logits(model)
    if (name, kind) in REFUSED:
        with pytest.raises(ModelError, match=f"adaptation.method: {name}"):
            method.apply(model, 10)
        return
    method.apply(model, 10)
    assert torch.equal(logits(model), before) == (name in IDENTITY)
    learn(model, method)
    after = logits(model)
    assert (after - before).abs().max() > 1e-4
    assert torch.equal(logits(copy.deepcopy(model)), after)
    small = {one: value.clone() for one, value in method.adapter(model).items()}
    assert bool(small) == (name not in {"full", "frozen"})
    method.merge(model)
    torch.testing.assert_close(logits(model), after, rtol=0, atol=1e-5)
    state = encoder_of(model).state_dict()
    assert {one for one in state if not is_inserted(one)} == base.keys()
    assert any(map(is_inserted, state)) != method.merges
    if not method.merges:
        fresh = model_of(kind)
        encoder_of(fresh).load_state_dict({one: value for one, value in state.items() if not is_inserted(one)})
        fresh.head.load_state_dict(model.head.state_dict())
        METHODS[name](method.params).rebuild(encoder_of(fresh), small)
        assert torch.equal(logits(fresh), logits(model))
        changed = {one for one in base if not torch.equal(base[one], state[one])}
        assert not changed, "the base model's own weights stay"


@pytest.mark.parametrize("name", ["prompt", "p-tuning", "prefix"])
def test_states_are_those_of_the_texts_own_positions(name: str) -> None:
    model = method_of(name).apply(model_of("bert"), 10)
    out = encoder_of(model)(input_ids=IDS, attention_mask=MASK, output_hidden_states=True)
    assert {one.shape[1] for one in (out.last_hidden_state, *out.hidden_states)} == {IDS.shape[1]}
    # Padding is not looked at: the shorter text alone gives the same states.
    alone = encoder_of(model)(input_ids=IDS[1:, :3], attention_mask=MASK[1:, :3])
    torch.testing.assert_close(alone.last_hidden_state, out.last_hidden_state[1:, :3], rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_prefix_leaves_positions_as_they_were(kind: str) -> None:
    # With keys far from every query, attention passes over the prefix, and the base model's own states remain.
    model = model_of(kind)
    method = method_of("prefix", tokens=1)
    method.apply(model, 10)
    encoder = encoder_of(model)
    with torch.no_grad():
        for layer in encoder.encoder.layer:
            layer.attention.self.query.bias.fill_(1.0)
        plain = model_of(kind)
        for layer in encoder_of(plain).encoder.layer:
            layer.attention.self.query.bias.fill_(1.0)
        before = logits(plain)
        encoder.adapter.source.table.view(1, 2, 2, 16)[:, :, 0] = -200.0
    torch.testing.assert_close(logits(model), before, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["prompt", "p-tuning"])
@pytest.mark.parametrize(("kind", "longest"), [("bert", 24), ("roberta", 22)])
def test_a_prompt_that_leaves_no_room_for_the_text_is_refused(name: str, kind: str, longest: int) -> None:
    method_of(name).apply(model_of(kind), longest)
    with pytest.raises(ModelError, match=f"at most {longest}"):
        method_of(name).apply(model_of(kind), longest + 1)


@pytest.mark.parametrize(
    ("name", "settings", "count"),
    [
        ("lora", {"rank": 3}, 4 * 3 * 32),
        ("lora", {"targets": ["intermediate.dense"], "rank": 2}, 2 * 2 * (16 + 32)),
        ("lora", {"rank": 3, "dora": True}, 4 * (3 * 32 + 16)),
        ("adalora", {"initial_rank": 5, "targets": "queries-values"}, 4 * 5 * 33),
        ("bottleneck", {"reduction": 4}, 2 * (2 * 4 * 16 + 4 + 16)),
        ("bottleneck", {"reduction": 4, "kind": "houlsby"}, 4 * (2 * 4 * 16 + 4 + 16)),
        ("bottleneck", {"reduction": 4, "norms": True}, 2 * (2 * 4 * 16 + 4 + 16) + 5 * 32),
        ("prefix", {"tokens": 7}, 7 * 2 * 2 * 16),
        ("prefix", {"tokens": 7, "projection": 5}, 7 * 16 + 16 * 5 + 5 + 6 * 64),
        ("prompt", {"tokens": 7}, 7 * 16),
        ("p-tuning", {"tokens": 7, "width": 5}, 7 * 16 + 16 * 5 + 5 + 5 * 5 + 5 + 5 * 16 + 16),
        ("ia3", {}, 2 * (16 + 16 + 32)),
    ],
)
def test_as_many_weights_learn_as_settings_say(name: str, settings: dict[str, Any], count: int) -> None:
    encoder = encoder_of(method_of(name, **settings).apply(model_of("bert"), 10))
    assert sum(one.numel() for one in encoder.parameters() if one.requires_grad) == count


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lora", {"alpha": 99.0}),
        ("lora", {"rslora": True}),
        ("lora", {"dropout": 0.9}),
        ("adalora", {"alpha": 99.0}),
        ("adalora", {"dropout": 0.9}),
        ("bottleneck", {"activation": "relu"}),
        ("prompt", {"start": "random"}),
        ("p-tuning", {"network": "lstm"}),
    ],
)
def test_other_settings_have_an_effect(name: str, settings: dict[str, Any]) -> None:
    ends = []
    for chosen in ({}, settings):
        method = method_of(name, **chosen)
        model = method.apply(model_of("bert"), 10).train()
        torch.manual_seed(5)
        ends.append(logits(learn(model, method).eval()))
    assert not torch.equal(*ends)


def test_unknown_targets_are_refused_with_those_that_exist() -> None:
    with pytest.raises(ModelError, match=r"ends in quory.*self\.query"):
        method_of("lora", targets=["quory"]).apply(model_of("bert"), 10)


def test_tokens_of_a_prefix_learn_apart() -> None:
    model = method_of("prefix", tokens=6).apply(model_of("bert"), 10)
    encoder_of(model)(input_ids=IDS, attention_mask=MASK).last_hidden_state.pow(2).sum().backward()
    gradient = next(one.grad for name, one in encoder_of(model).named_parameters() if name.endswith("source.table"))
    assert gradient is not None
    keys = torch.nn.functional.normalize(gradient.view(6, 2, 2, -1)[:, :, 0].reshape(6, -1), dim=1)
    alike = (keys @ keys.T)[~torch.eye(6, dtype=torch.bool)]
    assert alike.abs().mean() < 0.7, "with keys of .02 they are .97 alike"
