"""finetune: tune the base model on train, choose by validation, write the best weights and the learning curves."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

from torch import nn

from stages import artifacts, harness, tasks
from stages.adaptation import METHODS
from stages.artifacts import Encoding, Schema
from stages.encoding import base_model
from stages.params.adaptation import AdaptationParams
from stages.params.model import ModelParams
from stages.params.objectives import ObjectivesParams
from stages.params.task import TaskParams
from stages.params.training import TrainingParams
from stages.tasks.protocol import Fitted, Task
from stages.training import assembly, checkpoints, compaction, frozen, history, objectives, parallel
from stages.training.batching import Rows
from stages.training.hooks import Hooks
from stages.training.objectives import references
from stages.training.precision import device
from stages.training.prediction import outputs_of
from stages.training.seeding import seed_everything
from stages.training.trainer import Tuner

SECTIONS = (ModelParams, TaskParams, AdaptationParams, TrainingParams, ObjectivesParams)
log = logging.getLogger(__name__)


def work(stage: harness.Stage) -> None:
    """Build, adapt, train, merge, write."""
    model_params, training = stage.params(ModelParams), stage.params(TrainingParams)
    adaptation, extra = stage.params(AdaptationParams), stage.params(ObjectivesParams)
    method = METHODS[adaptation.method](adaptation)
    schema, encoding = Schema.read(), Encoding.read()
    task = tasks.make(stage.params(TaskParams))
    train, validation = (Rows.read(artifacts.tokenized(split)) for split in ("train", "validation"))
    seed_everything(training.seed, deterministic=training.deterministic, threads=training.threads)
    model, pooling = assembly.build(model_params, task, schema, device())
    model = method.apply(model, encoding.max_length)
    encoder = cast("nn.Module", model.encoder)
    general = references.general(extra, model_params, encoding, training.seed)
    parts = [train, validation, *([] if general is None else [general])]
    reduced = compaction.compact(encoder, parts, encoding.pad_id)
    if reduced is not None:
        train, validation = reduced.renumbered(train), reduced.renumbered(validation)
        general = None if general is None else reduced.renumbered(general)
    hooks = Hooks(method, objectives.make(extra, training.seed, pooling, encoding.pad_id, general))
    folder = checkpoints.folder_for("finetune", run_key(stage))
    cached = frozen.prepare(model, [train, validation], task, encoding.pad_id, training, folder, wanted=hooks.plain)
    if cached is not None:
        train, validation = cached.parts
    tuner = Tuner(
        model,
        task,
        objectives.focused(task.objective(training, train.columns, schema, model), extra),
        training,
        train,
        validation,
        encoding.pad_id,
        folder,
        stage.record.metrics,
        hooks,
    )
    stage.record.metrics(hooks.rates(model, training.learning_rate))
    log.info(
        "tuning %s (%s weights learn) on %d records, %s, %s pooling",
        model_params.base,
        f"{hooks.counts(model)['trainable_parameters']:,}",
        len(train),
        "bf16" if tuner.bf16 else "fp32",
        pooling,
    )
    tuner.run()
    if not parallel.is_first():
        return
    if cached is not None:
        cached.restore(encoder)
    if reduced is not None:
        reduced.restore(encoder)
    counts, small = hooks.counts(tuner.model), method.adapter(tuner.model)
    stage.record.metrics(hooks.figures(tuner.model, tuner.optimizer))
    tuned = method.merge(tuner.model)
    facts = assembly.Facts(
        schema,
        encoding,
        pooling,
        model_params.model_dump(mode="json"),
        adaptation.model_dump(mode="json"),
        task.params.model_dump(mode="json"),
        choose(tuned, task, schema, encoding, training.eval_batch_size),
    )
    assembly.save(tuned, facts, base_model.locate(model_params, verify=False), artifacts.FINETUNED, small)
    history.write_curve(artifacts.CURVES, tuner.history.evaluations)
    history.write_curve(artifacts.STEPS, tuner.history.steps)
    artifacts.WISE_FT.unlink(missing_ok=True)
    if hooks.objectives.curve:
        history.write_curve(artifacts.WISE_FT, hooks.objectives.curve)
    artifacts.write_json(artifacts.SUMMARY, {**tuner.history.summary(), **counts})
    checkpoints.discard(folder)
    for file in (artifacts.CURVES, artifacts.SUMMARY):
        stage.record.artifact(file)


def choose(model: nn.Module, task: Task, schema: Schema, encoding: Encoding, batch_size: int) -> Fitted:
    """What the task chooses on validation, with the weights that are kept; see `Task.fit`."""
    if not task.fits:
        return {}
    rows = artifacts.read_table(artifacts.tokenized("validation"))
    outputs = outputs_of(model, Rows.of(rows), task, encoding.pad_id, batch_size)
    return task.fit(outputs, rows, artifacts.read_table(artifacts.prepared("validation")), schema)


def run_key(stage: harness.Stage) -> str:
    """What this run's checkpoints are filed under."""
    params: dict[str, Any] = {name: section.model_dump(mode="json") for name, section in stage.sections.items()}
    params["processes"] = parallel.launched()
    inputs = [artifacts.TOKENIZED, artifacts.SCHEMA]
    if stage.params(ObjectivesParams).reads_references:
        inputs.append(Path(stage.params(ObjectivesParams).references))
    return checkpoints.key(params, inputs)


if __name__ == "__main__":
    harness.main("finetune", work, SECTIONS, launchable=True)
