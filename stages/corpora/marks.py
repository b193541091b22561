"""Columns of a record that hold places in one of its texts, and the record once that text was edited.

Spans of tagging, head and tail of a relation, and answers in a context keep their characters; words are those of the new text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stages.corpora import editing, words
from stages.corpora.editing import Edit, Passage
from stages.corpora.words import Piece

Record = dict[str, Any]
ENDS = ("head", "tail")


def passage(record: Record, role: str) -> Passage:
    """One text of a record, its words, and the places in it that have to stay."""
    text: str = record[role]
    own = _words(record) if role == "text" and record.get("words") is not None else words.cut(text)
    return Passage(text, own, _marked(record, role))


def edited(record: Record, role: str, edits: Sequence[Edit]) -> Record:
    """A record with another text, and with all places in it where they are now."""
    text: str = record[role]
    after = editing.apply(text, edits)
    made = {**record, role: after.text}
    if role == "text_b":
        if record.get("answers") is not None:
            made["answers"] = [{**one, "start": after.place(one["start"])} for one in record["answers"]]
        return made
    for name in ENDS:
        if record.get(name) is not None:
            made[name] = _placed(record[name], after)
    if record.get("spans") is not None:
        made["spans"] = [_placed(one, after) for one in record["spans"]]
    if record.get("words") is not None:
        own = _words(record)
        # Words that a release would cut itself stay what it would cut.
        found = words.cut(after.text) if own == words.cut(text) else after.words(own)
        made["words"] = [{"start": start, "end": end} for start, end in found]
    return made


def _marked(record: Record, role: str) -> list[Piece]:
    if role == "text_b":
        return [(one["start"], one["start"] + len(one["text"])) for one in record.get("answers") or []]
    spans = [*(record.get("spans") or []), *(record[name] for name in ENDS if record.get(name) is not None)]
    return [(one["start"], one["end"]) for one in spans]


def _words(record: Record) -> list[Piece]:
    return [(one["start"], one["end"]) for one in record["words"]]


def _placed(span: Record, after: editing.Edited) -> Record:
    start, end = after.span((span["start"], span["end"]))
    return {**span, "start": start, "end": end}
