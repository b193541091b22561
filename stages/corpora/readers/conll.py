"""CoNLL: one word per line, its tag in the last column, an empty line after each sentence.

The format of the CoNLL shared tasks of 2000 (chunks: word, part of speech, chunk) and 2003 (entities: word, part of speech,
chunk, entity; Tjong Kim Sang & De Meulder 2003) and of most corpora since, with two columns. One raw record::

    New	B-location
    York	I-location
    won	O

Columns are parted by tabs, or by blanks in a file without tabs. Which scheme the tags follow is not this module's business
(see `stages.corpora.tag_schemes`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.corpora import decoding
from stages.corpora.blocks import Block, collect
from stages.errors import SHOWN, DataError, Problem, report
from stages.params.data import Csv

NAMES = {2: ("tokens", "tags"), 3: ("tokens", "pos", "tags"), 4: ("tokens", "pos", "chunks", "tags")}
"""Number of columns to their names. `data.columns.tags` may name another one than the last, such as `chunks`."""
DOCUMENT = "-DOCSTART-"
"""Word of the line that begins a document; its sentences get
the same value, the file's name and a number, in the column `document`."""
_TAG = re.compile(r"O|[A-Z][-_].+")


def read(file: Path, settings: Csv) -> Iterator[Block]:  # noqa: ARG001 - all readers are called alike
    """Read sentences; a row's place is the line that it begins on.

    Raises:
        DataError: not UTF-8, or lines of the wrong width.
    """
    decoding.check(file, "utf-8", "Convert the file to UTF-8 with `iconv -f ENCODING -t utf-8`.")
    yield from collect(_sentences(file))


def _sentences(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    separator = _separator(file)
    problems: list[Problem] = []
    total, width, document, documents, begins = 0, 0, 0, False, 0
    lines: list[list[str]] = []
    # Only \n ends a line: words may be any other character that Unicode calls a line break.
    with file.open(encoding="utf-8-sig", newline="\n") as stream:
        for number, line in enumerate(stream, 1):
            content = line.rstrip("\r\n")
            fields = content.split(separator) if content.strip(" \t") else []
            fields = fields if separator == "\t" else [field for field in fields if field]
            if not fields or fields[0] == DOCUMENT:
                document += bool(fields)
                documents = documents or bool(fields)
                if lines:
                    yield begins, _record(lines, width, f"{file.stem} {document - bool(fields)}", documents=documents)
                lines = []
                continue
            if not lines and content.startswith("#") and not _tagged(fields, width):
                continue  # a comment, such as `# id 17 domain=train`; the word `#` has a tag behind it
            width = width or len(fields)
            wrong = _fault(fields, width)
            if wrong is not None:
                total += 1
                if len(problems) < SHOWN:
                    problems.append(Problem(wrong, file, number))
                continue
            begins = begins if lines else number
            lines.append(fields)
    if lines:
        yield begins, _record(lines, width, f"{file.stem} {document}", documents=documents)
    if problems:
        remedy = "Expected a word, up to two more columns and a tag, parted by tabs (or everywhere by blanks)."
        raise DataError(report(f"{file}: lines that are no words with tags", problems, remedy, total=total))


def _separator(file: Path) -> str:
    """A tab if the file has any, else a blank."""
    with file.open(encoding="utf-8-sig", newline="\n") as stream:
        return "\t" if any("\t" in line for line in stream) else " "


def _record(lines: list[list[str]], width: int, document: str, *, documents: bool) -> dict[str, Any]:
    columns: dict[str, Any] = {name: [fields[i] for fields in lines] for i, name in enumerate(NAMES[width])}
    return {**columns, "document": document} if documents else columns


def _tagged(fields: list[str], width: int) -> bool:
    """Whether the last column of a line that begins with `#` is a tag; in small letters only where the line fits the others."""
    tag = fields[-1].upper() if fields[0] != "#" and len(fields) == width else fields[-1]
    return _TAG.fullmatch(tag) is not None


def _fault(fields: list[str], width: int) -> str | None:
    """What is wrong with a line, if anything."""
    if len(fields) not in NAMES:
        return f"expected 2 to 4 columns, found {len(fields)}"
    if len(fields) != width:
        return f"expected {width} columns as in the first line, found {len(fields)}"
    if not fields[0]:
        return "expected a word in the first column, found nothing"
    if not fields[-1].strip():
        return "expected a tag in the last column, found nothing"
    return None
