"""Objectives against forgetting agree with closed forms on a linear model."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.encoding import base_model, tokenizer
from stages.errors import DataError
from stages.params.model import ModelParams
from stages.params.objectives import Averaging as AveragingSettings
from stages.params.objectives import Ewc as EwcSettings
from stages.params.objectives import ObjectivesParams
from stages.params.objectives import Replay as ReplaySettings
from stages.params.objectives import WiseFt as WiseSettings
from stages.training.objectives import Objectives, references
from stages.training.objectives.averaging import Averaging
from stages.training.objectives.ewc import Ewc
from stages.training.objectives.l2_sp import L2Sp
from stages.training.objectives.replay import Replay
from stages.training.objectives.wise_ft import WiseFt, choose
from tests.unit.training.objectives.linear import HIDDEN, WIDTH, Model, loss, same_gradients, texts


def moved(model: Model, seed: int = 1) -> None:
    """Push every weight somewhere."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in model.parameters():
            one.add_(0.3 * torch.randn(one.shape, generator=generator))


def test_l2_sp_goes_back_by_rate_times_strength_whatever_the_gradient() -> None:
    model = Model()
    start = model.encoder.layer.weight.detach().clone()
    head = model.head.weight.detach().clone()
    objectives = Objectives([L2Sp(0.5)])
    objectives.prepare(model)
    objectives.begin(1)
    # Without a gradient AdamW does nothing, so n steps leave (1 - rate strength)^n of the way.
    groups = [{"params": [one], "lr": 0.2} for one in model.parameters()]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    moved(model)
    away, head_away = model.encoder.layer.weight.detach() - start, model.head.weight.detach().clone()
    for step in range(1, 6):
        for one in model.parameters():
            one.grad = torch.zeros_like(one)
        optimizer.step()
        objectives.after_step(step, optimizer)
    torch.testing.assert_close(model.encoder.layer.weight.detach() - start, away * (1 - 0.2 * 0.5) ** 5)
    torch.testing.assert_close(model.head.weight.detach(), head_away)
    assert not torch.equal(head, head_away)


def test_l2_sp_ends_where_the_closed_form_does() -> None:
    # minimise (w - t)²/2 by plain steps with the pull: the fixed point of w ← w - η(w - t), then w ← w - ηλ(w - w0).
    model = Model()
    objectives = Objectives([L2Sp(0.5)])
    objectives.prepare(model)
    objectives.begin(1)
    weight = model.encoder.layer.weight
    start, target, rate = weight.detach().clone(), torch.full((HIDDEN, WIDTH), 2.0), 0.1
    optimizer = torch.optim.SGD([weight], lr=rate)
    for step in range(1, 400):
        weight.grad = weight.detach() - target
        optimizer.step()
        objectives.after_step(step, optimizer)
    pull = rate * 0.5
    expected = ((1 - pull) * rate * target + pull * start) / (1 - (1 - pull) * (1 - rate))
    torch.testing.assert_close(weight.detach(), expected, rtol=1e-4, atol=1e-4)


def test_the_fisher_information_is_the_closed_form_of_a_linear_model() -> None:
    # Feature k is Σ_j W_kj x̄_j with x̄ the text's mean word vector: E Σ_k (∂f_k/∂W_kj)² = E x̄_j².
    model, general = Model(), texts(12)
    ewc = Ewc(EwcSettings(weight=3.0, texts=12), general, "mean", 0, 4)
    ewc.prepare(model)
    words = model.encoder.words.weight.detach()
    means = torch.stack(
        [words[torch.from_numpy(general.flat[a:b].astype(np.int64))].mean(0) for a, b in spans(general)]
    )
    expected = (means**2).mean(0).expand(HIDDEN, WIDTH)
    torch.testing.assert_close(ewc.fisher["layer.weight"], expected)
    start = model.encoder.layer.weight.detach().clone()
    table = words.clone()
    before = loss(Objectives([]), model)
    same_gradients(model, loss(Objectives([ewc]), model), before)
    moved(model)
    layer = (expected * (model.encoder.layer.weight - start) ** 2).sum()
    rest = (ewc.fisher["words.weight"] * (model.encoder.words.weight - table) ** 2).sum()
    same_gradients(model, loss(Objectives([ewc]), model), loss(Objectives([]), model) + 1.5 * (layer + rest))


