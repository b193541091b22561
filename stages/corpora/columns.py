"""Which column plays which role, and its values as the shape of the records has them (`stages.corpora.shapes`)."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from stages.artifacts import UNLABELLED
from stages.corpora.blocks import Block
from stages.corpora.records import GROUP, ROW, Draft, Report
from stages.corpora.shapes import SHAPES
from stages.corpora.shapes.shape import Shape
from stages.corpora.values import Refused, as_value, whole
from stages.errors import SHOWN, DataError, Problem, report
from stages.params.data import Columns

LIKE = 0.5
"""Similarity (difflib's ratio) from which on a column's name is offered instead of a missing one."""


def collect(
    split: str, origin: str, blocks: Iterable[Block], columns: Columns, shape: Shape = SHAPES["classification"]
) -> Draft:
    """Map columns to roles, block by block, and keep what is needed as Arrow values.

    Raises:
        DataError: columns are missing, or values are no text.
    """
    mapping = _Mapping(split, origin, columns, shape)
    parts = [mapping.take(block) for block in blocks]
    if mapping.total:
        remedy = "Mend these records, or name other columns in data.columns."
        raise DataError(report(f"{origin}: wrong values", mapping.problems, remedy, total=mapping.total))
    table = pa.concat_tables(parts) if parts else mapping.schema.empty_table()
    done = Report(read=table.num_rows)
    done.add("values with broken characters mended", mapping.mended)
    return Draft(split, origin, table, done, shape)


class _Mapping:
    """Turns blocks of one split into tables and remembers what was wrong."""

    def __init__(self, split: str, origin: str, columns: Columns, shape: Shape) -> None:
        self.split, self.origin, self.columns, self.shape = split, origin, columns, shape
        self.problems: list[Problem] = []
        self.total = 0
        self.mended = 0
        self.names: dict[str, str | None] | None = None
        self.kept = [name for name in dict.fromkeys(columns.keep) if name not in shape.own]
        self.types = {**shape.fields(), **dict.fromkeys([GROUP, *self.kept], pa.string())}
        self.schema = pa.schema([(ROW, pa.int64()), *self.types.items()])

    def take(self, block: Block) -> pa.Table:
        """One block as a table of the split's schema."""
        block = self.shape.expand(block, self.columns)
        if not block.rows:  # nothing but empty lists of relations, which say nothing of the columns
            return self.schema.empty_table()
        if self.names is None:
            self.names = self._roles(block.columns)
        # Records of JSON Lines differ in their keys: one that was not there before may be there now.
        missing = [role for role, name in self.names.items() if name is None]
        self.names |= {role: self._column_of(role, block.columns) for role in missing}
        taken: dict[str, Any] = {ROW: block.rows}
        for role, name in self.names.items():
            taken[role] = self._column(block, role, name)
        made = pa.table(taken, schema=self.schema)
        self._check(made)
        return made

    def _column(self, block: Block, role: str, name: str | None) -> pa.Array:
        own, kind = role in self.shape.own, self.types[role]
        if name is None and not (own and self._composed(role)):
            return pa.nulls(len(block.rows), kind)
        values = self.shape.raw(role, name, block, self.columns) if own else block.values(name or role)
        converted: list[Any] = []
        for row, value in zip(block.rows, values, strict=True):
            result = self.shape.convert(role, value, self.columns) if own else as_value(value)
            if isinstance(result, Refused):
                self._refuse(result.what, row, name or role)
                result = None
            converted.append(result)
        try:
            return pa.array(converted, kind)
        except UnicodeEncodeError:
            mended = [whole(value) for value in converted]
            self.mended += sum(1 for old, new in zip(converted, mended, strict=True) if old != new)
            return pa.array(mended, kind)

    def _composed(self, role: str) -> bool:
        """Whether a role is made of several columns, or of none that params name."""
        targets = role == self.shape.target and self._lacks_targets()
        return self.shape.wanted(self.columns)[role] is None and role != "id" and not targets

    def _lacks_targets(self) -> bool:
        return self.split in UNLABELLED

    def _check(self, made: pa.Table) -> None:
        """Refuse records whose values do not go together."""
        if type(self.shape).check is Shape.check:
            return
        for record in made.to_pylist():
            what = self.shape.check(record)
            if what is not None:
                field, _, rest = what.partition(": ")
                column, what = (field, rest) if field in self.types else (self.shape.target, what)
                self._refuse(what, record[ROW], column)

    def _refuse(self, what: str, row: int, column: str) -> None:
        self.total += 1
        if len(self.problems) < SHOWN:
            self.problems.append(Problem(what, self.origin, row, column))

    def _options(self, role: str) -> Sequence[str]:
        """What the data set may call a role."""
        if role in self.kept:
            return [role]
        names = self.columns.group if role == GROUP else self.shape.wanted(self.columns)[role]
        return [names] if isinstance(names, str) else names or []

    def _column_of(self, role: str, present: Mapping[str, Any]) -> str | None:
        return next((option for option in self._options(role) if option in present), None)

    def _roles(self, present: Mapping[str, Any]) -> dict[str, str | None]:
        """The column that plays each role, by those of the first block.

        Raises:
            DataError: with every column that is missing.
        """
        problems: list[Problem] = []
        found: dict[str, str | None] = {}
        for role in (*self.shape.wanted(self.columns), GROUP):
            found[role] = self._column_of(role, present)
            options = self._options(role)
            if options and found[role] is None and not self._optional(role):
                problems.append(self._missing(role, options, list(present)))
        needed = [] if self._lacks_targets() else self.shape.further(self.columns)
        problems += [self._missing("label_columns", [name], list(present)) for name in needed if name not in present]
        if problems:
            raise DataError(report(f"{self.origin}: missing columns", problems, "Set data.columns, or rename them."))
        return {**found, **{name: self._column_of(name, present) for name in self.kept}}

    def _optional(self, role: str) -> bool:
        """Ids are made where there are none; unlabelled records have no label; only train is cut by groups."""
        return (
            role == "id"
            or (role == GROUP and self.split != "train")
            or (role == self.shape.target and self._lacks_targets())
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
