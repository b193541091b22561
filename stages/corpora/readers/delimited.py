"""CSV and TSV with a header line (RFC 4180; for tabs, IANA's text/tab-separated-values).

One raw record, after the header `text,category`::

    "I paid, but nothing came",card_arrival

Quoted fields may hold delimiters, line breaks and doubled quotes. A row with more or fewer fields than the header is a
fault of the file and reported with its line: guessing which field is missing would put texts under wrong labels.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from stages.corpora import decoding
from stages.corpora.blocks import Block, collect
from stages.errors import SHOWN, DataError, Problem, report
from stages.params.data import Csv

CANDIDATES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
ENCODING_REMEDY = "Save the file as UTF-8, or set data.csv.encoding to the one that it is in."


def read(file: Path, settings: Csv) -> Iterator[Block]:
    """Read records of strings; a row's place is the line that it begins on.

    Raises:
        DataError: wrong encoding or delimiter, faulty quoting, rows of the wrong width, or no header; of a .tsv also a quoted
            field that looks like several records.
    """
    decoding.check(file, settings.encoding, ENCODING_REMEDY)
    delimiter = settings.delimiter or ("\t" if file.suffix.lower() == ".tsv" else ",")
    yield from collect(_records(file, settings, delimiter))


def _records(file: Path, settings: Csv, delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(sys.maxsize)
    encoding = "utf-8-sig" if settings.encoding.lower().replace("_", "-") in {"utf-8", "utf8"} else settings.encoding
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if settings.quote else csv.QUOTE_NONE
    guessed = settings.delimiter is None and delimiter == "\t"
    problems: list[Problem] = []
    total = 0
    with file.open(encoding=encoding, newline="") as stream:
        reader = csv.reader(stream, delimiter=delimiter, quotechar=settings.quote, quoting=quoting, strict=True)
        line = 0
        try:
            header = _header(file, next(reader, []), delimiter)
            line = reader.line_num
            for fields in reader:
                begins, line = line + 1, reader.line_num
                if guessed and any("\t" in field and "\n" in field for field in fields):
                    what = "a quoted field holds tabs and line breaks, as where a quote that opens nothing swallows records"
                    remedy = (
                        'Set data.csv.quote: null if this file does not quote, data.csv.delimiter: "\\t" if it does.'
                    )
                    raise DataError(report(f"{file}: records in a field", [Problem(what, file, begins)], remedy))
                if len(fields) == len(header):
                    yield begins, dict(zip(header, fields, strict=True))
                elif fields:  # an empty line is no record
                    total += 1
                    if len(problems) < SHOWN:
                        problems.append(Problem(f"expected {len(header)} fields, found {len(fields)}", file, begins))
        except csv.Error as error:
            raise DataError(
                f"{file}:{line + 1}: the quoting is broken ({error}): a quote is opened or closed in the wrong place. "
                "Double the quotes inside quoted fields, or set data.csv.quote to null when the file does not quote."
            ) from None
    if problems:
        remedy = "Quote fields that hold the delimiter, or set data.csv.delimiter."
        raise DataError(report(f"{file}: rows of the wrong width", problems, remedy, total=total))


def _header(file: Path, names: list[str], delimiter: str) -> list[str]:
    """Check the header line.

    Raises:
        DataError: it is missing, names a column twice, or is one column that looks like several.
    """
    names = [name.strip() for name in names]
    if not any(names):
        raise DataError(f"{file}:1: no header. The first line must name the columns, such as 'text{delimiter}label'.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{file}:1: column '{twice[0]}' stands twice in the header. Rename one of them.")
    if len(names) == 1:
        for other, spelt in CANDIDATES.items():
            if other != delimiter and other in names[0]:
                raise DataError(
                    f"{file}:1: with delimiter {json.dumps(delimiter)} the header is one column, {names[0][:60]!r}, "
                    # In single quotes YAML would read \t as two characters.
                    f"but it contains {spelt}. Set data.csv.delimiter to {json.dumps(other)}."
                )
    return names