def spans(rows: object) -> list[tuple[int, int]]:
    offsets = rows.offsets.tolist()  # type: ignore[attr-defined]
    return list(pairwise(offsets))


def test_random_signs_give_the_whole_sum_on_average() -> None:
    # By a word vector's entry j: Σ_k W_kj² / length², when signs are averaged over many texts of that word.
    model = Model()
    general = texts(1)
    text = general.flat.tolist()
    estimates = []
    for seed in range(300):
        ewc = Ewc(EwcSettings(weight=1.0, texts=1), general, "mean", 0, seed)
        ewc.prepare(model)
        estimates.append(ewc.fisher["words.weight"][text[0]])
    share = text.count(text[0]) / len(text)
    expected = (model.encoder.layer.weight.detach() ** 2).sum(0) * share**2
    torch.testing.assert_close(torch.stack(estimates).mean(0), expected, rtol=0.2, atol=1e-3)


@pytest.mark.parametrize("level", ["pooled", "token"])
def test_replay_is_the_relative_distance_to_the_beginning(level: str) -> None:
    model, general = Model(), texts(5)
    dropping = torch.nn.Dropout(0.5)
    model.encoder.dropping = dropping
    model.encoder.words.register_forward_hook(lambda _module, _inputs, output: dropping(output))
    settings = ReplaySettings.model_validate({"weight": 2.0, "texts": 5, "level": level})
    objectives = Objectives([Replay(settings, general, "mean", 0, 3)])
    model.train()
    objectives.prepare(model)
    torch.manual_seed(4)
    beginning = loss(objectives, model)
    torch.manual_seed(4)
    same_gradients(model, beginning, loss(Objectives([]), model))
    assert dropping.training, "as it was"
    model.eval()
    same_gradients(model, loss(objectives, model), loss(Objectives([]), model))
    first = Model()
    moved(model)
    ups, downs = torch.zeros(()), torch.zeros(())
    for a, b in spans(general):
        ids = torch.from_numpy(general.flat[a:b].astype(np.int64))
        states, then = (one.encoder.layer(one.encoder.words(ids)) for one in (model, first))
        if level == "pooled":
            states, then = states.mean(0), then.mean(0)
        ups, downs = ups + ((states - then.detach()) ** 2).sum(), downs + (then.detach() ** 2).sum()
    same_gradients(model, loss(objectives, model), loss(Objectives([]), model) + 2.0 * ups / downs)


def test_replay_draws_other_texts_at_each_step_and_the_same_ones_again() -> None:
    model, general = Model(), texts(30)
    objectives = Objectives([Replay(ReplaySettings(weight=1.0, texts=4), general, "mean", 0, 3)])
    objectives.prepare(model)
    moved(model)

    def at(step: int) -> float:
        objectives.part = 0
        return float(loss(objectives, model, step).detach())

    assert at(1) == at(1)
    assert at(1) != at(2)


