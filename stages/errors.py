"""The tree of mistakes that a user can make and mend.

Everything below `UserError` ends a stage with one message and exit code 2, never with a traceback: the fault lies in
data, params or the environment, not in this program. Anything else that is raised is a defect and shows its traceback.
A message says what was expected, what was found, where (file, row, field), and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SHOWN = 20
"""How many problems of one input are printed in full before the rest is only counted."""


class UserError(Exception):
    """A mistake in data, params or the environment that the user can mend."""

    exit_code = 2


class ParamsError(UserError):
    """`params.yaml` holds unknown keys, wrong types or combinations that cannot work."""


class DataError(UserError):
    """A data set that cannot be read, or cannot be right."""


class ModelError(UserError):
    """A base model that cannot be found, read or trusted."""


class DivergedError(ModelError):
    """Training that came to no numbers."""


class GateError(UserError):
    """A result that misses a limit which params set, such as export's parity."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in an input.

    Attributes:
        what: what was found, and what was expected instead.
        file: the file it stands in, if it is about one.
        row: 1-based number of the record (for line formats: of the line), if it is about one.
        field: the column or dotted key, if it is about one.
    """

    what: str
    file: Path | str | None = None
    row: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        """Render as ``file:row: field: what``, leaving out what is unknown."""
        place = str(self.file) if self.file is not None else ""
        if self.row is not None:
            place += f":{self.row}" if place else f"row {self.row}"
        parts = [part for part in (place, self.field) if part]
        return ": ".join([*parts, self.what])


def report(heading: str, problems: Sequence[Problem], remedy: str, *, total: int | None = None) -> str:
    """Put many problems into one message: the first `SHOWN` in full, the rest as a count.

    Args:
        heading: what could not be done.
        problems: the problems, in the order of the input; at least one.
        remedy: what to do next.
        total: how many there are in all, when `problems` holds only the first ones.
    """
    count = total if total is not None else len(problems)
    lines = [heading]
    lines += [f"  {problem}" for problem in problems[:SHOWN]]
    if count > SHOWN:
        lines.append(f"  ... and {count - SHOWN:,} more, {count:,} in all")
    lines.append(remedy)
    return "\n".join(lines)
