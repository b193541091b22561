"""All three gaps in one go: loads what is needed, measures, judges."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stages import artifacts
from stages.alignment import (
    abilities,
    interpolation,
    language,
    readers,
    references,
    retention,
    sampling,
    surroundings,
    task_gap,
    verdict,
)
from stages.alignment.abilities import Ability
from stages.alignment.distribution_shift import LEAST, Answers, Reference, Shift
from stages.alignment.interpolation import Mixture
from stages.alignment.retention import Retention
from stages.alignment.surroundings import Model, Surroundings
from stages.alignment.task_gap import Labelled, TaskGap
from stages.alignment.verdict import Verdict
from stages.analysis import baselines
from stages.corpora.splitting import sample
from stages.encoding import base_model
from stages.metrics.intervals import Bootstrap
from stages.params.alignment import AlignmentParams
from stages.params.model import ModelParams
from stages.training.prediction import Tuned

SPOKEN = 100
"""Sentences whose tokens are masked one by one."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alignment:
    """The three gaps and what they mean.

    Attributes:
        task: between base model and task.
        shifts: between train and other splits.
        retention: between what the model knew and what it still knows.
        way: task and retention between base and tuned weights; empty without an ability to hold on to.
        moved: relative distance of the weights.
        around: robustness, foreign messages, slices and the rest.
        verdicts: one per gap and split.
        texts: of the splits, for the records that look most foreign.
        labels: class names.
        base: name of the base model.
    """

    task: TaskGap
    shifts: dict[str, Shift]
    retention: Retention
    way: list[Mixture]
    moved: float
    around: Surroundings
    verdicts: list[Verdict]
    texts: dict[str, list[str]]
    labels: list[str]
    base: str

    def scalars(self, decimals: int) -> dict[str, Any]:
        """What belongs into `metrics.json`: scalars only, ends of intervals as sibling keys."""
        worst = self.retention.worst
        return {
            "task": {
                **_flat("probe", self.task.probe, decimals),
                **_flat("pretraining_gain", self.task.pretraining_gain, decimals),
                **_flat("adaptation_gap", self.task.adaptation_gap, decimals),
                "best_layer": self.task.best_layer,
            },
            "shift": {
                split: {
                    "n": one.n,
                    "separation": round(one.normalised.auc, decimals),
                    "separation_low": round(one.normalised.low, decimals),
                    "separation_high": round(one.normalised.high, decimals),
                    **_flat("distance_ratio", one.distance_ratio, decimals),
                    "new_words": round(one.new_words[0], decimals),
                    "label_distance": round(one.label_distance, decimals),
                    "expected_accuracy": round(one.expected_accuracy, decimals),
                }
                for split, one in self.shifts.items()
            },
            "retention": {
                **(_flat("worst", worst.retained, decimals) if worst and worst.retained else {}),
                "informative": sum(one.retained is not None for one in self.retention.readings),
                "cka_last_layer": round(self.retention.cka[-1], decimals),
            },
            **self.around.scalars(decimals),
            "verdicts": {one.gap: one.state for one in self.verdicts},
        }

    def details(self, decimals: int) -> dict[str, Any]:
        """Everything that was measured, as JSON."""
        return {
            "task": self.task.details(decimals),
            "shift": {s: one.details(self.labels, self.texts[s], decimals) for s, one in self.shifts.items()},
            "retention": {
                "readings": [one.details(decimals) for one in self.retention.readings],
                "cka_by_layer": [round(value, decimals) for value in self.retention.cka],
                "cka_sentences": self.retention.texts,
                "probes_by_layer": {
                    name: {"base": [round(x, decimals) for x in before], "tuned": [round(x, decimals) for x in after]}
                    for name, (before, after) in self.retention.by_layer.items()
                },
            },
            "between_base_and_tuned": [
                {
                    "share": one.share,
                    "accuracy": one.accuracy.rounded(decimals),
                    "ability": one.ability.rounded(decimals),
                }
                for one in self.way
            ],
            "relative_weight_distance": round(self.moved, decimals),
            "around": self.around.details(self.labels, decimals),
            "verdicts": [vars(one) for one in self.verdicts],
        }


