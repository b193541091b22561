"""AdaLoRA's ranks really fall to their budget, and a checkpoint holds what its allocator knows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stages.adaptation.adalora import AdaLora
from stages.adaptation.protocol import encoder_of
from stages.errors import ModelError
from tests.unit.adaptation.tiny_encoders import IDS, LABELS, MASK, learn, method_of, model_of

SETTINGS = {"initial_rank": 6, "target_rank": 2, "interval": 1, "targets": "attention"}


def made(**more: object) -> tuple[nn.Module, AdaLora]:
    method = method_of("adalora", **{**SETTINGS, **more})
    assert isinstance(method, AdaLora)
    return method.apply(model_of("bert"), 10), method


def test_the_budget_falls_to_its_target_and_stays_there() -> None:
    model, method = made()
    learn(model, method, steps=30, total=30, rate=0.1)
    ranks = method.ranks()
    assert len(ranks) == 8
    assert sum(ranks.values()) == 2 * len(ranks)
    assert len(set(ranks.values())) > 1, "the budget goes where it is needed"
    assert [method.settled(step) for step in (1, 17, 18, 30)] == [False, False, True, True]


def test_nothing_is_cut_before_its_time_and_intervals_are_kept() -> None:
    model, method = made(begin=0.5, interval=4)
    learn(model, method, steps=15, total=30, rate=0.1)
    assert set(method.ranks().values()) == {6}
    model, method = made(interval=100)
    learn(model, method, steps=17, total=30, rate=0.1)
    assert set(method.ranks().values()) == {6}
    model, method = made(end=0.9)
    learn(model, method, steps=12, total=30, rate=0.1)
    assert sum(method.ranks().values()) > 16


def test_without_the_steps_calls_nothing_would_fall() -> None:
    model, method = made()
    method.after_step = lambda step: None  # type: ignore[method-assign]
    learn(model, method, steps=30, total=30, rate=0.1)
    assert set(method.ranks().values()) == {6}


def test_a_resumed_allocator_cuts_as_an_undisturbed_one() -> None:
    whole, method = made()
    learn(whole, method, steps=24, total=30, rate=0.1)

    first, one = made()
    learn(first, one, steps=12, total=30, rate=0.1)
    second, other = made()
    second.load_state_dict(first.state_dict())
    other.begin(30)
    other.restore({name: value.clone() for name, value in one.state().items()})
    optimizer = torch.optim.SGD([p for p in second.parameters() if p.requires_grad], lr=0.1)
    for step in range(13, 25):
        loss = nn.functional.cross_entropy(second(IDS, MASK), LABELS)
        extra = other.penalty()
        assert extra is not None
        torch.autograd.backward(loss + extra)
        optimizer.step()
        other.after_step(step)
        optimizer.zero_grad()
    for name, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_the_penalty_is_the_distance_from_orthogonality() -> None:
    model, method = made(orthogonality=0.25)
    penalty = method.penalty()
    assert penalty is not None
    terms = []
    for name, one in encoder_of(model).named_parameters():
        if "lora_A" in name or "lora_B" in name:
            rows = one.detach() if "lora_A" in name else one.detach().T
            gram = [[float(a @ b) - (i == j) for j, b in enumerate(rows)] for i, a in enumerate(rows)]
            terms.append(sum(value**2 for row in gram for value in row) ** 0.5)
    assert penalty.item() == pytest.approx(0.25 * sum(terms) / len(terms), rel=1e-5)
    assert made(orthogonality=0.0)[1].penalty() is None


def test_too_few_steps_are_refused() -> None:
    _, method = made()
    with pytest.raises(ModelError, match="too few"):
        method.begin(3)
