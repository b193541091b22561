"""Tags of words: `AutoModelForTokenClassification`, each word taught and read at its first sub-word, the others ignored.

A record: ``{"id": "test-1", "words": ["Ana", "saw", "New", "York"], "tags": ["B-PER", "O", "B-LOC", "I-LOC"]}``; the answer
has its `tags` alone. A word without a sub-word, or behind the longest row, is outside of everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoModelForTokenClassification, AutoTokenizer, DataCollatorForTokenClassification

from benchmarks.peers import stock

IGNORED = -100
OUTSIDE = "O"
MISSING = -1


def run(data: Path, out: Path, options: stock.Options) -> dict[str, float]:
    """Tune, tag the test records, and say how long it took."""
    train, test = stock.read(data, "train"), stock.read(data, "test")
    tags = sorted({tag for row in train for tag in row["tags"]})
    ids = {tag: i for i, tag in enumerate(tags)}
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForTokenClassification.from_pretrained(
        options.model, num_labels=len(tags), id2label=dict(enumerate(tags)), label2id=ids
    )

    def encode(batch: dict[str, list[Any]]) -> Any:
        made = tokenizer(batch["words"], is_split_into_words=True, truncation=True, max_length=options.max_length)
        if "tags" in batch:
            rows = enumerate(batch["tags"])
            made["labels"] = [taught(made.word_ids(i), [ids[tag] for tag in row]) for i, row in rows]
        made["first"] = [first_pieces(made.word_ids(i), len(row)) for i, row in enumerate(batch["words"])]
        return made

    asked = stock.encoded(test, encode)
    tuned = stock.tune(
        model,
        tokenizer,
        DataCollatorForTokenClassification(tokenizer),
        stock.encoded(train, encode),
        {"test": asked},
        out,
        options,
    )
    said = zip(test, tuned.outputs["test"], asked["first"], strict=True)
    stock.write(out, "test", ({"id": row["id"], "tags": named(scores, first, tags)} for row, scores, first in said))
    return tuned.seconds


def taught(word_ids: Sequence[int | None], labels: Sequence[int]) -> list[int]:
    """The label of each piece: its word's at the first piece of a word, else none.

    Args:
        word_ids: which word each piece belongs to, None for special tokens.
        labels: of the words.
    """
    before = [None, *word_ids[:-1]]
    return [
        IGNORED if word is None or word == previous else labels[word]
        for word, previous in zip(word_ids, before, strict=True)
    ]


def first_pieces(word_ids: Sequence[int | None], words: int) -> list[int]:
    """Where each word has its first piece; `MISSING` where it has none."""
    places = [MISSING] * words
    for i, word in enumerate(word_ids):
        if word is not None and places[word] == MISSING:
            places[word] = i
    return places


def named(scores: np.ndarray, first: Sequence[int], tags: Sequence[str]) -> list[str]:
    """The best tag of each word from scores `(length, tags)`."""
    best = scores.argmax(axis=1)
    return [OUTSIDE if place == MISSING else tags[best[place]] for place in first]
