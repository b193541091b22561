"""Prepared records as the peer's JSON lines: the very records that ours learns from and is asked, by kind of task.

The peer sees cleaned records without having to clean them, and the same words of a text. It never sees test's targets.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages import artifacts
from stages.corpora.tag_schemes import Tagset
from stages.encoding import word_labels

Row = dict[str, Any]
SPLITS = ("train", "validation", "test")


def tagging(record: Row, labels: tuple[str, ...]) -> tuple[Row, Row]:
    """Words, and BIO tags. A span that begins or ends within a word cannot be tagged and is left out, as ours leaves it out."""
    places = [(one["start"], one["end"]) for one in record["words"]]
    spans, _ = word_labels.to_words([(one["start"], one["end"], one["label"]) for one in record["spans"]], places)
    tagset = Tagset("BIO", labels)
    tags = [tagset.tags[i] for i in tagset.encode(spans, len(places))]
    return {"words": [record["text"][start:end] for start, end in places]}, {"tags": tags}


def relation(record: Row, labels: tuple[str, ...]) -> tuple[Row, Row]:
    """A text with two spans, and their relation."""
    ends = {name: [record[name]["start"], record[name]["end"]] for name in ("head", "tail")}
    return {"text": record["text"], **ends}, {"label": record["label"]}


def multilabel(record: Row, labels: tuple[str, ...]) -> tuple[Row, Row]:
    """A text, and its labels."""
    return {"text": record["text"]}, {"labels": record["labels"]}


def pair_regression(record: Row, labels: tuple[str, ...]) -> tuple[Row, Row]:
    """Two texts, and their score."""
    return {"text": record["text"], "text_b": record["text_b"]}, {"score": record["score"]}


def question_answering(record: Row, labels: tuple[str, ...]) -> tuple[Row, Row]:
    """A question and its context, and the answers in it."""
    return {"question": record["text"], "context": record["text_b"]}, {"answers": record["answers"]}


KINDS: dict[str, Callable[[Row, tuple[str, ...]], tuple[Row, Row]]] = {
    "multilabel": multilabel,
    "pair_regression": pair_regression,
    "question_answering": question_answering,
    "relation": relation,
    "tagging": tagging,
}
"""From a prepared record to what may be read of it, and what is to be told."""


def write(project: Path, out: Path) -> None:
    """Write the three splits of a prepared project for the peer."""
    schema = artifacts.Schema.read(project / artifacts.SCHEMA)
    split_up, labels = KINDS[schema.task], tuple(schema.labels)
    out.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        records = artifacts.read_table(project / artifacts.prepared(split)).to_pylist()
        with (out / f"{split}.jsonl").open("w", encoding="utf-8") as file:
            for record in records:
                given, told = split_up(record, labels)
                row = {"id": record["id"], **given, **(told if split != "test" else {})}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
