"""Training learns, is the same twice, and ends in the same weights when it was killed on the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from stages import tasks
from stages.artifacts import Schema
from stages.encoding.ragged import dense
from stages.params.model import ModelParams
from stages.params.task import TaskParams
from stages.params.training import TrainingParams
from stages.training import head_start, sharding
from stages.training.batching import Rows
from stages.training.seeding import seed_everything
from stages.training.trainer import Tuner

CLASSES = 4
SCHEMA = Schema("classification", [f"class {i}" for i in range(CLASSES)], {})


def rows(count: int, seed: int) -> Rows:
    """Records whose class is the range that most of their tokens lie in."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, count)
    texts = [
        [1, *(generator.integers(0, 20, generator.integers(3, 15)) + 10 + 20 * label).tolist(), 2] for label in labels
    ]
    return Rows.of(
        pa.table(
            {
                "id": [str(i) for i in range(count)],
                "input_ids": pa.array(texts, pa.list_(pa.int32())),
                "label": pa.array(labels, pa.int32()),
            }
        )
    )


TRAIN, VALIDATION = rows(90, 0), rows(40, 1)


def tuner(
    folder: Path,
    seen: list[Any] | None = None,
    dropout: float = 0.1,
    train: Rows = TRAIN,
    kind: type[Tuner] = Tuner,
    **params: Any,
) -> Tuner:
    settings = TrainingParams.model_validate(
        {"epochs": 3, "batch_size": 8, "learning_rate": 1e-2, "precision": "fp32", "checkpoint_seconds": 1e9}
        | {"head_start": "random", **params}
    )
    seed_everything(settings.seed, deterministic=True, threads=None)
    config = BertConfig(
        vocab_size=100,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        attn_implementation="eager",
    )
    task = tasks.make(TaskParams())
    encoder = BertModel(config, add_pooling_layer=False)
    model = task.model(encoder, "mean", SCHEMA, ModelParams(head_dropout=dropout))
    objective = task.objective(settings, train.columns, SCHEMA, model)
    folder.mkdir(parents=True, exist_ok=True)

    def observe(values: Any, step: int) -> None:
        if seen is not None:
            seen.append((step, dict(values)))

    return kind(model, task, objective, settings, train, VALIDATION, 0, folder, observe)


def weights(model: nn.Module) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


def test_it_learns_and_the_best_weights_are_what_remains(tmp_path: Path) -> None:
    seen: list[Any] = []
    run = tuner(tmp_path, seen)
    run.run()
    losses = [row["train_loss"] for row in run.history.evaluations]
    assert len(losses) == 3
    assert losses[-1] < 0.5 * losses[0]
    accuracies = [row["validation_accuracy"] for row in run.history.evaluations]
    assert max(accuracies) > 0.9
    assert run.history.best_value == max(accuracies)
    assert run.best is not None
    assert all(torch.equal(run.best[name], value) for name, value in run.model.state_dict().items())
    assert any("validation_accuracy" in values for _, values in seen)
    assert seen[-1][0] == run.state.max_steps == 36


def test_two_runs_are_the_same_bytes_and_another_seed_is_not(tmp_path: Path) -> None:
    runs = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        runs.append(tuner(tmp_path / name, seed=seed))
        runs[-1].run()
    first, second, other = (weights(run.model) for run in runs)
    assert first == second
    assert runs[0].history == runs[1].history
    assert first != other


class KilledError(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("numbers", ["fp32", "bf16"])
@pytest.mark.parametrize(("step", "head"), [(1, "random"), (12, "random"), (17, "probe"), (2, "probe")])
def test_a_killed_run_ends_in_the_weights_of_an_undisturbed_one(
    tmp_path: Path, at_once: list[int], step: int, head: str, numbers: str
) -> None:
    whole = tuner(tmp_path / "whole", head_start=head, precision=numbers)
    whole.run()
    assert len(at_once) == (2 * whole.state.max_steps if numbers == "bf16" else 0)

    def die(values: Any, at: int) -> None:
        if at > step:
            raise KilledError

    broken = tuner(tmp_path / "broken", checkpoint_seconds=0, head_start=head, precision=numbers)
    broken.observe = die
    with pytest.raises(KilledError):
        broken.run()
    assert list((tmp_path / "broken").glob("checkpoint-*"))
    resumed = tuner(tmp_path / "broken", head_start=head, precision=numbers)
    torch.manual_seed(12345)
    resumed.run()
    assert weights(resumed.model) == weights(whole.model)
    assert resumed.history == whole.history


def test_layers_that_several_processes_share_run_their_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharding, "wanted", lambda: True)
    run = tuner(tmp_path, precision="bf16")
    assert not any("as_one_node" in vars(one) for one in run.model.modules())


