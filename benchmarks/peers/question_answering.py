"""Answers in a context: `AutoModelForQuestionAnswering` over windows, and the best pair of the 20 best starts and ends.

A record: ``{"id": "test-1", "question": "Who?", "context": "Ana won.", "answers": [{"text": "Ana", "start": 0}]}``; what is
answered is its `text` alone. Every question has an answer, as in SQuAD 1.1. The first reference is taught; a window that does
not hold it whole points at its first token.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoModelForQuestionAnswering, AutoTokenizer, DataCollatorWithPadding

from benchmarks.peers import stock

BEST = 20
LONGEST = 30
"""Tokens of an answer."""
Place = tuple[int, int]
"""First character of a token, and the one after the last."""


def run(data: Path, out: Path, options: stock.Options) -> dict[str, float]:
    """Tune, answer the test questions, and say how long it took."""
    train, test = stock.read(data, "train"), stock.read(data, "test")
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForQuestionAnswering.from_pretrained(options.model)

    def encode(batch: dict[str, list[Any]]) -> Any:
        made = tokenizer(
            [question.strip() for question in batch["question"]],
            batch["context"],
            truncation="only_second",
            max_length=options.max_length,
            stride=options.stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        made["record"] = [batch["number"][i] for i in made.pop("overflow_to_sample_mapping")]
        offsets = made.pop("offset_mapping")
        made["places"] = [context_places(row, made.sequence_ids(i)) for i, row in enumerate(offsets)]
        if "answers" in batch:
            spans = dict(zip(batch["number"], map(span_of, batch["answers"]), strict=True))
            found = [positions(row, *spans[i]) for i, row in zip(made["record"], made["places"], strict=True)]
            made["start_positions"], made["end_positions"] = ([one[side] for one in found] for side in (0, 1))
        return made

    asked = stock.encoded(numbered(test), encode)
    tuned = stock.tune(
        model,
        tokenizer,
        DataCollatorWithPadding(tokenizer),
        stock.encoded(numbered(train), encode),
        {"test": asked},
        out,
        options,
    )
    starts, ends = tuned.outputs["test"]
    best = answers(asked["record"], asked["places"], starts, ends)
    rows = ((row, best.get(i)) for i, row in enumerate(test))
    stock.write(
        out, "test", ({"id": row["id"], "text": row["context"][slice(*place)] if place else ""} for row, place in rows)
    )
    return tuned.seconds


def numbered(rows: Iterable[stock.Row]) -> Iterable[stock.Row]:
    """Records with their numbers, which their windows keep."""
    return ({**row, "number": i} for i, row in enumerate(rows))


def span_of(references: Sequence[dict[str, Any]]) -> Place:
    """Characters of the first reference."""
    first = references[0]
    return first["start"], first["start"] + len(first["text"])


def context_places(offsets: Sequence[Place], sequences: Sequence[int | None]) -> list[list[int]]:
    """Characters of each token of the context, none for other tokens: `[start, end]` or `[]`."""
    return [list(place) if which == 1 else [] for place, which in zip(offsets, sequences, strict=True)]


def positions(places: Sequence[Sequence[int]], start: int, end: int) -> Place:
    """First and last token of an answer in a window; (0, 0) where the window does not hold it whole."""
    inside = [i for i, place in enumerate(places) if place]
    if not inside or places[inside[0]][0] > start or places[inside[-1]][1] < end:
        return 0, 0
    first = max(i for i in inside if places[i][0] <= start)
    last = min(i for i in inside if places[i][1] >= end)
    return first, last


def answers(
    records: Sequence[int], places: Sequence[Sequence[Sequence[int]]], starts: np.ndarray, ends: np.ndarray
) -> dict[int, Place]:
    """The best answer of each record over its windows.

    Args:
        records: number of each window's record.
        places: see `context_places`, per window.
        starts: scores of first tokens `(windows, length)`.
        ends: scores of last tokens, likewise.

    Returns:
        Record to characters of its context; records whose best tokens form no span are missing.
    """
    found: dict[int, tuple[float, Place]] = {}
    for record, row, start, end in zip(records, places, starts, ends, strict=True):
        for score, place in candidates(row, start, end):
            if record not in found or score > found[record][0]:
                found[record] = (score, place)
    return {record: place for record, (_, place) in found.items()}


def candidates(places: Sequence[Sequence[int]], start: np.ndarray, end: np.ndarray) -> Iterable[tuple[float, Place]]:
    """Spans of a window that begin and end at one of its best tokens and can be answers, with their scores."""
    # Behind a window's own tokens stands what made all windows equally long.
    firsts, lasts = (np.argsort(-scores[: len(places)], kind="stable")[:BEST].tolist() for scores in (start, end))
    for first in firsts:
        for last in lasts:
            if places[first] and places[last] and first <= last < first + LONGEST:
                yield float(start[first] + end[last]), (places[first][0], places[last][1])
