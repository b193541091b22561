"""All three gaps in one go: loads what is needed, measures, judges."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stages import artifacts
from stages.alignment import (
    asking,
    interpolation,
    readers,
    references,
    retention,
    sampling,
    surroundings,
    task_gap,
    verdict,
)
from stages.alignment.abilities import Ability
from stages.alignment.budget import Sizes
from stages.alignment.distribution_shift import LEAST, Answers, Reference, Shift
from stages.alignment.incoming import BETWEEN
from stages.alignment.interpolation import Mixture
from stages.alignment.result import Alignment
from stages.alignment.retention import Reading, Retention, Spoken
from stages.alignment.surroundings import Model, Surroundings
from stages.alignment.task_gap import Labelled, TaskGap
from stages.analysis.baselines import learned_from
from stages.metrics.intervals import Bootstrap
from stages.params.alignment import AlignmentParams
from stages.params.evaluation import EvaluationParams
from stages.training.prediction import Tuned

TEXTS_ONLY = "not measured: records of this kind of task have not one text and one label each"
log = logging.getLogger(__name__)


def measure(
    tuned: Tuned,
    predictions: Mapping[str, pa.Table],
    right: Mapping[str, np.ndarray] | None,
    bootstrap: Bootstrap,
    params: EvaluationParams,
) -> Alignment:
    """Measure all three gaps of the project in the working directory.

    Args:
        tuned: the tuned model.
        predictions: its predictions by split: `validation`, `test`, and `shifted` where it exists.
        right: whether `tuned` and `tfidf` were right on test's records; None where a record has not one text and one label:
            then only texts are compared, and abilities.
        bootstrap: how intervals are made.
        params: sizes, seed, thresholds, references.
    """
    began, settings = time.monotonic(), params.alignment
    given = references.read(Path(params.references))
    after, base = readers.of_tuned(tuned, artifacts.FINETUNED), readers.of_base(tuned)
    random = readers.of_random(base, settings.seed)
    sizes = asking.sizes(tuned, base, given, params)
    task: TaskGap | None = None
    data: dict[str, Labelled] = {}
    if right is not None:
        data = {split: _labelled(split, tuned.schema.labels) for split in ("train", "validation", "test")}
        task = _task(base, random, data, right, sizes.probed, bootstrap, settings.seed)
        log.info("task gap measured (%.0f s)", time.monotonic() - began)
    texts, shifts = _shifts(tuned, base, predictions, bootstrap, settings, sizes, labelled=right is not None)
    log.info("distribution shift measured on %s (%.0f s)", ", ".join(shifts), time.monotonic() - began)
    asked, general = asking.abilities_of(given, sizes.records, settings.seed), given.sentences
    kept = retention.measure(base, after, random, asked, asking.some(general, sizes.records, settings.seed), bootstrap)
    kept = _with_language(kept, asking.spoken(tuned, base, after, random, general, bootstrap))
    log.info("retention measured by %d abilities (%.0f s)", len(kept.readings), time.monotonic() - began)
    way: list[Mixture] = []
    around: Surroundings | None = None
    if right is not None:
        way = _way(tuned, base, after, data["test"], asked, kept, bootstrap, sizes.records, settings.seed)
        around = surroundings.measure(Model(tuned, after), data, predictions, given, bootstrap, params, sizes)
    log.info(
        "alignment measured in %.0f s; counted as %.0f of at most %s s, with at most %d records per statistic",
        time.monotonic() - began, sizes.seconds, settings.budget.seconds, sizes.records,
    )  # fmt: skip
    return Alignment(
        task=task,
        words=asking.fragmentation(base, texts_of("train"), general, sizes.records, settings.seed),
        shifts=shifts,
        retention=kept,
        way=way,
        moved=interpolation.distance(base, after),
        around=around,
        verdicts=verdict.all_of(task, shifts, kept, settings.thresholds),
        texts=texts,
        labels=tuned.schema.labels,
        base=tuned.facts.encoding.base,
        sizes=sizes,
        confidence=params.confidence,
    )


def _task(
    base: readers.Reader,
    random: readers.Reader,
    data: Mapping[str, Labelled],
    right: Mapping[str, np.ndarray],
    most: int,
    bootstrap: Bootstrap,
    seed: int,
) -> TaskGap:
    """The task gap, with probes that see the records that the TF-IDF baseline sees: a floor with more would not be one.

    Where the budget leaves fewer, the floor has the advantage, and the gain is rather too small than too large.
    """
    train = data["train"]
    probed = np.flatnonzero(learned_from(train.labels, most, bootstrap.seed))
    known = Labelled([train.texts[int(i)] for i in probed], train.labels[probed])
    return task_gap.measure(base, random, {**data, "train": known}, dict(right), bootstrap, seed)


def _shifts(
    tuned: Tuned,
    base: readers.Reader,
    predictions: Mapping[str, pa.Table],
    bootstrap: Bootstrap,
    settings: AlignmentParams,
    sizes: Sizes,
    *,
    labelled: bool,
) -> tuple[dict[str, list[str]], dict[str, Shift]]:
    """Texts and shifts of all splits that are large enough, against train."""
    compared = reference(
        tuned, base, bootstrap, settings, sizes.records, predictions.get("validation"), labelled=labelled
    )
    texts: dict[str, list[str]] = {}
    shifts: dict[str, Shift] = {}
    for split in ("validation", "test", "shifted", "unlabelled"):
        count = tuned.schema.rows.get(split)
        if count is None:
            continue
        if count < LEAST:
            log.warning("shift: %s has %d records, fewer than the %d that say anything", split, count, LEAST)
            continue
        texts[split] = texts_of(split)
        said = answers(tuned, split, predictions.get(split)) if labelled else None
        shifts[split] = compared.against(texts[split], said)
    return texts, shifts


def _with_language(kept: Retention, spoken: tuple[Reading | None, Spoken] | None) -> Retention:
    """Readings of vectors, with what the language model says where there is one."""
    if spoken is None:
        return kept
    heard, said = spoken
    return replace(kept, readings=[*kept.readings, *([heard] if heard else [])], language=said)


def _way(
    tuned: Tuned,
    base: readers.Reader,
    after: readers.Reader,
    test: Labelled,
    asked: Sequence[Ability],
    kept: Retention,
    bootstrap: Bootstrap,
    records: int,
    seed: int,
) -> list[Mixture]:
    """The way from base to tuned weights, with the ability that kept least; none where adapters are no weights to mix.

    The language model's reading is no ability of a reader, and is passed over.
    """
    by_name = {one.name: one for one in asked}
    worst = replace(kept, readings=[one for one in kept.readings if one.ability in by_name]).worst
    ability = None if worst is None else by_name[worst.ability]
    if ability is None or not interpolation.comparable(base, after):
        return []
    chosen = sampling.rows(len(test.texts), records // 2, seed)
    head: Any = tuned.model.head
    asked_of = ([test.texts[i] for i in chosen], test.labels[chosen])
    return interpolation.measure(base, after, head, asked_of, ability, bootstrap)


def reference(
    tuned: Tuned,
    base: readers.Reader,
    bootstrap: Bootstrap,
    params: AlignmentParams,
    records: int,
    validation_predictions: pa.Table | None = None,
    *,
    labelled: bool = True,
) -> Reference:
    """The train split as the base model sees it; see `stages.alignment.distribution_shift.Reference`."""
    return Reference(
        base,
        texts_of("train"),
        texts_of("validation"),
        answers(tuned, "validation", validation_predictions) if labelled else None,
        _labelled("train", tuned.schema.labels).labels if labelled else None,
        classes=len(tuned.schema.labels),
        most=records,
        permutations=params.permutations,
        seed=params.seed,
        bootstrap=bootstrap,
    )


def answers(tuned: Tuned, split: str, predictions: pa.Table | None) -> Answers:
    """What the tuned model says of a split, from its predictions when they were made already."""
    rows = artifacts.read_table(artifacts.tokenized(split))
    known = rows["label"].to_numpy() if "label" in rows.column_names else None
    if predictions is None:
        predictions = tuned.predict(rows, artifacts.read_table(artifacts.prepared(split)), readers.BATCH)
    return answers_of(predictions, tuned.schema.labels, known)


def answers_of(predictions: pa.Table, labels: list[str], gold: np.ndarray | None) -> Answers:
    """Answers from a table of predictions."""
    flat = predictions["probabilities"].combine_chunks().flatten().to_numpy().reshape(-1, len(labels))
    return Answers(flat.argmax(axis=1), flat.max(axis=1), gold)


def texts_of(split: str) -> list[str]:
    """What there is to read of each record: its text, or both of its texts."""
    table = artifacts.read_table(artifacts.prepared(split))
    texts: list[str] = table["text"].to_pylist()
    if "text_b" not in table.column_names:
        return texts
    return [f"{one}{BETWEEN}{other}" for one, other in zip(texts, table["text_b"].to_pylist(), strict=True)]


def _labelled(split: str, labels: list[str]) -> Labelled:
    table = artifacts.read_table(artifacts.prepared(split), ["text", "label"])
    place = {label: i for i, label in enumerate(labels)}
    return Labelled(table["text"].to_pylist(), np.array([place[one] for one in table["label"].to_pylist()]))
