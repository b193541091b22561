"""finetune: tune the base model on train, choose by validation, write the best weights and the learning curves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers

from stages import artifacts, harness
from stages.artifacts import Encoding, Schema
from stages.encoding import base_model
from stages.params.adaptation import AdaptationParams
from stages.params.model import ModelParams
from stages.params.objectives import ObjectivesParams
from stages.params.task import TaskParams
from stages.params.training import TrainingParams
from stages.training import checkpoints, members, parallel, sharding, tuning
from stages.training.objectives import references
from stages.training.precision import device, use_bf16

SECTIONS = (ModelParams, TaskParams, AdaptationParams, TrainingParams, ObjectivesParams)
log = logging.getLogger(__name__)


def work(stage: harness.Stage) -> None:
    """Train, once or once per seed, and write; of several processes, the first one writes."""
    parallel.settle()
    Schema.read(), Encoding.read()  # what is missing gets its message here, before digests are made of it
    settings = tuning.Settings(
        stage.params(ModelParams),
        stage.params(TaskParams),
        stage.params(AdaptationParams),
        stage.params(TrainingParams),
        stage.params(ObjectivesParams),
    )
    folder = checkpoints.folder_for("finetune", run_key(stage))
    if settings.training.seeds is None:
        train(stage, settings, folder, artifacts.FINETUNED, artifacts.TRAINING_REPORT)
    else:
        values = members.tune(settings, folder, partial(train, stage))
        stage.record.metrics({f"seeds.{model.replace(' ', '_')}": value for model, value in values.items()})
    if not parallel.is_first():
        return
    checkpoints.discard(folder)
    for file in (artifacts.CURVES, artifacts.SUMMARY, artifacts.SEEDS):
        stage.record.artifact(file)


def train(stage: harness.Stage, settings: tuning.Settings, folder: Path, model: Path, report: Path) -> None:
    """One run: put it together, train, write into `model` and `report`; its checkpoints lie in `folder`."""
    several = stage.params(TrainingParams).seeds is not None

    def observe(values: Mapping[str, float], step: int = 0) -> None:
        """Curves of several seeds lie beside each other in the record, not on top of each other."""
        before = f"seed_{settings.training.seed}." if several else ""
        stage.record.metrics({f"{before}{name}": value for name, value in values.items()}, step)

    run = tuning.begin(settings, Schema.read(), Encoding.read(), folder, observe)
    observe(run.tuner.hooks.rates(run.tuner.model, settings.training.learning_rate))
    tell(run)
    run.tuner.run()
    if parallel.is_first():
        observe({**run.counts, **run.tuner.hooks.figures(run.tuner.optimizer)})
        run.save(model, report)


def tell(run: tuning.Run) -> None:
    """Say what is about to learn from what."""
    tuner = run.tuner
    log.info(
        "tuning %s (%s weights learn) on %d records (%s), %s, %s pooling",
        run.settings.model.base,
        f"{run.counts['trainable_parameters']:,}",
        len(tuner.train_dataset),
        ", ".join(f"{split} {run.schema.rows[split]:,}" for split in run.schema.learned),
        "bf16" if tuner.bf16 else "fp32",
        run.pooling,
    )
    if sharding.wanted():
        log.info("%d processes share the weights between them", parallel.world())
    if parallel.idle_gpus():
        count = parallel.idle_gpus() + 1
        log.info('one of %d GPUs is used; all: %s="torchrun --nproc-per-node %d"', count, harness.LAUNCH, count)


def run_key(stage: harness.Stage) -> str:
    """What this run's checkpoints are filed under."""
    params: dict[str, Any] = {name: section.model_dump(mode="json") for name, section in stage.sections.items()}
    params["processes"] = parallel.launched()
    params["sharded"] = sharding.wanted()
    params["runs_on"] = runs_on(stage.params(TrainingParams))
    base = base_model.locate(stage.params(ModelParams), verify=False)
    own = (file for pattern in ("*.safetensors", "config.json", "1_Pooling/config.json") for file in base.glob(pattern))
    inputs = [artifacts.TOKENIZED, artifacts.SCHEMA, *sorted(own)]
    if stage.params(ObjectivesParams).reads_references:
        inputs.append(references.file_of(stage.params(ObjectivesParams)))
    return checkpoints.key(params, inputs)


def runs_on(params: TrainingParams) -> list[str]:
    """What decides on the last bits of a result: a checkpoint that a machine of another kind left is not taken up."""
    where = device()
    kind = "bf16" if use_bf16(params.precision, where) else "fp32"
    threads = params.threads or torch.get_num_threads()
    processor = torch.cuda.get_device_name(where) if where.type == "cuda" else torch.backends.cpu.get_cpu_capability()
    return [where.type, processor, kind, str(threads), torch.__version__, transformers.__version__]


if __name__ == "__main__":
    harness.main("finetune", work, SECTIONS, launchable=True)
