r"""Files that a user gives: something, and what may take its place.

Tabs (`.tsv`), one entry a line, without a header::

    refund	money back	reimbursement
    手机	电话

or JSON Lines (`.jsonl`), whose keys depend on what the list is for::

    {"word": "refund", "synonyms": ["money back", "reimbursement"]}

An entry that comes again adds to what it said before. Empty lines, and lines of a `.tsv` that begin with ``#``, are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stages.corpora import decoding
from stages.errors import SHOWN, DataError, Problem, report

REMEDY = "Save the list as UTF-8."


def read(file: Path, key: str, names: tuple[str, str], clean: Callable[[str], str]) -> dict[str, list[str]]:
    """Read a list.

    Args:
        file: `.tsv` or `.jsonl`.
        key: of params that names it, for messages.
        names: keys of a JSON object: of the entry, and of its alternatives.
        clean: what is done to each text.

    Returns:
        Entry to alternatives, in the order of the file, none of them empty or the entry itself.

    Raises:
        DataError: it is missing, no UTF-8, of another kind, empty, or has wrong lines, which are all named.
    """
    if file.suffix.lower() not in {".tsv", ".jsonl"} or not file.is_file():
        what = "is no file" if not file.is_file() else f"has the suffix '{file.suffix}'"
        raise DataError(f"{key}: {file} {what}. Name a .tsv or .jsonl file, or set copies to 0.")
    decoding.check(file, "utf-8", REMEDY)
    parse = _of_tabs if file.suffix.lower() == ".tsv" else _of_json
    found: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for row, line in _lines(file):
        made = parse(line, names)
        if isinstance(made, str):
            problems.append(Problem(made, file, row))
            continue
        entry, *others = (clean(one) for one in made)
        kept = [one for one in dict.fromkeys(others) if one and one != entry]
        if not entry or not kept:
            problems.append(Problem("expected an entry and at least one other text for it, found only one", file, row))
            continue
        found[entry] = list(dict.fromkeys([*found.get(entry, []), *kept]))
    if problems:
        heading = f"{key}: {file} has lines that are no entries"
        raise DataError(report(heading, problems[:SHOWN], "Mend these lines.", total=len(problems)))
    if not found:
        raise DataError(f"{key}: {file} holds no entry. Add some, or set copies to 0.")
    return found


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    # Only \n ends a line: splitlines would also break at U+2028 and its like.
    with file.open(encoding="utf-8-sig", newline="\n") as stream:
        for row, line in enumerate(stream, 1):
            skipped = file.suffix.lower() == ".tsv" and line.startswith("#")
            if line.strip() and not skipped:
                yield row, line.rstrip("\r\n")


def _of_tabs(line: str, names: tuple[str, str]) -> list[str] | str:  # noqa: ARG001
    fields = line.split("\t")
    return fields if len(fields) > 1 else f"expected fields with tabs between them, found {line[:40]!r}"


def _of_json(line: str, names: tuple[str, str]) -> list[str] | str:
    entry, others = names
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return "no valid JSON"
    if not isinstance(value, dict) or not isinstance(value.get(entry), str):
        return f"expected an object with a text '{entry}', found {str(value)[:40]!r}"
    found = value.get(others)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        return f"expected a list of texts '{others}', found {str(found)[:40]!r}"
    return [value[entry], *found]
