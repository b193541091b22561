"""Several runs of one setting that differ by their seed: compared on validation, and one model kept of them.

Besides the members themselves two models are read: their *soup*, the mean of their weights, which costs no more than one model
to use (Wortsman et al. 2022), and their *ensemble*, the mean of their probabilities, which costs as many models
(Lakshminarayanan et al. 2017). Params say which of them is kept. Test is never looked at.

Cost: a reading of validation per member and one for the soup. One member at a time is in memory, and the sums of their weights;
all of them where an ensemble chooses thresholds.
"""

from __future__ import annotations

import csv
import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from stages import artifacts, tasks
from stages.adaptation import METHODS
from stages.encoding import base_model
from stages.encoding.ragged import Outputs, Ragged, dense
from stages.errors import DivergedError, ModelError
from stages.params.task import TaskParams
from stages.training import assembly, parallel
from stages.training.batching import Rows
from stages.training.ensemble import blend_of
from stages.training.precision import device
from stages.training.prediction import load_tuned, outputs_of
from stages.training.tuning import Settings, fitted

SOUP, ENSEMBLE = "soup", "ensemble"
Train = Callable[[Settings, Path, Path, Path], None]
"""One run: settings, folder for checkpoints, folders for the tuned model and for curves and summary."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Member:
    """A run that has ended.

    Attributes:
        seed: of it.
        model: folder of its tuned model.
        report: folder of its curves and summary.
    """

    seed: int
    model: Path
    report: Path

    @classmethod
    def at(cls, folder: Path, seed: int) -> Member:
        """Where a run leaves its files below a folder."""
        return cls(seed, folder / "model", folder / "report")


def tune(settings: Settings, folder: Path, train: Train) -> dict[str, float]:
    """A run per seed, one after another, and one model kept; see `keep`.

    Args:
        settings: of all runs, with `training.seeds`.
        folder: where unfinished work lies; runs that had ended before a kill are taken as they are.
        train: does one run.

    Raises:
        ModelError: the stage runs as several processes.
        DivergedError: a run that is needed came to no numbers; where the best one is kept, one of several need not be.
    """
    if parallel.launched() > 1:
        raise ModelError(
            "training.seeds: one process trains them. Unset WHETSTONE_LAUNCH, or set training.seeds to null."
        )
    seeds = settings.training.seeds or []
    found = [Member.at(folder / f"seed-{seed}", seed) for seed in seeds]
    lost: list[Member] = []
    for one in found:
        if one.report.is_dir():
            continue
        log.info("seed %d of %s", one.seed, ", ".join(map(str, seeds)))
        unfinished = one.model.with_name("checkpoints")
        unfinished.mkdir(parents=True, exist_ok=True)
        partial = one.report.with_name("report.partial")
        try:
            train(settings.with_seed(one.seed), unfinished, one.model, partial)
        except DivergedError as error:
            if settings.training.keep != "best" or (one is found[-1] and len(lost) == len(found) - 1):
                raise DivergedError(f"seed {one.seed}: {error}") from None
            log.warning("seed %d is left out: %s", one.seed, error)
            lost.append(one)
            continue
        # The report is the last thing to appear, so that it tells a run that has ended.
        partial.replace(one.report)
        shutil.rmtree(unfinished)
    values = keep([one for one in found if one not in lost], settings)
    for model, value in values.items():
        log.info("%-9s %.4f on validation", model, value)
    return values


def keep(members: Sequence[Member], settings: Settings) -> dict[str, float]:
    """Read members, soup and ensemble on validation, and write what params want kept as the tuned model.

    Args:
        members: in the order of params.
        settings: that all of them share.

    Returns:
        The metric that training chooses by, by name of model.
    """
    task = tasks.make(settings.task)
    name = settings.training.metric if settings.training.metric != "auto" else task.figures.validation[0]
    rows, size = Rows.read(artifacts.tokenized("validation")), settings.training.eval_batch_size
    places = {f"seed {one.seed}": one.model for one in members}
    if share_a_start(settings):
        places[SOUP] = _cook(members, settings)
    said = {model: _read(place, rows, size) for model, place in places.items()}
    together = ensemble([said[f"seed {one.seed}"] for one in members], settings.task)
    if together is not None:
        said[ENSEMBLE] = together
    found = {model: task.validate(outputs, rows.columns) for model, outputs in said.items()}
    best = max(members, key=lambda one: found[f"seed {one.seed}"][name])
    kept = f"seed {best.seed}" if settings.training.keep == "best" else settings.training.keep
    _place(_bundle(members, best, settings) if kept == ENSEMBLE else places[kept], artifacts.FINETUNED)
    _report(best, kept, found)
    for folder in (_beside(members, SOUP), _beside(members, ENSEMBLE)):
        shutil.rmtree(folder, ignore_errors=True)
    return {model: figures[name] for model, figures in found.items()}


def share_a_start(settings: Settings) -> bool:
    """Whether runs of all seeds leave from the same weights, so that their mean is a model; params refuse a soup elsewhere."""
    return settings.training.head_start == "probe" and METHODS[settings.adaptation.method].merges


def mean(files: Sequence[Path]) -> dict[str, torch.Tensor]:
    """The mean of tensors of the same names, summed in float64; whole numbers have to be the same in all files.

    Raises:
        ModelError: names or shapes differ.
    """
    first = load_file(files[0])
    sums = {name: one.double() for name, one in first.items()}
    for file in files[1:]:
        other = load_file(file)
        if {name: one.shape for name, one in other.items()} != {name: one.shape for name, one in first.items()}:
            raise ModelError(f"{file}: its weights differ in name or shape from {files[0]}, so they have no mean.")
        for name, one in other.items():
            sums[name] += one.double()
    return {
        name: (sums[name] / len(files)).to(one.dtype) if one.is_floating_point() else one for name, one in first.items()
    }


def ensemble(outputs: Sequence[Outputs], task: TaskParams) -> np.ndarray | None:
    """Outputs whose probabilities are the mean of the members'; None for kinds whose decisions are not made record by record.

    Args:
        outputs: of each member, `(records, ...)`.
        task: decides what the outputs are.
    """
    blend = blend_of(task)
    if blend is None or any(isinstance(one, Ragged) for one in outputs):
        return None
    found: np.ndarray = blend(torch.from_numpy(np.stack([dense(one).astype(np.float64) for one in outputs]))).numpy()
    return found


def _read(folder: Path, rows: Rows, batch_size: int) -> Outputs:
    """A model's outputs on validation."""
    model, facts = assembly.load(folder, device())
    return outputs_of(model, rows, tasks.make(TaskParams.model_validate(facts.task)), facts.encoding.pad_id, batch_size)


