"""Texts that are not the task's, on which retention is read: running text, labelled probe sets, scored pairs.

`evaluation.references` names a file or a folder. A `.txt` file holds one sentence per line. A `.jsonl` or `.csv` file
holds records with `text` and `label` (or `intent`), pairs with `text_a`, `text_b` and `score`, or behavioural tests
with `test`, `type`, `examples` and `label`.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.errors import DataError, Problem, report

LABELS = ("label", "intent", "label_text", "category")
Row = tuple[int, dict[str, Any]]
SUFFIXES = (".txt", ".jsonl", ".csv")


@dataclass
class References:
    """What `evaluation.references` holds.

    Attributes:
        texts: sentences by file name.
        probes: texts and labels by file name.
        pairs: first texts, second texts and scores by file name.
        behaviour: records of behavioural tests, see `stages.analysis.behaviour`.
    """

    texts: dict[str, list[str]] = field(default_factory=dict)
    probes: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    pairs: dict[str, tuple[list[str], list[str], list[float]]] = field(default_factory=dict)
    behaviour: list[dict[str, Any]] = field(default_factory=list)


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
    for file in files:
        try:
            if file.suffix.lower() == ".txt":
                found.texts[file.stem] = [
                    line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()
                ]
            else:
                rows = list(records(file))
                if rows and {"text_a", "text_b", "score"} <= set(rows[0][1]):
                    found.pairs[file.stem] = _pairs(file, rows)
                elif rows and {"test", "examples"} <= set(rows[0][1]):
                    found.behaviour += [record for _, record in rows if isinstance(record.get("examples"), list)]
                else:
                    found.probes[file.stem] = _labelled(file, rows)
        except UnicodeDecodeError as error:
            raise DataError(f"{file}: is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    return found


def _labelled(file: Path, rows: list[Row]) -> tuple[list[str], list[str]]:
    texts, labels, problems = [], [], []
    for number, record in rows:
        label = next((record[name] for name in LABELS if record.get(name) not in (None, "")), None)
        text = record.get("text")
        if not isinstance(text, str) or not text.strip():
            problems.append(Problem("expected a text, found none", file, number, "text"))
        elif label is None:
            problems.append(Problem(f"expected one of {', '.join(LABELS)}, found none", file, number, "label"))
        else:
            texts.append(text)
            labels.append(str(label))
    if problems:
        raise DataError(
            report(f"{file}: not a labelled probe set", problems, "Mend these records, or move the file away.")
        )
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
    if problems:
        raise DataError(
            report(f"{file}: not a set of scored pairs", problems, "Mend these records, or move the file away.")
        )
    return first, second, scores


def records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and records of a `.jsonl` or `.csv` file.

    Raises:
        DataError: a line is no JSON object.
    """
    with file.open(encoding="utf-8", newline="") as stream:
        if file.suffix.lower() == ".csv":
            yield from enumerate(csv.DictReader(stream), 2)
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
