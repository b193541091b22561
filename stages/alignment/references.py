"""Texts that are not the task's, on which retention is read, and tests that users bring along.

`evaluation.references` names a file or a folder. A `.txt` file holds one sentence per line. What a `.jsonl` or `.csv` file
holds is told by the fields of its first record:

| fields | what it is |
| --- | --- |
| `text`, `label` (or `intent`) | a labelled probe set |
| `text_a`, `text_b`, `score` | pairs whose likeness people scored |
| `text_a`, `text_b`, `label` | pairs in some relation |
| `tokens`, `tags` (lists) | sentences whose words have tags |
| `test`, `type`, `examples`, `label` | behavioural tests, see `stages.analysis.behaviour` |
| `text`, `changed`, and perhaps `label` | a message and how somebody else would write it, see `stages.analysis.robustness` |

The first text of a pair may be called `text`, as this project's own pairs call it.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from stages.errors import DataError, Problem, report

LABELS = ("label", "intent", "label_text", "category")
Row = tuple[int, dict[str, Any]]
SUFFIXES = (".txt", ".jsonl", ".csv")
FEWEST = 4
"""Sentences on which layers can be compared."""


@dataclass
class References:
    """What `evaluation.references` holds.

    Attributes:
        texts: sentences by file name.
        probes: texts and labels by file name.
        pairs: first texts, second texts and scores by file name.
        relations: first texts, second texts and labels by file name.
        tagged: sentences of words, and the tag of each word, by file name.
        behaviour: records of behavioural tests, see `stages.analysis.behaviour`.
        changes: texts, changed texts and labels (None where none is given) by file name.
    """

    texts: dict[str, list[str]] = field(default_factory=dict)
    probes: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    pairs: dict[str, tuple[list[str], list[str], list[float]]] = field(default_factory=dict)
    relations: dict[str, tuple[list[str], list[str], list[str]]] = field(default_factory=dict)
    tagged: dict[str, tuple[list[list[str]], list[list[str]]]] = field(default_factory=dict)
    behaviour: list[dict[str, Any]] = field(default_factory=list)
    changes: dict[str, tuple[list[str], list[str], list[str | None]]] = field(default_factory=dict)

    @property
    def sentences(self) -> list[str]:
        """General sentences: running text where there is enough, else what the other references hold."""
        for found in (
            [one for texts in self.texts.values() for one in texts],
            [one for texts, _ in self.probes.values() for one in texts],
            [one for first, _, _ in self.pairs.values() for one in first],
            [one for first, _, _ in self.relations.values() for one in first],
        ):
            if len(found) >= FEWEST:
                return found
        return [" ".join(words) for rows, _ in self.tagged.values() for words in rows]


def read(path: Path) -> References:
    """Read all reference files.

    Raises:
        DataError: nothing is there, a file is no UTF-8, or a record lacks text or label.
    """
    files = [path] if path.is_file() else sorted(p for p in path.glob("*") if p.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(
            f"evaluation.references: {path} holds no {', '.join(SUFFIXES)} file. Name a text of one sentence per line."
        )
    found = References()
    stems = Counter(file.stem for file in files)
    for file in files:
        name = file.stem if stems[file.stem] == 1 else file.name
        try:
            if file.suffix.lower() == ".txt":
                found.texts[name] = lines(file)
            else:
                _sort_in(found, name, file, list(records(file)))
        except UnicodeDecodeError as error:
            raise DataError(f"{file}: is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    if len(found.sentences) < FEWEST:
        raise DataError(
            f"evaluation.references: {path} holds no {FEWEST} sentences, labelled texts or pairs, which layers are compared "
            "on. Add some; tests of behaviour and changes are not enough."
        )
    return found


def lines(file: Path) -> list[str]:
    """What a text file says line by line; empty ones are left out.

    Raises:
        DataError: there are none.
    """
    with file.open(encoding="utf-8-sig") as stream:
        found = [line.strip() for line in stream if line.strip()]
    if not found:
        raise DataError(f"{file}: holds no text. Write one sentence per line, or move the file away.")
    return found


def _sort_in(found: References, name: str, file: Path, rows: list[Row]) -> None:
    """Put a file's records where its first one says that they belong, by a name."""
    fields = set(rows[0][1]) if rows else set()
    if "text_b" in fields and "text_a" not in fields:
        rows = [(number, {"text_a": record.get("text"), **record}) for number, record in rows]
        fields.add("text_a")
    if {"text_a", "text_b", "score"} <= fields:
        found.pairs[name] = _pairs(file, rows)
    elif {"text_a", "text_b"} <= fields:
        found.relations[name] = _relations(file, rows)
    elif {"tokens", "tags"} <= fields:
        found.tagged[name] = _tagged(file, rows)
    elif {"test", "examples"} <= fields:
        found.behaviour += _behaviour(file, rows)
    elif {"text", "changed"} <= fields:
        found.changes[name] = _changes(file, rows)
    else:
        found.probes[name] = _labelled(file, rows)


