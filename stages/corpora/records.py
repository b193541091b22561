"""A split on its way from raw file to prepared split, and the account of what was done to it.

Records lie in an Arrow table of strings, in chunks of a few thousand rows: a million short texts take about 100 MB,
where Python objects would take ten times that. Whatever works on texts walks over the chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stages.errors import SHOWN, DataError, Problem, report

if TYPE_CHECKING:
    from stages.corpora.shapes.shape import Shape

HIDDEN = "#"
"""What the names of columns begin with that never leave this room."""
ROW, GROUP, KEY = HIDDEN + "row", HIDDEN + "group", HIDDEN + "key"
"""A record's place in its file, its group, and the key of its normalised text."""
HELD_OUT = ("validation", "test", "shifted")
EXCERPT = 60
"""Characters of a text that a message shows."""


@dataclass
class Report:
    """What was done to a split.

    Attributes:
        read: records in the source.
        counts: what was found, changed, moved or dropped: name to number of records.
    """

    read: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, count: int) -> None:
        """Count something, if there was any."""
        if count:
            self.counts[name] = self.counts.get(name, 0) + count


def _labelled() -> Shape:
    from stages.corpora.shapes.label import Labelled

    return Labelled()


@dataclass
class Draft:
    """A split on its way.

    Attributes:
        name: of the split.
        origin: file or data set it came from, for messages.
        table: `ROW` (int64), the shape's own columns (`id`, `text`, `label`, ...), `GROUP` and the kept columns (strings,
            null where absent), and later `KEY` (uint64).
        done: the account.
        shape: what its records look like.
    """

    name: str
    origin: str
    table: pa.Table
    done: Report
    shape: Shape = field(default_factory=_labelled)

    @property
    def rows(self) -> int:
        """Number of records."""
        return self.table.num_rows

    def chunks(self, column: str) -> Iterator[list[Any]]:
        """A column's values, some thousand at a time."""
        for chunk in self.table[column].chunks:
            yield chunk.to_pylist()

    def replace(self, column: str, values: pa.Array | pa.ChunkedArray) -> None:
        """Put new values into a column, or append it."""
        at = self.table.schema.get_field_index(column)
        fields = pa.field(column, values.type)
        self.table = self.table.append_column(fields, values) if at < 0 else self.table.set_column(at, fields, values)

    def change(self, column: str, function: Callable[[Any], Any]) -> int:
        """Apply a function to each value of a column; returns how many values changed."""
        parts, changed, kind = [], 0, self.table[column].type
        for old in self.chunks(column):
            new = [function(value) for value in old]
            changed += sum(1 for before, after in zip(old, new, strict=True) if before != after)
            parts.append(pa.array(new, kind))
        self.replace(column, pa.chunked_array(parts, kind))
        return changed

    def keys(self) -> np.ndarray:
        """Keys of the normalised texts `(records,)`, uint64."""
        return self.table[KEY].to_numpy()

    def codes(self) -> np.ndarray:
        """A number per record `(records,)`, equal where the target is; -1 where there is none."""
        return self.shape.codes(self)

    def labels(self) -> list[str]:
        """The labels that occur, sorted by code point."""
        return self.shape.labels(self)

    def keep(self, mask: np.ndarray) -> None:
        """Leave out the records where the mask `(records,)` is false."""
        self.table = self.table.filter(pa.array(mask))

    def handle(self, found: np.ndarray, what: str, action: str, remedy: str, column: str = "text") -> None:
        """Keep, drop or refuse the records that were found, and count them.

        Args:
            found: a mask `(records,)`.
            what: the plural name of what was found.
            action: `keep`, `drop` or `refuse`.
            remedy: the param to set instead, for the message.
            column: that the fault lies in.

        Raises:
            DataError: params refuse them, with their rows.
        """
        count = int(found.sum())
        if count and action == "refuse":
            rows = self.table.filter(pa.array(found)).slice(0, SHOWN)
            problems = [
                Problem(f"{what}: {excerpt(value)}", self.origin, row, column.removeprefix(HIDDEN))
                for row, value in zip(rows[ROW].to_pylist(), rows[column].to_pylist(), strict=True)
            ]
            message = f"Mend these records, or set data.cleaning.{remedy}."
            raise DataError(report(f"{self.origin}: {what} in {self.name}", problems, message, total=count))
        self.done.add(f"{what} {'dropped' if action == 'drop' else 'kept'}", count)
        if count and action == "drop":
            self.keep(~found)


def excerpt(value: Any) -> str:
    """A value as a message shows it: quoted, escaped, short."""
    if not isinstance(value, str) or len(value) <= EXCERPT:
        return repr(value)[: 2 * EXCERPT]
    return f"{value[:EXCERPT]!r}..."
