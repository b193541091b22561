"""Layers that are computed once lead to the run that computes them in every epoch."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from stages.errors import ModelError
from stages.params.objectives import ObjectivesParams
from stages.training import checkpoints, frozen, objectives
from stages.training.hooks import Hooks
from tests.unit.training.test_trainer import TRAIN, VALIDATION, tuner


def freeze(model: nn.Module, layers: int) -> None:
    encoder: Any = model.encoder
    encoder.embeddings.requires_grad_(requires_grad=False)
    for layer in list(encoder.encoder.layer)[:layers]:
        layer.requires_grad_(requires_grad=False)


def run(
    folder: Path, layers: int, *, memory: int | None, extra: dict[str, Any] | None = None, **params: Any
) -> tuple[Any, frozen.Cache | None]:
    """Train with the lowest layers frozen."""
    made = tuner(folder, dropout=0.0, frozen_cache_mib=memory, **params)
    made.hooks.objectives = objectives.make(ObjectivesParams.model_validate(extra or {}), 0, "mean", 0, None)
    assert made.hooks.plain
    freeze(made.model, layers)
    cached = frozen.prepare(made.model, [TRAIN, VALIDATION], made.task, 0, made.params, folder)
    if cached is not None:
        made.train_dataset, made.validation = cached.parts
    made.run()
    if cached is not None:
        cached.restore(cast("nn.Module", made.model.encoder))
    return made, cached


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("memory", [0, 64])
@pytest.mark.parametrize("head", ["random", "probe"])
def test_losses_and_weights_are_those_of_the_uncached_run(tmp_path: Path, layers: int, memory: int, head: str) -> None:
    whole, none = run(tmp_path / "whole", layers, memory=None, epochs=2, head_start=head)
    once, cached = run(tmp_path / "once", layers, memory=memory, epochs=2, head_start=head)
    assert none is None
    assert cached is not None
    assert (tmp_path / "once" / "frozen-0.f32").exists() == (memory == 0)
    for one, other in zip(whole.history.steps, once.history.steps, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)
    assert whole.model.state_dict().keys() == once.model.state_dict().keys()
    for name, value in whole.model.state_dict().items():
        if name.endswith("key.bias"):  # softmax cancels it: its gradient is rounding alone, which Adam makes large
            continue
        torch.testing.assert_close(once.model.state_dict()[name], value, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize(
    "extra",
    [
        {"r_drop": 0.5, "contrastive": {"weight": 0.3}, "averaging": {"kind": "ema"}, "l2_sp": 0.5},
        {"mixup": 0.4, "wise_ft": {"shares": [0.5, 1.0]}},
    ],
)
def test_objectives_that_read_train_alone_lead_to_the_same_run(tmp_path: Path, extra: dict[str, Any]) -> None:
    whole, _ = run(tmp_path / "whole", 1, memory=None, extra=extra, epochs=2)
    once, cached = run(tmp_path / "once", 1, memory=64, extra=extra, epochs=2)
    assert cached is not None
    plain, _ = run(tmp_path / "plain", 1, memory=64, epochs=2)
    losses = [[row["loss"] for row in made.history.steps] for made in (whole, once, plain)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert losses[2] != pytest.approx(losses[0], rel=1e-3), "the objectives said nothing"
    for one, other in zip(whole.hooks.objectives.curve, once.hooks.objectives.curve, strict=True):
        assert other == pytest.approx(one, rel=1e-2)


def test_token_types_are_left_out_where_the_encoder_knows_none(tmp_path: Path) -> None:
    made = tuner(tmp_path, dropout=0.0, frozen_cache_mib=64)
    encoder: Any = made.model.encoder
    encoder.config.type_vocab_size = 1
    encoder.embeddings.token_type_embeddings = nn.Embedding(1, encoder.config.hidden_size)
    freeze(made.model, 1)

    class Typed:
        """Collates with the types of a second text, as tokenizers of pairs do."""

        def collate(self, rows: Any, pad_id: int) -> dict[str, np.ndarray]:
            batch = made.task.collate(rows, pad_id)
            return {**batch, "token_type_ids": np.ones_like(batch["input_ids"])}

    cached = frozen.prepare(made.model, [TRAIN], cast("Any", Typed()), 0, made.params, tmp_path)
    assert cached is not None
    assert len(cached.parts[0].flat) == len(TRAIN.flat)


def test_a_table_that_the_disk_has_no_room_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tuner(tmp_path, dropout=0.0, frozen_cache_mib=0)
    freeze(made.model, 1)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(ModelError, match=r"where 0\.0 GiB are free"):
        frozen.prepare(made.model, [TRAIN], made.task, 0, made.params, tmp_path)


def test_objectives_that_read_other_texts_or_change_them_need_all_layers() -> None:
    for extra in ({"adversarial": {"kind": "fgm"}}, {"replay": {"weight": 1.0}}, {"ewc": {"weight": 1.0}}):
        made = objectives.make(ObjectivesParams.model_validate(extra), 0, "mean", 0, TRAIN)
        assert not Hooks(None, made).plain


def test_a_killed_run_computes_them_again_and_ends_in_the_same_weights(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole", 1, memory=64)

    class KilledError(Exception):
        pass

    def die(values: Any, at: int) -> None:
        if at > 20:
            raise KilledError

    broken = tuner(tmp_path / "broken", dropout=0.0, checkpoint_seconds=0)
    freeze(broken.model, 1)
    cached = frozen.prepare(broken.model, [TRAIN, VALIDATION], broken.task, 0, broken.params, tmp_path)
    assert cached is not None
    broken.train_dataset, broken.validation = cached.parts
    broken.observe = die
    with pytest.raises(KilledError):
        broken.run()
    assert checkpoints.latest(tmp_path / "broken") is not None
    again, _ = run(tmp_path / "broken", 1, memory=64)
    assert again.progress.first > 0
    assert all(torch.equal(value, again.model.state_dict()[name]) for name, value in whole.model.state_dict().items())


def test_depth_counts_from_below_until_something_learns(tmp_path: Path) -> None:
    model = tuner(tmp_path).model
    encoder: Any = model.encoder
    assert frozen.frozen_depth(model) == 0
    freeze(model, 1)
    assert frozen.frozen_depth(model) == 1
    freeze(model, 2)
    assert frozen.frozen_depth(model) == 2
    encoder.prompt = nn.Parameter(torch.zeros(2))
    assert frozen.frozen_depth(model) == 0
    del encoder.prompt
    handle = encoder.encoder.layer[1].register_forward_pre_hook(lambda *_: None)
    assert frozen.frozen_depth(model) == 1
    handle.remove()
    encoder.config.model_type = "mpnet"  # hands a tuple from layer to layer
    assert frozen.frozen_depth(model) == 0
    encoder.config.model_type = "bert"
    encoder.embeddings.LayerNorm.bias.requires_grad_()
    assert frozen.frozen_depth(model) == 0


def test_dropout_is_off_in_what_is_frozen_and_on_above(tmp_path: Path) -> None:
    model = tuner(tmp_path, dropout=0.3).model
    freeze(model, 1)
    frozen.quiet(model, frozen.frozen_depth(model))
    encoder: Any = model.encoder
    silent = [*encoder.embeddings.modules(), *encoder.encoder.layer[0].modules()]
    assert {one.p for one in silent if isinstance(one, nn.Dropout)} == {0.0}
    assert {one.p for one in encoder.encoder.layer[1].modules() if isinstance(one, nn.Dropout)} == {0.3}