def test_an_exponential_mean_is_its_sum_written_out() -> None:
    model = Model()
    averaging = Averaging(AveragingSettings(kind="ema", decay=0.3))
    averaging.prepare(model)
    averaging.begin(10)
    seen, expected = [], torch.zeros(())
    for step in range(1, 6):
        moved(model, step)
        averaging.after_step(step, None)
        seen.append(model.head.bias.detach().clone())
        decay = 0.0 if step == 1 else min(0.3, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * seen[-1]
    with averaging.within(model):
        torch.testing.assert_close(model.head.bias.detach(), expected)
    assert torch.equal(model.head.bias.detach(), seen[-1]), "learning goes on where it was"


def test_a_plain_mean_begins_at_its_share_of_the_steps_and_survives_a_checkpoint() -> None:
    model = Model()
    averaging = Averaging(AveragingSettings(kind="swa", start=0.4))
    averaging.prepare(model)
    averaging.begin(10)
    seen = []
    for step in range(1, 11):
        moved(model, step)
        averaging.after_step(step, None)
        seen.append(model.head.bias.detach().clone())
        if step == 6:
            other = Averaging(AveragingSettings(kind="swa", start=0.4))
            other.prepare(model)
            other.begin(10)
            other.restore(averaging.state())
            averaging = other
        if step <= 4:
            assert not averaging.averages
    with averaging.within(model):
        torch.testing.assert_close(model.head.bias.detach(), torch.stack(seen[4:]).mean(0))


def test_wise_ft_finds_the_best_point_of_a_quadratic() -> None:
    # Validation is -(distance to a point 0.4 of the way)²: the curve's top is there.
    model = Model()
    wise = WiseFt(WiseSettings(shares=[0.0, 0.2, 0.4, 0.6, 0.8, 1.0], tolerance=0.0))
    wise.prepare(model)
    start = model.encoder.layer.weight.detach().clone()
    head = model.head.weight.detach().clone()
    moved(model)
    end, tuned_head = model.encoder.layer.weight.detach().clone(), model.head.weight.detach().clone()
    top = start + 0.4 * (end - start)

    def evaluate() -> dict[str, float]:
        return {"accuracy": -float(((model.encoder.layer.weight.detach() - top) ** 2).sum()), "loss": 1.0}

    wise.finish(model, evaluate, "accuracy")
    torch.testing.assert_close(model.encoder.layer.weight.detach(), top)
    length = float(((end - start) ** 2).sum())
    assert [row["validation_accuracy"] for row in wise.curve] == pytest.approx(
        [-((share - 0.4) ** 2) * length for share in (0, 0.2, 0.4, 0.6, 0.8, 1)], abs=1e-5
    )
    assert [row["share"] for row in wise.curve if row["chosen"]] == [0.4]
    assert torch.equal(model.head.weight.detach(), tuned_head), "a head that began with noise stays"
    again = WiseFt(WiseSettings(shares=[0.5]))
    model = Model()
    again.prepare(model)
    again.take_head(model)
    other = WiseFt(WiseSettings(shares=[0.5]))
    other.prepare(model)
    other.restore(again.state())
    moved(model)
    other.finish(model, lambda: {"loss": 1.0}, "loss")
    torch.testing.assert_close(model.head.weight.detach(), (head + tuned_head) / 2)


def test_the_smallest_share_within_the_tolerance_is_chosen() -> None:
    points = [(0.0, 0.5), (0.5, 0.89), (0.75, 0.9), (1.0, 0.895)]
    assert choose(points, 0.0) == 0.75
    assert choose(points, 0.011) == 0.5
    assert choose(points, 1.0) == 0.0


def test_general_text_is_a_seeded_sample_of_lines(tmp_path: Path) -> None:
    words = tokenizer.load(base_model.locate(ModelParams(), verify=False))
    file = tmp_path / "general.txt"
    file.write_text("".join(f"line number {i} 第{i}行\n\n" for i in range(40)), encoding="utf-8")
    rows = references.read(file, words, 6, 10, 1)
    assert len(rows) == 10
    assert rows.lengths.max() == 6
    assert rows.flat.tolist() == references.read(file, words, 6, 10, 1).flat.tolist()
    assert rows.flat.tolist() != references.read(file, words, 6, 10, 2).flat.tolist()
    assert len(references.read(file, words, 6, 100, 1)) == 40
    assert references.file_of(ObjectivesParams(references=str(file))) == file
    with pytest.raises(DataError, match="is no file"):
        references.file_of(ObjectivesParams(references=str(tmp_path)))
    for content, says in ((b"\n \n", "holds no text"), (b"\xff\xfe", "not UTF-8")):
        file.write_bytes(content)
        with pytest.raises(DataError, match=says):
            references.read(file, words, 6, 10, 1)


def test_wise_ft_chooses_among_numbers_and_keeps_all_of_tuning_where_there_are_none() -> None:
    nan = float("nan")
    assert choose([(0.25, nan), (0.5, 0.8), (1.0, 0.81)], 0.02) == 0.5
    assert choose([(0.5, nan), (1.0, nan)], 0.0) == 1.0