def _beside(members: Sequence[Member], name: str) -> Path:
    """A folder next to those of the members."""
    return members[0].model.parent.with_name(name)


def _cook(members: Sequence[Member], settings: Settings) -> Path:
    """Write the soup. What a method learned apart has no mean of its own, and is left out."""
    folder = _beside(members, SOUP)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(members[0].model, folder)
    (folder / assembly.ADAPTER).unlink(missing_ok=True)
    for name in (base_model.WEIGHTS, assembly.HEAD):
        save_file(mean([one.model / name for one in members]), folder / name, metadata={"format": "pt"})
    _refit(folder, settings)
    return folder


def _bundle(members: Sequence[Member], best: Member, settings: Settings) -> Path:
    """Write the ensemble: the best member's files, and the other members in folders below; see `stages.training.ensemble`."""
    folder = _beside(members, ENSEMBLE)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(best.model, folder)
    for one in members:
        if one is not best:
            shutil.copytree(one.model, folder / artifacts.MEMBERS / f"seed-{one.seed}")
    _refit(folder, settings)
    return folder


def _refit(folder: Path, settings: Settings) -> None:
    """Choose anew on validation what decoding needs, for a model that was put together of others."""
    if not tasks.make(settings.task).fits:
        return
    tuned = load_tuned(folder)
    pad, size = tuned.facts.encoding.pad_id, settings.training.eval_batch_size
    chosen = fitted(tuned.task, tuned.model, pad, tuned.schema, size)
    artifacts.write_json(folder / assembly.FACTS, asdict(replace(tuned.facts, fitted=chosen)))


def _place(source: Path, target: Path) -> None:
    """Copy a folder; it appears only when it is complete."""
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)


def _report(best: Member, kept: str, found: Mapping[str, Mapping[str, float]]) -> None:
    """Curves and summary of the best member, with what was kept and its figures; and the table of all."""
    _place(best.report, artifacts.TRAINING_REPORT)
    summary: dict[str, Any] = json.loads((best.report / artifacts.SUMMARY.name).read_text(encoding="utf-8"))
    figures = {f"validation_{name}": round(value, 6) for name, value in found[kept].items()}
    artifacts.write_json(artifacts.SUMMARY, {**summary, **figures, "kept": kept})
    with artifacts.SEEDS.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["model", *figures, "kept"])
        for model, own in found.items():
            writer.writerow([model, *(f"{value:.6g}" for value in own.values()), int(model == kept)])
