"""Objectives against overfitting: each loss and each gradient against one that is written out by hand."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.nn import functional

from stages import tasks
from stages.artifacts import Schema
from stages.encoding.ragged import Columns
from stages.params.objectives import Adversarial, ObjectivesParams
from stages.params.regimen import ONE_CLASS
from stages.params.task import TaskParams
from stages.params.training import TrainingParams
from stages.training.batching import Batches, Rows, Shares
from stages.training.objectives import Objectives, focused, make
from stages.training.objectives.adversarial import Adversarial as AdversarialTraining
from stages.training.objectives.balanced import BalancedBatches
from stages.training.objectives.contrastive import Contrastive, contrast
from stages.training.objectives.focal import Focal
from stages.training.objectives.mixup import Mixup
from stages.training.objectives.r_drop import RDrop, divergence
from stages.training.objectives.together import GroupedBatches
from tests.unit.training.objectives.linear import BATCH, CLASSES, Model, loss, loss_of, same_gradients


def plain(model: Model, change: torch.Tensor | None = None) -> torch.Tensor:
    """The loss written out, with a change of the word vectors."""
    mask = BATCH["attention_mask"].unsqueeze(-1)
    words = model.encoder.words.weight[BATCH["input_ids"]]
    words = words if change is None else words + change
    pooled = (words @ model.encoder.layer.weight.T * mask).sum(1) / mask.sum(1)
    return loss_of(pooled @ model.head.weight.T + model.head.bias, BATCH["labels"])


def test_without_objectives_the_loss_is_the_tasks_own() -> None:
    model = Model()
    same_gradients(model, loss(make(ObjectivesParams(), 0, "mean", 0, None), model), plain(model))


def test_r_drop_is_two_losses_and_both_divergences() -> None:
    model = Model(dropout=0.4).train()
    torch.manual_seed(3)
    found = loss(Objectives([RDrop(0.7)]), model)
    torch.manual_seed(3)
    asked = {name: one for name, one in BATCH.items() if name != "labels"}
    first, second = model(**asked), model(**asked)
    assert not torch.equal(first, second)
    terms = []
    for row, other, label in zip(first.softmax(1), second.softmax(1), BATCH["labels"], strict=True):
        own = (-row[label].log() - other[label].log()) / 2
        forth = sum(row[k] * (row[k].log() - other[k].log()) for k in range(CLASSES))
        back = sum(other[k] * (other[k].log() - row[k].log()) for k in range(CLASSES))
        terms.append(own + 0.7 * (forth + back) / 2)
    same_gradients(model, found, torch.stack(terms).mean())
    assert divergence(first, first).abs().max() < 1e-7


def test_beside_r_drop_the_contrastive_loss_takes_its_share_of_both_passes() -> None:
    model = Model(dropout=0.4).train()
    torch.manual_seed(3)
    found = loss(Objectives([Contrastive(0.9, 0.5), RDrop(0.7)]), model)
    torch.manual_seed(3)
    seen: list[torch.Tensor] = []
    handle = model.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    asked = {name: one for name, one in BATCH.items() if name != "labels"}
    first, second = model(**asked), model(**asked)
    handle.remove()
    both = (loss_of(first, BATCH["labels"]) + loss_of(second, BATCH["labels"])) / 2
    drawn = contrast(seen[0], BATCH["labels"], 0.5)
    same_gradients(model, found, 0.1 * both + 0.9 * drawn + 0.7 * divergence(first, second))


def direction(model: Model, change: torch.Tensor) -> torch.Tensor:
    """Gradient by the word vectors, one entry after another, by central differences; of length 1 per record."""
    found = torch.zeros_like(change)
    step = 1e-3
    with torch.no_grad():
        for place in np.ndindex(*change.shape):
            moved = torch.zeros_like(change)
            moved[place] = step
            found[place] = (plain(model, change + moved) - plain(model, change - moved)) / (2 * step)
    found = found * BATCH["attention_mask"].unsqueeze(-1)
    return found / found.flatten(1).norm(dim=1)[:, None, None]


def shortened(change: torch.Tensor, radius: float) -> torch.Tensor:
    lengths = change.flatten(1).norm(dim=1)[:, None, None]
    return torch.where(lengths > radius, change * radius / lengths, change)


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "fgm", "radius": 0.3},
        {"kind": "fgm", "radius": 0.9, "weight": 0.5},
        {"kind": "pgd", "radius": 0.3, "steps": 3, "step_size": 0.2},
        {"kind": "freelb", "radius": 0.3, "steps": 2, "step_size": 0.2},
    ],
)
def test_adversarial_losses_agree_with_a_search_by_differences(settings: dict[str, Any]) -> None:
    model = Model().double()
    chosen = Adversarial.model_validate(settings)
    objective = AdversarialTraining(chosen, 5)
    found = loss(Objectives([objective]), model)
    nothing = torch.zeros(*BATCH["input_ids"].shape, 4, dtype=torch.double)
    if chosen.kind == "fgm":
        expected = plain(model, chosen.radius * direction(model, nothing))
    elif chosen.kind == "pgd":
        change = nothing
        for _ in range(chosen.steps):
            change = shortened(change + chosen.step_size * direction(model, change), chosen.radius)
        expected = plain(model, change)
    else:
        started: list[torch.Tensor] = []
        begin = objective._start
        objective._start = lambda reading: started.append(begin(reading)) or started[0]  # type: ignore[func-returns-value, method-assign]
        loss(Objectives([objective]), model)
        change, losses = started[0].detach(), []
        for _ in range(chosen.steps):
            losses.append(plain(model, change))
            change = shortened(change + chosen.step_size * direction(model, change), chosen.radius)
        expected = torch.stack(losses).mean()
    torch.testing.assert_close(found, plain(model) + chosen.weight * expected, rtol=1e-4, atol=1e-5)
    assert found > (1 + chosen.weight) * plain(model)


def test_the_adversarial_gradient_is_that_of_the_loss_at_the_change() -> None:
    model = Model()
    found = loss(Objectives([AdversarialTraining(Adversarial(kind="fgm", radius=0.3), 0)]), model)
    words = torch.zeros(*BATCH["input_ids"].shape, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(plain(model, words), words)
    change = 0.3 * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]
    assert not change[1, 2:].any(), "padding does not change"
    same_gradients(model, found, plain(model) + plain(model, change))


def test_freelb_starts_within_the_radius_and_from_the_seed_alone() -> None:
    model = Model()
    settings = Adversarial(kind="freelb", radius=0.5, steps=1)

    def at(seed: int, step: int) -> float:
        torch.rand(3)
        return float(loss(Objectives([AdversarialTraining(settings, seed)]), model, step).detach())

    assert at(1, 0) == at(1, 0)
    assert len({at(1, 0), at(2, 0), at(1, 1)}) == 3


def test_mixup_is_between_two_records() -> None:
    model = Model()
    mixup = Mixup(0.4, 7)
    share, partners = mixup.draw(4, 3, 0)
    assert 0 < share < 1
    found = loss(Objectives([], mixup), model, 3)
    asked = {name: one for name, one in BATCH.items() if name != "labels"}
    features = model.features(**asked)
    total = torch.zeros(())
    for i in range(4):
        j = int(partners[i])
        logits = model.head(share * features[i] + (1 - share) * features[j]).log_softmax(0)
        total = total - share * logits[BATCH["labels"][i]] - (1 - share) * logits[BATCH["labels"][j]]
    same_gradients(model, found, total / 4)


def test_mixups_shares_are_of_the_beta_distribution_and_follow_the_seed() -> None:
    shares = np.array([Mixup(0.5, 1).draw(2, step, 0)[0] for step in range(4000)])
    assert abs(shares.mean() - 0.5) < 0.02
    assert abs(shares.var() - 0.125) < 0.01  # 1 / (4 (2 α + 1))
    assert Mixup(0.5, 1).draw(5, 2, 0)[0] == shares[2]
    assert Mixup(0.5, 1).draw(5, 2, 1)[0] != shares[2], "another batch of the same step"


def test_the_contrastive_loss_is_the_papers_sum() -> None:
    torch.manual_seed(1)
    features = torch.randn(6, 3, dtype=torch.double, requires_grad=True)
    labels, tau = torch.tensor([0, 1, 0, 2, 0, 1]), 0.3
    unit = [row / row.norm() for row in features]
    terms = []
    for i in range(6):
        others = [j for j in range(6) if j != i and labels[j] == labels[i]]
        whole = sum(torch.exp(unit[i] @ unit[a] / tau) for a in range(6) if a != i)
        if others:
            terms.append(-sum(torch.log(torch.exp(unit[i] @ unit[p] / tau) / whole) for p in others) / len(others))
    expected = torch.stack(terms).mean()  # type: ignore[arg-type]
    found = contrast(features, labels, tau)
    torch.testing.assert_close(found, expected)
    one, other = (torch.autograd.grad(value, features, retain_graph=True)[0] for value in (found, expected))
    torch.testing.assert_close(one, other)
    alone = contrast(features, torch.arange(6), tau)
    assert alone == 0
    assert not torch.autograd.grad(alone, features)[0].any()


def test_the_contrastive_loss_takes_its_share_from_the_tasks_own() -> None:
    model = Model()
    found = loss(Objectives([Contrastive(0.25, 0.5)]), model)
    features = model.features(BATCH["input_ids"], BATCH["attention_mask"])
    same_gradients(model, found, 0.75 * plain(model) + 0.25 * contrast(features, BATCH["labels"], 0.5))


@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_focal_loss_is_cross_entropy_at_zero_and_its_formula_elsewhere(weight: torch.Tensor | None) -> None:
    torch.manual_seed(2)
    logits, labels = torch.randn(5, 3, requires_grad=True), torch.tensor([0, 1, 2, 2, 0])
    torch.testing.assert_close(Focal(0.0, weight)(logits, labels), functional.cross_entropy(logits, labels, weight))
    weights = torch.ones(3) if weight is None else weight
    total, mass = torch.zeros(()), 0.0
    for row, label in zip(logits.softmax(1), labels, strict=True):
        total = total - weights[label] * (1 - row[label]) ** 2 * row[label].log()
        mass += float(weights[label])
    found = Focal(2.0, weight)(logits, labels)
    torch.testing.assert_close(found, total / mass)
    one, other = (torch.autograd.grad(value, logits, retain_graph=True)[0] for value in (found, total / mass))
    torch.testing.assert_close(one, other)
    certain = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    (slope,) = torch.autograd.grad(Focal(0.5, weight)(certain, torch.tensor([0])), certain)
    assert torch.isfinite(slope).all()


def test_focal_takes_the_class_weights_over() -> None:
    own = torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]))
    found = focused(own, ObjectivesParams(focal=2.0))
    assert isinstance(found, Focal)
    assert torch.equal(found.weight, own.weight)  # type: ignore[arg-type]
    assert focused(own, ObjectivesParams()) is own


@pytest.mark.parametrize("kind", ONE_CLASS)
def test_kinds_of_one_class_have_the_loss_that_focal_takes_the_place_of(kind: str) -> None:
    task = tasks.make(TaskParams.model_validate({"kind": kind}))
    columns: Columns = {"label": np.array([0, 1, 1])}
    own = task.objective(TrainingParams(), columns, Schema(kind, ["a", "b"], {}), torch.nn.Identity())
    assert isinstance(focused(own, ObjectivesParams(focal=1.0)), Focal)


def test_balanced_batches_show_each_class_equally_often() -> None:
    labels = np.array([0] * 70 + [1] * 25 + [2] * 5)
    lengths = np.random.default_rng(0).integers(3, 30, 100)
    batches = BalancedBatches(lengths, labels, 8, 1, group=True)
    drawn = [record for batch in batches for record in batch]
    assert len(drawn) == 100
    assert sorted(Counter(labels[drawn]).values()) == [33, 33, 34]
    assert set(Counter(one for one in drawn if labels[one] == 2).values()) <= {6, 7}, "all of a rare class, in turn"
    assert [list(one) for one in batches] == [list(one) for one in batches]
    batches.set_epoch(1)
    assert [record for batch in batches for record in batch] != drawn
    assert len(list(batches)) == len(batches) == len(Batches(lengths, 8, 1, group=True))
    assert math.isclose(np.mean([np.ptp(lengths[one]) for one in batches]), 0, abs_tol=12), "still of similar length"


def test_grouped_batches_bring_records_of_a_class_together_and_each_once() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(40), 9))
    lengths = np.full(360, 5)
    batches = GroupedBatches(lengths, labels, 32, 1, together=4)
    drawn = [list(one) for one in batches]
    assert sorted(record for batch in drawn for record in batch) == list(range(360))
    assert len(drawn) == len(batches) == 12
    assert [len(one) for one in drawn] == [32] * 11 + [8]

    def partners(found: Batches | Shares) -> float:
        alike = [Counter(labels[batch])[labels[one]] - 1 for batch in found for one in batch]
        return float(np.mean(alike))

    assert partners(batches) > 1.8 > 1 > partners(Batches(lengths, 32, 1, group=False)), "threes, a few of them cut"
    shares = [Shares(batches, rank, 4) for rank in range(4)]
    assert min(partners(one) for one in shares) > 1.2, "groups stay in one process"
    assert sorted(record for one in shares for batch in one for record in batch) == list(range(360))
    batches.set_epoch(1)
    assert [list(one) for one in batches] != drawn


def test_records_come_together_only_for_the_loss_that_compares_them() -> None:
    def order(weight: float, together: int) -> type[Batches]:
        params = ObjectivesParams.model_validate({"contrastive": {"weight": weight, "together": together}})
        columns: Columns = {"label": np.array([0, 1, 0, 1])}
        rows = Rows(pa.chunked_array([["a", "b", "c", "d"]]), np.arange(8), np.arange(0, 9, 2), columns)
        return type(make(params, 1, "mean", 0, None).batches(rows, TrainingParams()))

    assert order(0.5, 2) is GroupedBatches
    assert order(0.0, 2) is order(0.5, 1) is Batches
