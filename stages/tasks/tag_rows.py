"""Sentences as rows for a tagger, and rows back to sentences: columns of Arrow in, columns of Arrow out.

A row is a window. Beside its ids it says which words it decides (`words`, by their number in the sentence), where each of them
has its first piece (`positions`), and, where the records have spans, what each of its positions is taught (`tags`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from stages.corpora.tag_schemes import Span, Tagset
from stages.encoding import word_labels
from stages.encoding.ragged import Ragged
from stages.encoding.word_labels import IGNORED, Framing, Sentence, Window
from stages.tasks.protocol import Tokenized

LISTS = pa.list_(pa.int32())
SPANS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string()), ("text", pa.string())]))
"""Spans of a prediction, with their words for whoever reads them."""
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("input_ids", LISTS),
        ("length", pa.int32()),
        ("full_length", pa.int32()),
        ("words", LISTS),
        ("positions", LISTS),
    ]
)


def sentences(records: pa.Table, tokenizer: Tokenizer) -> list[Sentence]:
    """The pieces of each record's words."""
    return word_labels.pieces(tokenizer, records["text"].to_pylist(), places_of(records))


def places_of(records: pa.Table) -> list[list[tuple[int, int]]]:
    """Each record's words, in characters."""
    return [[(one["start"], one["end"]) for one in row] for row in records["words"].to_pylist()]


def spans_of(column: pa.ChunkedArray) -> list[list[Span]]:
    """Each record's spans, in characters."""
    return [[(one["start"], one["end"], one["label"]) for one in row] for row in column.to_pylist()]


def encode(records: pa.Table, tokenizer: Tokenizer, frame: Framing, tagset: Tagset) -> Tokenized:
    """Rows of records; see `Task.encode`."""
    made = sentences(records, tokenizer)
    places = places_of(records)
    known = "spans" in records.column_names
    spans = spans_of(records["spans"]) if known else [[] for _ in made]
    lost: Counter[str] = Counter()
    columns: dict[str, list[Any]] = {name: [] for name in [*SCHEMA.names, *(["tags"] if known else [])]}
    for number, sentence, words, marked in zip(records["id"].to_pylist(), made, places, spans, strict=True):
        spread = word_labels.windows(sentence, frame)
        lost["records_in_windows"] += len(spread) > 1
        lost["words_cut"] += sum(len(part) > frame.room for part in sentence.pieces)
        lost["words_without_tokens"] += sum(not part for part in sentence.pieces)
        for window in spread:
            _add(columns, number, window, frame)
        if known:
            inside, cut = word_labels.to_words(marked, words)
            taught, parted = word_labels.labels(spread, inside, tagset)
            columns["tags"] += taught
            lost["spans"] += len(marked)
            lost["spans_lost_within_words"] += cut
            lost["spans_lost_without_tokens"] += sum(
                not (sentence.pieces[start] and sentence.pieces[end - 1]) for start, end, _ in inside
            )
            lost["spans_taught_in_parts"] += parted
    schema = SCHEMA.append(pa.field("tags", LISTS)) if known else SCHEMA
    return Tokenized(pa.table(columns, schema=schema), dict(lost), sum(one.length for one in made))


def _add(columns: dict[str, list[Any]], number: str, window: Window, frame: Framing) -> None:
    columns["id"].append(number)
    columns["input_ids"].append(window.ids)
    columns["length"].append(len(window.ids))
    columns["full_length"].append(window.whole + frame.max_length - frame.room)
    columns["words"].append(window.words)
    columns["positions"].append(window.positions)


def gather(outputs: Ragged, rows: pa.Table, records: pa.Table) -> Iterator[tuple[list[int], np.ndarray]]:
    """Each record's decided words, by their number, and their outputs `(words, tags)`, whatever windows they were in."""
    positions, words = (Ragged.of_lists(rows[name]) for name in ("positions", "words"))
    row, ids = 0, rows["id"].to_pylist()
    for number in records["id"].to_pylist():
        first = row
        while row < len(ids) and ids[row] == number:
            row += 1
        own = range(first, row)
        found = [outputs[i][positions[i]] for i in own]
        emissions = np.concatenate(found) if found else np.empty((0, outputs.values.shape[1]), dtype=np.float32)
        yield [int(word) for i in own for word in words[i]], emissions


def taught(outputs: Ragged, tags: Ragged) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Outputs at the positions that are taught, by row, and their tags: flat, with offsets."""
    counts = tags.values != IGNORED
    emissions = outputs.values[counts]
    ends = np.concatenate([[0], np.cumsum(counts)])
    offsets = ends[tags.offsets]
    return np.split(emissions, offsets[1:-1]), tags.values[counts].astype(np.int64), offsets


def with_words(spans: Sequence[Span], text: str) -> list[dict[str, Any]]:
    """Spans as they stand in predictions."""
    return [{"start": start, "end": end, "label": name, "text": text[start:end]} for start, end, name in spans]
