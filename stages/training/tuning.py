"""A run of finetune: base model, head, what adapts them, what they read, and the trainer, put together and taken apart.

Some parts are there for training alone: a table of embeddings without the rows that nothing uses, the states of frozen
layers in place of texts, weights that were inserted. `begin` puts them in, in an order that matters (a cache is made of
renumbered rows, a table is cut after a method has wrapped it), and `finish` takes them out in reverse.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from stages import artifacts, tasks
from stages.adaptation import METHODS
from stages.adaptation.frozen import Frozen
from stages.adaptation.protocol import Method
from stages.artifacts import Encoding, Schema
from stages.encoding import base_model
from stages.errors import DivergedError, ModelError
from stages.params.adaptation import AdaptationParams
from stages.params.model import ModelParams
from stages.params.objectives import ObjectivesParams
from stages.params.task import TaskParams
from stages.params.training import TrainingParams
from stages.tasks.protocol import Fitted, Task
from stages.training import assembly, compaction, frozen, history, memory, objectives, parallel, sharding
from stages.training.batching import Rows
from stages.training.compaction import Compaction
from stages.training.frozen import Cache
from stages.training.hooks import Hooks, counted
from stages.training.objectives import references
from stages.training.precision import device, use_bf16
from stages.training.prediction import outputs_of
from stages.training.seeding import seed_everything
from stages.training.sharded import ShardedTuner
from stages.training.trainer import Observer, Tuner

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """The sections of params that a run reads."""

    model: ModelParams
    task: TaskParams
    adaptation: AdaptationParams
    training: TrainingParams
    objectives: ObjectivesParams

    def with_seed(self, seed: int) -> Settings:
        """The same for one run with that seed."""
        training = self.training.model_copy(update={"seed": seed, "seeds": None, "keep": "best"})
        return replace(self, training=training)


@dataclass(frozen=True)
class Run:
    """A run, ready to train.

    Attributes:
        settings: its params.
        schema: of the corpus.
        encoding: how its texts were tokenized.
        task: what is learned.
        method: which weights learn.
        pooling: how states become one vector.
        tuner: trains.
        reduced: the way back to the full table of embeddings; None where it was not cut.
        cached: the way back from the states of frozen layers; None where texts are read.
        counts: how many weights there are and how many learn, with those that are put away while training.
    """

    settings: Settings
    schema: Schema
    encoding: Encoding
    task: Task
    method: Method
    pooling: str
    tuner: Tuner
    reduced: Compaction | None
    cached: Cache | None
    counts: dict[str, int]

    def finish(self) -> tuple[nn.Module, dict[str, torch.Tensor]]:
        """Take out what was for training alone.

        Returns:
            The tuned model in the shape that is saved, and the few tensors that a method learned, to be saved beside it.
        """
        # The trainer's autocast goes, or what is chosen on validation would be read in other numbers than a release reads in.
        self.tuner.accelerator.unwrap_model(self.tuner.model, keep_fp32_wrapper=False)
        encoder = cast("nn.Module", self.tuner.model.encoder)
        for part in (self.cached, self.reduced):
            if part is not None:
                part.restore(encoder)
        small = self.method.adapter(self.tuner.model)
        return self.method.merge(self.tuner.model), small

    def save(self, model: Path, report: Path) -> None:
        """Write the tuned model into one folder, and the curves and the summary into another.

        Raises:
            ModelError: the weights that would be kept give no numbers.
        """
        summary = self.tuner.history.summary()
        if any(isinstance(value, float) and not math.isfinite(value) for value in summary.values()):
            raise DivergedError(
                f"training diverged: with the weights of step {summary['best_step']} validation has no finite loss. "
                "Lower training.learning_rate, or set training.clip_norm."
            )
        self._diverged(int(summary["best_step"]))
        tuned, small = self.finish()
        facts = assembly.Facts(
            self.schema,
            self.encoding,
            self.pooling,
            self.settings.model.model_dump(mode="json"),
            self.settings.adaptation.model_dump(mode="json"),
            self.settings.task.model_dump(mode="json"),
            self._choose(tuned),
        )
        base = base_model.locate(self.settings.model, verify=False)
        assembly.save(tuned, facts, base, model, small)
        history.write_curve(report / artifacts.CURVES.name, self.tuner.history.evaluations)
        history.write_curve(report / artifacts.STEPS.name, self.tuner.history.steps)
        for file in (artifacts.WISE_FT.name, artifacts.SEEDS.name):
            (report / file).unlink(missing_ok=True)
        if self.tuner.hooks.objectives.curve:
            history.write_curve(report / artifacts.WISE_FT.name, self.tuner.hooks.objectives.curve)
        mixed = self.tuner.hooks.objectives.mixed()
        artifacts.write_json(report / artifacts.SUMMARY.name, {**summary, **self.counts, **mixed})

    def _diverged(self, kept: int) -> None:
        """Look for evaluations without a number, which are never the best ones and would pass unseen.

        Raises:
            ModelError: and nothing but the start was any good.
        """
        step = self.tuner.history.diverged
        if step is not None and kept == 0:
            raise DivergedError(
                f"training diverged: at step {step} there is no finite loss, and no step is better than the start. "
                "Lower training.learning_rate, or set training.clip_norm."
            )
        if step is not None:
            log.warning(
                "training diverged: at step %d there is no finite loss; the weights of step %d are kept. Lower "
                "training.learning_rate, or set training.clip_norm.",
                step,
                kept,
            )

    def _choose(self, model: nn.Module) -> Fitted:
        """What the task chooses on validation, with the weights that are kept."""
        return fitted(self.task, model, self.encoding.pad_id, self.schema, self.settings.training.eval_batch_size)


def fitted(task: Task, model: nn.Module, pad_id: int, schema: Schema, batch_size: int) -> Fitted:
    """What a task chooses on validation with a model; see `Task.fit`."""
    if not task.fits:
        return {}
    rows = artifacts.read_table(artifacts.tokenized("validation"))
    outputs = outputs_of(model, Rows.of(rows), task, pad_id, batch_size)
    return task.fit(outputs, rows, artifacts.read_table(artifacts.prepared("validation")), schema)


def begin(settings: Settings, schema: Schema, encoding: Encoding, folder: Path, observe: Observer) -> Run:
    """Seed everything, and put a run together.

    Args:
        settings: params.
        schema: of the corpus.
        encoding: how its texts were tokenized.
        folder: for checkpoints.
        observe: told the figures of steps and evaluations.

    Raises:
        ModelError: the base model cannot be loaded, or the method does not suit it.
    """
    training, extra = settings.training, settings.objectives
    if parallel.launched() > 1 and settings.adaptation.method == "frozen" and settings.adaptation.frozen.gradual:
        raise ModelError(
            "adaptation.frozen.gradual: which weights learn changes while training, which several processes cannot follow. "
            "Set it to null, or run one process."
        )
    if sharding.wanted():
        sharding.check(settings.adaptation, extra)
    task, method = tasks.make(settings.task), METHODS[settings.adaptation.method](settings.adaptation)
    files = [artifacts.tokenized(split) for split in schema.learned]
    parts = [Rows.read(*files), Rows.read(artifacts.tokenized("validation"))]
    memory.keep()
    seed_everything(training.seed, deterministic=training.deterministic, threads=training.threads)
    model, pooling = assembly.build(settings.model, task, schema, device())
    _suits(cast("nn.Module", model.encoder), settings)
    model = method.apply(model, encoding.max_length)
    if isinstance(method, Frozen) and training.epochs <= method.thawed_after:
        log.warning(
            "adaptation.frozen.gradual: the lowest weights thaw after %d epochs, and training.epochs is %g: they never learn",
            method.thawed_after, training.epochs,
        )  # fmt: skip
    counts = counted(model)
    general = references.general(extra, settings.model, encoding, training.seed)
    read = [*parts, *([] if general is None else [general])]
    reduced = compaction.compact(cast("nn.Module", model.encoder), read, encoding.pad_id)
    pad_id = encoding.pad_id if reduced is None else reduced.pad_id
    if reduced is not None:
        parts = [reduced.renumbered(part) for part in parts]
        general = None if general is None else reduced.renumbered(general)
    bf16 = use_bf16(training.precision, device(), cast("nn.Module", model.encoder))
    hooks = Hooks(method, objectives.make(extra, training.seed, pooling, pad_id, general, bf16=bf16))
    # Activation checkpointing asks the embeddings for a gradient, and a table has none to give.
    wanted = hooks.plain and not training.gradient_checkpointing
    cached = frozen.prepare(model, parts, task, pad_id, training, folder, wanted=wanted)
    train, validation = parts if cached is None else cached.parts
    if extra.r_drop > 0:
        _passes_differ(model, f"{cast('Any', model.encoder).config.model_type} model")
    objective = objectives.focused(task.objective(training, train.columns, schema, model), extra)
    kind = ShardedTuner if sharding.wanted() else Tuner
    tuner = kind(model, task, objective, training, train, validation, pad_id, folder, observe, hooks)
    return Run(settings, schema, encoding, task, method, pooling, tuner, reduced, cached, counts)


def _suits(encoder: nn.Module, settings: Settings) -> None:
    """Hold params against what the base model turns out to be.

    Raises:
        ModelError: they ask for what it does not have.
    """
    built: Any = encoder
    if settings.training.gradient_checkpointing and not built.supports_gradient_checkpointing:
        raise ModelError(
            f"training.gradient_checkpointing: a {built.config.model_type} model has none in transformers. Set it to false; "
            "halve training.batch_size and double training.accumulation instead."
        )


def _passes_differ(model: nn.Module, kind: str) -> None:
    """Hold an objective that compares two passes against the dropout that the model has, as it is built.

    Args:
        model: with attribute `encoder`, what is frozen silenced.
        kind: of base model, for messages.

    Raises:
        ModelError: there is none.
    """
    if not _drops(model):
        raise ModelError(
            f"objectives.r_drop: two passes are the same without dropout, and this {kind} comes without any. Set "
            "model.dropout, such as 0.1, or switch it off."
        )
    if not _drops(cast("nn.Module", model.encoder)):
        log.warning(
            "objectives.r_drop: this %s comes without dropout, so that two passes differ in the head's alone", kind
        )


def _drops(part: nn.Module) -> bool:
    """Whether dropout is on in a module or in those within it; some attentions keep a number and no module."""
    return any(
        (isinstance(one, nn.Dropout) and one.p > 0) or getattr(one, "attention_dropout", 0.0) not in (0, 0.0)
        for one in part.modules()
        if not isinstance(getattr(one, "attention_dropout", None), nn.Module)
    )