def test_patience_ends_a_run_that_no_longer_improves(tmp_path: Path) -> None:
    run = tuner(tmp_path, epochs=30, early_stopping={"patience": 2, "min_delta": 0.0}, learning_rate=2e-2)
    run.run()
    rows_ = run.history.evaluations
    assert len(rows_) < 30
    best = max(range(len(rows_)), key=lambda i: rows_[i]["validation_accuracy"])
    assert len(rows_) == best + 3


def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    common: dict[str, Any] = {"dropout": 0.0, "group_by_length": False, "epochs": 1, "weight_decay": 0.0}
    large = tuner(tmp_path / "large", batch_size=45, **common)
    small = tuner(tmp_path / "small", batch_size=15, accumulation=3, **common)
    large.run()
    small.run()
    assert large.state.max_steps == small.state.max_steps == 2
    for (name, one), other in zip(large.model.state_dict().items(), small.model.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=name)


def test_recomputed_activations_change_nothing(tmp_path: Path) -> None:
    plain = tuner(tmp_path / "a", epochs=1)
    plain.run()
    frugal = tuner(tmp_path / "b", epochs=1, gradient_checkpointing=True)
    assert cast("BertModel", frugal.model.encoder).is_activation_checkpointing
    frugal.run()
    for one, other in zip(plain.model.state_dict().values(), frugal.model.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_validation_can_be_read_several_times_an_epoch(tmp_path: Path) -> None:
    run = tuner(tmp_path, epochs=2, evaluations_per_epoch=3, early_stopping={"patience": None})
    run.run()
    assert len(run.history.evaluations) == 6
    assert [round(row["epoch"], 1) for row in run.history.evaluations][2::3] == [1.0, 2.0]


def test_a_fitted_head_is_read_before_the_first_step_and_is_better_than_noise(tmp_path: Path) -> None:
    runs = {head: tuner(tmp_path / head, head_start=head, epochs=1) for head in ("probe", "random")}
    for run in runs.values():
        run.run()
    first = runs["probe"].history.evaluations[0]
    assert (first["step"], first["epoch"], first["learning_rate"]) == (0, 0.0, 0.0)
    assert first["validation_accuracy"] > 0.5
    assert first["train_loss"] < runs["random"].history.evaluations[0]["train_loss"]
    assert runs["probe"].history.summary()["head_start_strength"] in head_start.STRENGTHS
    assert "head_start_strength" not in runs["random"].history.summary()


def test_the_head_starts_from_the_corpus_alone_whatever_was_made_of_it(tmp_path: Path) -> None:
    mixed = replace(TRAIN, own=60)
    labels = dense(mixed.columns["label"]).copy()
    labels[60:] = (labels[60:] + 1) % CLASSES  # what the head would learn otherwise
    mixed = replace(mixed, columns={"label": labels})
    runs = [
        tuner(tmp_path / str(i), train=one, head_start="probe", epochs=1) for i, one in enumerate((mixed, mixed.corpus))
    ]
    for run in runs:
        run.run()
    first, alone = (run.history.evaluations[0] for run in runs)
    assert first == alone
    assert [run.state.max_steps for run in runs] == [12, 8]


def test_a_budget_of_tokens_takes_the_place_of_the_batch_size(tmp_path: Path) -> None:
    run = tuner(tmp_path, epochs=1, batch_tokens=150)
    sizes = [len(batch) for batch in run.batches]
    assert len(set(sizes)) > 2
    assert max(len(batch) * int(TRAIN.lengths[batch].max()) for batch in run.batches) <= 150
    run.run()
    assert run.state.global_step == len(sizes)
