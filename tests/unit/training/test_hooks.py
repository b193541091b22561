"""Methods and objectives in a whole run: it learns, it resumes to the same bytes, compaction and head start go with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from stages import tasks
from stages.adaptation import METHODS
from stages.adaptation.adalora import AdaLora
from stages.params.adaptation import AdaptationParams
from stages.params.model import ModelParams
from stages.params.objectives import ObjectivesParams
from stages.params.task import TaskParams
from stages.params.training import TrainingParams
from stages.training import objectives
from stages.training.compaction import compact
from stages.training.hooks import Hooks, counted
from stages.training.seeding import seed_everything
from stages.training.trainer import Tuner
from tests.unit.training.test_trainer import SCHEMA, TRAIN, VALIDATION, KilledError, rows, weights

GENERAL = rows(40, 7)


def run(
    folder: Path,
    adaptation: dict[str, Any] | None = None,
    extra: dict[str, Any] | None = None,
    *,
    compacted: bool = False,
    **params: Any,
) -> tuple[Tuner, Hooks]:
    """A run that has not begun, of a tiny BERT with a method and objectives."""
    from transformers import BertConfig, BertModel

    settings = TrainingParams.model_validate(
        {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "precision": "fp32", "checkpoint_seconds": 1e9}
        | {"head_start": "random", **params}
    )
    seed_everything(settings.seed, deterministic=True, threads=None)
    config = BertConfig(
        vocab_size=120,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
        attn_implementation="eager",
    )
    task, chosen = tasks.make(TaskParams()), AdaptationParams.model_validate(adaptation or {})
    model = task.model(BertModel(config, add_pooling_layer=False), "mean", SCHEMA, ModelParams())
    method = METHODS[chosen.method](chosen)
    method.apply(model, 20)
    asked = ObjectivesParams.model_validate(extra or {})
    train, validation, general = TRAIN, VALIDATION, GENERAL
    reduced = compact(model.encoder, [train, validation, general], 0) if compacted else None  # type: ignore[arg-type]
    if reduced is not None:
        train, validation, general = (reduced.renumbered(one) for one in (train, validation, general))
    hooks = Hooks(method, objectives.make(asked, settings.seed, "mean", 0, general))
    own = objectives.focused(task.objective(settings, TRAIN.columns, SCHEMA, model), asked)
    folder.mkdir(parents=True, exist_ok=True)
    tuner = Tuner(model, task, own, settings, train, validation, 0, folder, lambda *_: None, hooks)
    return tuner, hooks


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "gradual": (
        {"method": "frozen", "frozen": {"layers": 0, "gradual": 1}, "layer_decay": 0.8},
        {"l2_sp": 0.5, "averaging": {"kind": "ema"}, "wise_ft": {"shares": [0.5, 1.0]}},
    ),
    "adalora": (
        {"method": "adalora", "adalora": {"initial_rank": 4, "target_rank": 2, "interval": 2}},
        {"r_drop": 0.5},
    ),
    "bottleneck": ({"method": "bottleneck"}, {"replay": {"weight": 1.0, "texts": 4}}),
    "mixup": ({}, {"mixup": 0.4, "averaging": {"kind": "swa"}, "sampling": "balanced", "focal": 1.0}),
    "contrastive": ({}, {"contrastive": {"weight": 0.5, "together": 2}, "averaging": {"kind": "ema"}}),
    "freelb": (
        {"method": "bitfit"},
        {"ewc": {"weight": 1.0, "texts": 8}, "adversarial": {"kind": "freelb", "steps": 2}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_killed_run_ends_in_the_weights_of_an_undisturbed_one(tmp_path: Path, name: str) -> None:
    adaptation, extra = CASES[name]
    params: dict[str, Any] = {
        "head_start": "probe" if name == "gradual" else "random",
        "accumulation": 2 if name == "mixup" else 1,
    }
    whole, hooks = run(tmp_path / "whole", adaptation, extra, **params)
    whole.run()
    broken, _ = run(tmp_path / "broken", adaptation, extra, checkpoint_seconds=0, **params)

    def die(values: Any, at: int) -> None:
        if at > 7 // params["accumulation"]:
            raise KilledError

    broken.observe = die
    with pytest.raises(KilledError):
        broken.run()
    resumed, again = run(tmp_path / "broken", adaptation, extra, **params)
    torch.manual_seed(12345)
    resumed.run()
    assert resumed.history == whole.history
    assert weights(resumed.model) == weights(whole.model)
    assert again.objectives.curve == hooks.objectives.curve
    assert bool(hooks.objectives.curve) == (name == "gradual")
    if name == "gradual":
        kept = hooks.objectives.mixed()
        now = {f"validation_{figure}": round(value, 6) for figure, value in whole._validate().items()}
        assert kept.pop("wise_ft_share") in {0.5, 1.0}
        assert "validation_accuracy" in kept
        assert kept == {figure: now[figure] for figure in kept}


@pytest.mark.parametrize("name", ["lora", "bottleneck"])
def test_unused_rows_of_the_vocabulary_can_be_left_out(tmp_path: Path, name: str) -> None:
    told = []
    for compacted in (False, True):
        extra = {"replay": {"weight": 1.0, "texts": 4}}
        tuner, _ = run(
            tmp_path / str(compacted), {"method": name}, extra, clip_norm=None, epochs=1, compacted=compacted
        )
        table = tuner.model.encoder.get_input_embeddings()
        assert (table.num_embeddings < 120) == compacted
        tuner.run()
        told.append(tuner.history.evaluations)
    assert told[0] == told[1]


def test_what_is_released_has_the_rank_that_params_ask_for(tmp_path: Path) -> None:
    settings = {"initial_rank": 4, "target_rank": 2, "interval": 1}
    tuner, hooks = run(tmp_path, {"method": "adalora", "adalora": settings}, head_start="probe")
    tuner.run()
    assert isinstance(hooks.method, AdaLora)
    ranks = hooks.method.ranks()
    assert 0 < sum(ranks.values()) <= 2 * len(ranks)
    assert tuner.history.best_step is not None
    assert tuner.history.best_step >= hooks.method.last
    assert tuner.history.evaluations[0]["step"] == 0


@pytest.mark.parametrize(
    ("adaptation", "extra"),
    [
        ({"method": "prefix"}, {"adversarial": {"kind": "fgm"}}),
        ({"method": "bottleneck", "bottleneck": {"kind": "houlsby"}}, {"replay": {"weight": 1.0}}),
    ],
)
def test_it_goes_in_bf16_too(tmp_path: Path, adaptation: dict[str, Any], extra: dict[str, Any]) -> None:
    tuner, _ = run(tmp_path, adaptation, extra, precision="bf16", epochs=8)
    tuner.run()
    assert tuner.history.evaluations[-1]["train_loss"] < 0.99 * tuner.history.evaluations[0]["train_loss"]
    assert {one.dtype for one in tuner.model.parameters()} == {torch.float32}


def test_what_is_kept_is_the_average_and_nothing_from_before(tmp_path: Path) -> None:
    tuner, hooks = run(
        tmp_path,
        None,
        {"averaging": {"kind": "swa", "start": 0.5}},
        epochs=1,
        head_start="probe",
        evaluations_per_epoch=4,
    )
    seen: list[dict[str, torch.Tensor]] = []
    after = hooks.objectives.after_step

    def watched(step: int, optimizer: Any) -> None:
        after(step, optimizer)
        seen.append({name: one.detach().double() for name, one in tuner.model.named_parameters()})

    hooks.objectives.after_step = watched  # type: ignore[method-assign]
    tuner.run()
    first = len(seen) // 2
    assert tuner.history.best_step is not None
    assert tuner.history.best_step > first
    kept = dict(tuner.model.named_parameters())
    for name in kept:
        mean = torch.stack([one[name] for one in seen[first : tuner.history.best_step]]).mean(0)
        torch.testing.assert_close(kept[name].double(), mean, rtol=1e-4, atol=1e-6)


def test_patience_waits_until_all_is_thawed(tmp_path: Path) -> None:
    adaptation = {"method": "frozen", "frozen": {"layers": 0, "gradual": 1}}
    patient: dict[str, Any] = {"head_start": "probe", "early_stopping": {"patience": 1, "min_delta": 1.0}}
    tuner, hooks = run(tmp_path / "gradual", adaptation, epochs=6, **patient)
    tuner.run()
    assert hooks.complete(), "two layers and the embeddings: three epochs, then one that gains nothing"
    assert tuner.history.evaluations[-1]["epoch"] == 4
    other, _ = run(tmp_path / "full", None, epochs=6, **patient)
    other.run()
    assert other.history.evaluations[-1]["epoch"] == 1


def test_costs_are_told(tmp_path: Path) -> None:
    tuner, hooks = run(tmp_path, {"method": "lora"}, epochs=1)
    tuner.run()
    told = {**counted(tuner.model), **hooks.figures(tuner.optimizer)}
    learning = 2 * 2 * 8 * 32 + 16 * 4 + 4
    assert told["trainable_parameters"] == learning
    assert told["optimizer_megabytes"] == pytest.approx(2 * 4 * learning / 1e6, rel=0.01)
    assert told["seconds_per_step"] > 0


def test_layers_learn_at_their_own_rates(tmp_path: Path) -> None:
    tuner, _ = run(tmp_path, {"layer_decay": 0.5}, epochs=1)
    tuner.create_optimizer()
    assert {round(group["lr"] / 1e-2, 3) for group in tuner.optimizer.param_groups} == {1.0, 0.5, 0.25}
