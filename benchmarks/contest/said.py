"""What was predicted, in one form for both sides: per test record a list of spans, a label, labels, a number or a text.

The peer's tags become spans of characters by the rule that ours are read by, and its probabilities become labels by a
threshold: one half, as is usual, and beside it each label's best on validation, chosen as ours are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stages import artifacts
from stages.artifacts import Schema
from stages.corpora.tag_schemes import Census, spans_of
from stages.metrics import multilabel as metrics
from stages.tasks.multilabel import indicators

HALF, CHOSEN = "one half", "chosen on validation"
"""Thresholds of the peer."""
Row = dict[str, Any]
Answers = dict[str, Any]
"""`ids` and `predicted` of the test records; tagging has also `malformed`, whether a record's tags broke BIO."""


def ours(project: Path, schema: Schema) -> Answers:
    """What evaluate kept of the test records."""
    table = artifacts.read_table(project / artifacts.predictions("test"))
    found: Answers = {"ids": table["id"].to_pylist(), "predicted": table["predicted"].to_pylist()}
    if schema.task == "tagging":
        found["predicted"] = [[_span(one) for one in row] for row in found["predicted"]]
        found["malformed"] = [steps > 0 for steps in table["malformed"].to_pylist()]
    return found


def peers(out: Path, gold: Path, schema: Schema) -> Answers:
    """What the peer wrote.

    Args:
        out: the peer's folder.
        gold: a project with the prepared records.
        schema: of the corpus.
    """
    rows = read(out / "test.jsonl")
    found: Answers = {"ids": [row["id"] for row in rows]}
    if schema.task == "tagging":
        records = artifacts.read_table(gold / artifacts.prepared("test")).to_pylist()
        pairs = list(zip(rows, records, strict=True))
        found["predicted"] = [spans(row["tags"], record["words"]) for row, record in pairs]
        found["malformed"] = [malformed(row["tags"]) for row in rows]
    elif schema.task == "multilabel":
        found |= _thresholded(rows, read(out / "validation.jsonl"), gold, schema)
    else:
        name = {"relation": "label", "pair_regression": "score", "question_answering": "text"}[schema.task]
        found["predicted"] = [row[name] for row in rows]
    return found


def spans(tags: Sequence[str], words: Sequence[Row]) -> list[list[Any]]:
    """Spans of characters that tags of words mean: `[start, end, label]` each."""
    return [[words[start]["start"], words[end - 1]["end"], kind] for start, end, kind in spans_of(tags)]


def malformed(tags: Sequence[str]) -> bool:
    """Whether tags break BIO somewhere."""
    census = Census()
    census.add(tags, 0)
    return census.faults["BIO"] > 0


def thresholds(validation: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Each label's best threshold `(labels,)` from probabilities and gold `(records, labels)`."""
    return np.array([metrics.best_threshold(gold[:, i], validation[:, i]) for i in range(gold.shape[1])])


def read(file: Path) -> list[Row]:
    """Rows of a file of JSON lines."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _thresholded(rows: Sequence[Row], validation: Sequence[Row], gold: Path, schema: Schema) -> Answers:
    """Labels of the test records by either threshold: `predicted` by one half, `chosen` by those of validation."""
    asked, held = (_probabilities(part, schema.labels) for part in (rows, validation))
    known = artifacts.read_table(gold / artifacts.prepared("validation"))
    if known["id"].to_pylist() != [row["id"] for row in validation]:
        raise SystemExit(f"{gold}: the peer answered other validation records than were prepared. Remove the folder.")
    best = thresholds(held, indicators(known["labels"], schema.labels))
    return {"predicted": _named(asked > 0.5, schema.labels), "chosen": _named(asked > best, schema.labels)}


def _probabilities(rows: Sequence[Row], labels: Sequence[str]) -> np.ndarray:
    """`(records, labels)`; a label that the peer never met has none."""
    return np.array([[row["probabilities"].get(label, 0.0) for label in labels] for row in rows])


def _named(chosen: np.ndarray, labels: Sequence[str]) -> list[list[str]]:
    return [[labels[i] for i in np.flatnonzero(row).tolist()] for row in chosen]


def _span(one: Row) -> list[Any]:
    return [one["start"], one["end"], one["label"]]


def records(gold: Path) -> pa.Table:
    """The prepared test records, targets included."""
    return artifacts.read_table(gold / artifacts.prepared("test"))
