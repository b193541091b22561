"""What readers give and the rest of the room takes: blocks of raw records.

A block holds values as the format gave them (a JSON number stays a number), since only the mapping of columns knows
which one must be text and which may be a number; `stages.corpora.columns` turns blocks into Arrow strings at once, so
that no more than one block of Python objects is alive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

SIZE = 8192
"""Records per block: enough to work on whole columns, little enough to forget."""


@dataclass(frozen=True)
class Block:
    """Some consecutive records of a file, as columns.

    Attributes:
        rows: 1-based place of each record in its file: the line it begins on, or its number where lines mean nothing.
        columns: name to values; every column is as long as `rows`. Arrow columns stay Arrow until somebody asks for
            them, so that columns which nobody wants (embeddings, images) cost nothing.
    """

    rows: list[int]
    columns: dict[str, list[Any] | pa.Array]

    def values(self, name: str) -> list[Any]:
        """One column as Python values; all None when the block lacks it."""
        found = self.columns.get(name)
        if found is None:
            return [None] * len(self.rows)
        return found if isinstance(found, list) else found.to_pylist()


def collect(records: Iterable[tuple[int, dict[str, Any]]]) -> Iterator[Block]:
    """Put single records into blocks; a key that a record lacks is None there."""
    rows: list[int] = []
    columns: dict[str, list[Any]] = {}
    for row, record in records:
        # In the order of the file: a set would shuffle the columns anew in every process.
        for key in [key for key in record if key not in columns]:
            columns[key] = [None] * len(rows)
        rows.append(row)
        for key, values in columns.items():
            values.append(record.get(key))
        if len(rows) == SIZE:
            yield Block(rows, {**columns})
            rows, columns = [], {key: [] for key in columns}
    if rows:
        yield Block(rows, {**columns})