def _behaviour(file: Path, rows: list[Row]) -> list[dict[str, Any]]:
    problems = [
        Problem("expected the name of a test and a list of examples", file, number, "test, examples")
        for number, record in rows
        if not (isinstance(record.get("test"), str) and isinstance(record.get("examples"), list))
    ]
    _refuse(file, "a set of behavioural tests", problems)
    return [record for _, record in rows]


def _label(record: dict[str, Any]) -> str | None:
    found = next((record[name] for name in LABELS if record.get(name) not in (None, "")), None)
    return None if found is None else str(found)


def _refuse(file: Path, what: str, problems: list[Problem]) -> None:
    if problems:
        raise DataError(report(f"{file}: not {what}", problems, "Mend these records, or move the file away."))


def _relations(file: Path, rows: list[Row]) -> tuple[list[str], list[str], list[str]]:
    made = [(record.get("text_a"), record.get("text_b"), _label(record)) for _, record in rows]
    problems = [
        Problem("expected two texts and a label", file, number, "text_a, text_b, label")
        for (number, _), one in zip(rows, made, strict=True)
        if not all(isinstance(part, str) and part.strip() for part in one)
    ]
    _refuse(file, "a set of pairs in relations", problems)
    return [str(a) for a, _, _ in made], [str(b) for _, b, _ in made], [str(label) for _, _, label in made]


def _tagged(file: Path, rows: list[Row]) -> tuple[list[list[str]], list[list[str]]]:
    def lists(record: dict[str, Any]) -> bool:
        words, tags = record.get("tokens"), record.get("tags")
        return isinstance(words, list) and isinstance(tags, list) and len(words) == len(tags) > 0

    problems = [
        Problem("expected as many tags as tokens, and some", file, number, "tokens, tags")
        for number, record in rows
        if not lists(record)
    ]
    _refuse(file, "a set of tagged sentences", problems)
    return [[str(w) for w in r["tokens"]] for _, r in rows], [[str(t) for t in r["tags"]] for _, r in rows]


def _changes(file: Path, rows: list[Row]) -> tuple[list[str], list[str], list[str | None]]:
    problems = [
        Problem("expected two texts", file, number, "text, changed")
        for number, record in rows
        if not all(isinstance(record.get(name), str) and record[name].strip() for name in ("text", "changed"))
    ]
    _refuse(file, "a set of messages and how others would write them", problems)
    return [r["text"] for _, r in rows], [r["changed"] for _, r in rows], [_label(r) for _, r in rows]


def _labelled(file: Path, rows: list[Row]) -> tuple[list[str], list[str]]:
    texts, labels, problems = [], [], []
    for number, record in rows:
        label, text = _label(record), record.get("text")
        if not isinstance(text, str) or not text.strip():
            problems.append(Problem("expected a text, found none", file, number, "text"))
        elif label is None:
            problems.append(Problem(f"expected one of {', '.join(LABELS)}, found none", file, number, "label"))
        else:
            texts.append(text)
            labels.append(label)
    _refuse(file, "a labelled probe set", problems)
    return texts, labels


def _pairs(file: Path, rows: list[Row]) -> tuple[list[str], list[str], list[float]]:
    first, second, scores, problems = [], [], [], []
    for number, record in rows:
        one, other = record.get("text_a"), record.get("text_b")
        try:
            score = float(record["score"])
        except (KeyError, TypeError, ValueError):
            score = math.nan
        if not isinstance(one, str) or not isinstance(other, str) or not one.strip() or not other.strip():
            problems.append(Problem("expected two texts", file, number, "text_a, text_b"))
        elif not math.isfinite(score):
            problems.append(Problem(f"expected a number, found {record.get('score')!r}", file, number, "score"))
        else:
            first.append(one)
            second.append(other)
            scores.append(score)
    _refuse(file, "a set of scored pairs", problems)
    return first, second, scores


def records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and records of a `.jsonl` or `.csv` file.

    Raises:
        DataError: a line is no JSON object, or the quoting of a table is broken.
    """
    with file.open(encoding="utf-8-sig", newline="") as stream:
        if file.suffix.lower() == ".csv":
            yield from _table(file, stream)
            return
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{file}:{number}: not JSON ({error.msg}). Write one object per line.") from None
            if not isinstance(record, dict):
                raise DataError(f"{file}:{number}: expected an object, found {type(record).__name__}.")
            yield number, record


def _table(file: Path, stream: TextIO) -> Iterator[Row]:
    """Records of a table with commas, and the line that each begins on."""
    csv.field_size_limit(sys.maxsize)
    reader, begins = csv.DictReader(stream, strict=True), 1
    try:
        while True:
            begins = reader.line_num + 1 if reader.fieldnames else 1
            record = next(reader, None)
            if record is None:
                return
            if None in record:
                raise DataError(f"{file}:{begins}: more fields than the header names. Quote fields that hold commas.")
            yield begins, record
    except csv.Error as error:
        raise DataError(
            f"{file}:{begins}: the quoting is broken ({error}). Double the quotes inside quoted fields, and close each."
        ) from None
