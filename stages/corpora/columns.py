"""Which column plays which role, and its values as text.

Texts must be text: a number in the text column nearly always means that the wrong column was named. Labels, ids,
groups and kept columns may be numbers, whose digits become the value (`3`, and also `3.0`, which is what data frames
make of integers beside missing values). An absent label is null, NaN, blank, or one of `ABSENT` in any case; `none`,
`NA` and `n/a` are labels, since data sets use them for classes.
"""

from __future__ import annotations

import datetime
import decimal
import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stages.artifacts import UNLABELLED
from stages.corpora.blocks import Block
from stages.corpora.records import GROUP, OWN, ROW, Draft, Report
from stages.errors import SHOWN, DataError, Problem, report
from stages.params.data import Columns

ABSENT = {"", "nan", "null"}
LIKE = 0.5
"""Similarity (difflib's ratio) from which on a column's name is offered instead of a missing one."""
EXACT = 2**53
"""Integers up to here survive as floating-point numbers."""
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def collect(split: str, origin: str, blocks: Iterable[Block], columns: Columns) -> Draft:
    """Map columns to roles, block by block, and keep what is needed as Arrow strings.

    Raises:
        DataError: columns are missing, or values are no text.
    """
    mapping = _Mapping(split, origin, columns)
    parts = [mapping.take(block) for block in blocks]
    if mapping.total:
        remedy = "Mend these records, or name other columns in data.columns."
        raise DataError(report(f"{origin}: wrong values", mapping.problems, remedy, total=mapping.total))
    table = pa.concat_tables(parts) if parts else mapping.schema.empty_table()
    done = Report(read=table.num_rows)
    done.add("values with broken characters mended", mapping.mended)
    return Draft(split, origin, table, done)


class _Mapping:
    """Turns blocks of one split into tables and remembers what was wrong."""

    def __init__(self, split: str, origin: str, columns: Columns) -> None:
        self.split, self.origin, self.columns = split, origin, columns
        self.problems: list[Problem] = []
        self.total = 0
        self.mended = 0
        self.names: dict[str, str | None] | None = None
        self.kept = [name for name in dict.fromkeys(columns.keep) if name not in OWN]
        self.schema = pa.schema([(ROW, pa.int64()), *((name, pa.string()) for name in [*OWN, GROUP, *self.kept])])

    def take(self, block: Block) -> pa.Table:
        """One block as a table of the split's schema."""
        if self.names is None:
            self.names = self._roles(block.columns)
        taken: dict[str, Any] = {ROW: block.rows}
        for role, name in self.names.items():
            taken[role] = pa.nulls(len(block.rows), pa.string()) if name is None else self._column(block, role, name)
        return pa.table(taken, schema=self.schema)

    def _column(self, block: Block, role: str, name: str) -> pa.Array:
        convert = _as_text if role == "text" else _as_value
        converted: list[str | None] = []
        for row, value in zip(block.rows, block.values(name), strict=True):
            result = convert(value)
            if isinstance(result, _Refused):
                self.total += 1
                if len(self.problems) < SHOWN:
                    self.problems.append(Problem(result.what, self.origin, row, name))
                result = None
            converted.append(result)
        try:
            return pa.array(converted, pa.string())
        except UnicodeEncodeError:
            # JSON can spell half a surrogate pair, which is no character and no file can hold.
            whole = [None if value is None else _SURROGATES.sub("\ufffd", value) for value in converted]
            self.mended += sum(1 for old, new in zip(converted, whole, strict=True) if old != new)
            return pa.array(whole, pa.string())

    def _roles(self, present: Mapping[str, Any]) -> dict[str, str | None]:
        """The column that plays each role.

        Raises:
            DataError: with every column that is missing.
        """
        wanted = {**{role: getattr(self.columns, role) for role in OWN}, GROUP: self.columns.group}
        problems: list[Problem] = []
        found: dict[str, str | None] = {}
        for role, names in wanted.items():
            options = [names] if isinstance(names, str) else names or []
            found[role] = next((option for option in options if option in present), None)
            if options and found[role] is None and not self._optional(role):
                problems.append(self._missing(role, options, list(present)))
        if problems:
            raise DataError(report(f"{self.origin}: missing columns", problems, "Set data.columns, or rename them."))
        return {**found, **{name: name if name in present else None for name in self.kept}}

    def _optional(self, role: str) -> bool:
        """Ids are made where there are none; unlabelled records have no label; only train is cut by groups."""
        return (
            role == "id" or (role == GROUP and self.split != "train") or (role == "label" and self.split in UNLABELLED)
        )

    def _missing(self, role: str, options: Sequence[str], present: Sequence[str]) -> Problem:
        near = nearest(options, present)
        hint = f"; did you mean '{near}'?" if near else ""
        expected = " or ".join(f"'{option}'" for option in options)
        shown = ", ".join(f"'{name}'" for name in present[:SHOWN])
        field = f"data.columns.{role.removeprefix('#')}"
        return Problem(f"expected a column {expected}, found {shown}{hint}", self.origin, field=field)


def nearest(options: Sequence[str], present: Sequence[str]) -> str | None:
    """The name in `present` that is most like one of the options, whatever its case; None if none is like it."""
    folded = {name.strip().casefold(): name for name in reversed(present)}
    ratios = {
        (difflib.SequenceMatcher(None, option.casefold(), name).ratio(), name) for option in options for name in folded
    }
    best, name = max(ratios, default=(0.0, ""))
    return folded[name] if best >= LIKE else None


@dataclass(frozen=True)
class _Refused:
    what: str


def _as_text(value: Any) -> str | _Refused | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    return _Refused(f"expected text, found {type(value).__name__} {str(value)[:40]}")


def _as_value(value: Any) -> str | _Refused | None:
    """Labels, ids, groups and kept columns: strings stripped, numbers by their digits, booleans as JSON writes them."""
    if isinstance(value, str):
        stripped = value.strip()
        return None if stripped.casefold() in ABSENT else stripped
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    if isinstance(value, int | float | decimal.Decimal | datetime.date | datetime.time):
        return str(value)
    return _Refused(f"expected text or a number, found {type(value).__name__} {str(value)[:40]}")
