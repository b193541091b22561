"""Raw messages from a file, without labels."""

from __future__ import annotations

from pathlib import Path

from stages.alignment import references
from stages.alignment.distribution_shift import LEAST
from stages.errors import DataError, Problem, report

BETWEEN = " | "
"""What stands between the two texts of a record where they are read as one."""


def texts(file: Path, *, paired: bool = False) -> list[str]:
    """The messages of a `.txt`, `.jsonl` or `.csv` file; empty lines are left out.

    Args:
        file: with a message a line, or with fields `text` and, for pairs, `text_b`.
        paired: whether records have two texts; they are then joined as those of the splits are.

    Raises:
        DataError: the file is missing, is no UTF-8, lacks texts, or holds too few.
    """
    if not file.is_file():
        raise DataError(f"{file}: not found. Give a .txt, .jsonl or .csv file of messages.")
    try:
        if file.suffix.lower() == ".txt" and paired:
            raise DataError(f"{file}: records of this kind have two texts. Give a .jsonl or .csv with text and text_b.")
        if file.suffix.lower() == ".txt":
            found = references.lines(file)
        else:
            rows = list(references.records(file))
            fields = ("text", "text_b") if paired else ("text",)
            missing = [
                Problem("expected a text, found none", file, row, field)
                for row, one in rows
                for field in fields
                if not isinstance(one.get(field), str)
            ]
            if missing:
                remedy = f"Name the field{'s' if paired else ''} {' and '.join(fields)}."
                raise DataError(report(f"{file}: not a file of messages", missing, remedy))
            found = [BETWEEN.join(one[field].strip() for field in fields) for _, one in rows if one["text"].strip()]
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    if len(found) < LEAST:
        raise DataError(f"{file}: expected at least {LEAST} messages, found {len(found)}. Collect more of them.")
    return found