def measure(
    tuned: Tuned,
    predictions: Mapping[str, pa.Table],
    right: Mapping[str, np.ndarray],
    bootstrap: Bootstrap,
    params: AlignmentParams,
    source: Path,
) -> Alignment:
    """Measure all three gaps of the project in the working directory.

    Args:
        tuned: the tuned model.
        predictions: its predictions by split: `test`, and `shifted` where it exists.
        right: whether `tuned` and `tfidf` were right on test's records.
        bootstrap: how intervals are made.
        params: sizes, seed, thresholds.
        source: text and probe sets for retention.
    """
    began = time.monotonic()
    given = references.read(source)
    after, base = readers.of_tuned(tuned, artifacts.FINETUNED), readers.of_base(tuned)
    random = readers.of_random(base, params.seed)
    labels = tuned.schema.labels
    data = {split: _labelled(split, labels) for split in ("train", "validation", "test")}
    # The probes see the records that the TF-IDF baseline sees: a floor with more of them would not be one.
    probed = np.flatnonzero(sample(data["train"].labels, baselines.LARGEST, bootstrap.seed))
    known = Labelled([data["train"].texts[int(i)] for i in probed], data["train"].labels[probed])
    task = task_gap.measure(base, random, {**data, "train": known}, dict(right), bootstrap, params.seed)
    log.info("task gap measured (%.0f s)", time.monotonic() - began)
    compared = reference(tuned, base, bootstrap, params, predictions.get("validation"))
    texts: dict[str, list[str]] = {}
    shifts: dict[str, Shift] = {}
    for split in ("test", "shifted", "unlabelled"):
        if split not in tuned.schema.rows:
            continue
        if tuned.schema.rows[split] < LEAST:
            log.warning(
                "shift: %s has %d records, fewer than the %d that say anything", split, tuned.schema.rows[split], LEAST
            )
        else:
            texts[split] = artifacts.read_table(artifacts.prepared(split), ["text"])["text"].to_pylist()
            shifts[split] = compared.against(texts[split], answers(tuned, split, predictions.get(split)))
    log.info("distribution shift measured on %s (%.0f s)", ", ".join(shifts), time.monotonic() - began)
    asked = []
    for name, sentences in given.texts.items():
        asked += abilities.of_text(name, _some(sentences, params), params.seed)
    for name, (records, classes) in given.probes.items():
        chosen = sampling.rows(len(records), 2 * params.records, params.seed)
        asked += abilities.of_labelled(name, [records[i] for i in chosen], [classes[i] for i in chosen], params.seed)
    for name, (first, second, scores) in given.pairs.items():
        chosen = sampling.rows(len(first), 2 * params.records, params.seed)
        one, other = [first[i] for i in chosen], [second[i] for i in chosen]
        asked += abilities.of_pairs(name, one, other, np.array(scores)[chosen])
    general = [sentence for sentences in given.texts.values() for sentence in sentences]
    general = general or [text for records, _ in given.probes.values() for text in records]
    general = general or [text for first, _, _ in given.pairs.values() for text in first]
    kept = retention.measure(base, after, random, asked, _some(general, params), bootstrap)
    spoken = _spoken(tuned, base, after, random, general, bootstrap)
    kept = replace(kept, readings=[*kept.readings, *spoken])
    log.info("retention measured by %d abilities (%.0f s)", len(kept.readings), time.monotonic() - began)
    way = _way(tuned, base, after, data["test"], asked, kept, bootstrap, params)
    around = surroundings.measure(Model(tuned, after), data, predictions["test"], given, bootstrap, params)
    log.info("robustness, slices and the rest measured (%.0f s)", time.monotonic() - began)
    return Alignment(
        task=task,
        shifts=shifts,
        retention=kept,
        way=way,
        moved=interpolation.distance(base, after),
        around=around,
        verdicts=verdict.all_of(task, shifts, kept, params.thresholds),
        texts=texts,
        labels=labels,
        base=tuned.facts.encoding.base,
    )


def _way(
    tuned: Tuned,
    base: readers.Reader,
    after: readers.Reader,
    test: Labelled,
    asked: Sequence[Ability],
    kept: Retention,
    bootstrap: Bootstrap,
    params: AlignmentParams,
) -> list[Mixture]:
    """The way from base to tuned weights, with the ability that kept least."""
    ability = next((one for one in asked if kept.worst is not None and one.name == kept.worst.ability), None)
    if ability is None:
        return []
    chosen = sampling.rows(len(test.texts), params.records // 2, params.seed)
    head: Any = tuned.model.head
    asked_of = ([test.texts[i] for i in chosen], test.labels[chosen])
    return interpolation.measure(base, after, head, asked_of, ability, bootstrap)


def _spoken(
    tuned: Tuned,
    base: readers.Reader,
    after: readers.Reader,
    random: readers.Reader,
    sentences: list[str],
    bootstrap: Bootstrap,
) -> list[retention.Reading]:
    """Loss per token with the base model's own output layer, where it was saved with one."""
    folder = base_model.locate(ModelParams.model_validate(tuned.facts.model), verify=False)
    before = language.speaker(folder, base.words, base.pad_id)
    if before is None:
        return []
    some = sentences[:SPOKEN]
    credit = []
    for one in (before, before.with_body(after.encoder), before.with_body(random.encoder)):
        losses, tokens = one.losses(some)
        credit.append(-losses / np.maximum(tokens, 1))
    return [
        retention.reading(
            f"{before.kind} language model: log-likelihood per token", np.stack(credit), bootstrap, access=True
        )
    ]


def reference(
    tuned: Tuned,
    base: readers.Reader,
    bootstrap: Bootstrap,
    params: AlignmentParams,
    validation_predictions: pa.Table | None = None,
) -> Reference:
    """The train split as the base model sees it; see `stages.alignment.distribution_shift.Reference`."""
    train, validation = (_labelled(split, tuned.schema.labels) for split in ("train", "validation"))
    return Reference(
        base,
        train.texts,
        validation.texts,
        answers(tuned, "validation", validation_predictions),
        train.labels,
        most=params.records,
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


def _labelled(split: str, labels: list[str]) -> Labelled:
    table = artifacts.read_table(artifacts.prepared(split), ["text", "label"])
    place = {label: i for i, label in enumerate(labels)}
    return Labelled(table["text"].to_pylist(), np.array([place[one] for one in table["label"].to_pylist()]))


def _some(sentences: list[str], params: AlignmentParams) -> list[str]:
    return [sentences[i] for i in sampling.rows(len(sentences), params.records, params.seed)]


def _flat(name: str, one: Any, decimals: int) -> dict[str, float]:
    low, high = verdict.bounds(one)
    return {
        name: round(one.value, decimals),
        f"{name}_low": round(low, decimals),
        f"{name}_high": round(high, decimals),
    }
