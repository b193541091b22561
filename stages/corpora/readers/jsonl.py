"""JSON Lines (jsonlines.org): one JSON object per line, UTF-8.

One raw record::

    {"text": "where is my order", "intent": "order_status", "entities": []}

Keys may differ from record to record; a missing key is a null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.corpora import decoding
from stages.corpora.blocks import Block, collect
from stages.errors import SHOWN, DataError, Problem, report
from stages.params.data import Csv


def read(file: Path, settings: Csv) -> Iterator[Block]:  # noqa: ARG001 - all readers are called alike
    """Read records; a row's place is its line.

    Raises:
        DataError: not UTF-8, lines that are no JSON objects, or one JSON value that spans the file.
    """
    decoding.check(file, "utf-8", "JSON Lines are always UTF-8: convert the file with `iconv -f ENCODING -t utf-8`.")
    yield from collect(_records(file))


def _records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    problems: list[Problem] = []
    total, first = 0, True
    # Only \n ends a record: splitlines would also break at U+2028 and its like inside JSON strings.
    with file.open(encoding="utf-8-sig", newline="\n") as stream:
        for row, line in enumerate(stream, 1):
            if not line.strip():
                continue
            if first:
                _refuse_one_value(file, line.strip())
            first = False
            found = _parse(line)
            if isinstance(found, dict):
                yield row, found
            else:
                total += 1
                if len(problems) < SHOWN:
                    problems.append(Problem(found, file, row))
    if problems:
        raise DataError(report(f"{file}: lines that are no JSON objects", problems, "Mend these lines.", total=total))


def _refuse_one_value(file: Path, begin: str) -> None:
    """Recognise a JSON document by its first line.

    Raises:
        DataError: the file is one array, or one object over several lines.
    """
    if begin.startswith("["):
        found, command = "one JSON array", "jq -c '.[]'"
    elif begin == "{":
        found, command = "JSON objects that span lines", "jq -c ."
    else:
        return
    raise DataError(
        f"{file}:1: {found}, expected one object per line. Convert it with "
        f"`{command} {file.name} > {file.stem}_lines.jsonl` and replace it by the result."
    )


def _parse(line: str) -> dict[str, Any] | str:
    """The object on a line, or what is wrong with it."""
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        return f"no valid JSON ({error.msg} at character {error.pos + 1})"
    except (RecursionError, ValueError):
        return "no valid JSON (nested too deeply, or a number with too many digits)"
    return value if isinstance(value, dict) else f"expected an object, found {type(value).__name__}"
