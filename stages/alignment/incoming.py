"""Raw messages from a file, without labels."""

from __future__ import annotations

from pathlib import Path

from stages.alignment import references
from stages.alignment.distribution_shift import LEAST
from stages.errors import DataError, Problem, report


def texts(file: Path) -> list[str]:
    """The messages of a `.txt`, `.jsonl` or `.csv` file; empty lines are left out.

    Raises:
        DataError: the file is missing, is no UTF-8, lacks texts, or holds too few.
    """
    if not file.is_file():
        raise DataError(f"{file}: not found. Give a .txt, .jsonl or .csv file of messages.")
    try:
        if file.suffix.lower() == ".txt":
            found = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        else:
            rows = list(references.records(file))
            missing = [
                Problem("expected a text, found none", file, row, "text")
                for row, one in rows
                if not isinstance(one.get("text"), str)
            ]
            if missing:
                raise DataError(report(f"{file}: not a file of messages", missing, "Name the field 'text'."))
            found = [one["text"].strip() for _, one in rows if one["text"].strip()]
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    if len(found) < LEAST:
        raise DataError(f"{file}: expected at least {LEAST} messages, found {len(found)}. Collect more of them.")
    return found
