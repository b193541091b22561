"""From runs to rows: means and spreads over seeds, and which rows no other row beats.

A row is on the front of a cost if no other row is at least as good in both the target metric and that cost and better in one
of them. There is a front per cost and none of all costs together, on which nearly every row would lie.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from stages.sweep.harvest import Run

COSTS: dict[str, bool] = {
    "retention": True,
    "trainable_parameters": False,
    "seconds": False,
    "memory_mib": False,
}
"""What a target metric is paid with, and whether more of it is better."""


@dataclass(frozen=True)
class Spread:
    """A figure over seeds.

    Attributes:
        mean: over the runs that have it; None where none has.
        std: standard deviation of those (n - 1); None of fewer than two.
    """

    mean: float | None = None
    std: float | None = None

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Spread:
        """Over the values that are known."""
        known = [value for value in values if value is not None]
        if not known:
            return cls()
        return cls(statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else None)


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        row: its name.
        runs: that ended well.
        failed: that did not.
        metric: name of the target metric.
        chosen_by: name of the metric that training chose by.
        target: target metric on test.
        validation: metric that training chose by.
        retention: share kept of the ability that kept least.
        retention_mean: mean share over abilities.
        trainable_parameters: that learned.
        seconds: of finetune.
        memory_mib: its peak of memory, in MiB.
        fronts: costs on whose front it lies.
    """

    row: str
    runs: int
    failed: int
    metric: str
    chosen_by: str
    target: Spread = Spread()
    validation: Spread = Spread()
    retention: Spread = Spread()
    retention_mean: Spread = Spread()
    trainable_parameters: Spread = Spread()
    seconds: Spread = Spread()
    memory_mib: Spread = Spread()
    fronts: tuple[str, ...] = field(default=())


FIGURES = tuple(one.name for one in fields(Row) if one.type == "Spread")
"""Columns that are figures over seeds."""


def rows(found: Sequence[Run]) -> list[Row]:
    """One row per name, in their order, with its fronts."""
    by_name: dict[str, list[Run]] = {}
    for one in found:
        by_name.setdefault(one.row, []).append(one)
    plain = [_row(name, members) for name, members in by_name.items()]
    return [_with_fronts(one, plain) for one in plain]


def beaten(points: Sequence[tuple[float, float]], one: tuple[float, float]) -> bool:
    """Whether another point is at least as large in both, and larger in one."""
    return any(x >= one[0] and y >= one[1] and (x, y) != one for x, y in points)


def _row(name: str, members: Sequence[Run]) -> Row:
    good = [one for one in members if one.commit is not None]
    figures: dict[str, Any] = {figure: Spread.of([getattr(one, figure) for one in good]) for figure in FIGURES}
    metric, chosen_by = (good[0].metric, good[0].chosen_by) if good else ("", "")
    return Row(name, len(good), len(members) - len(good), metric, chosen_by, **figures)


def _with_fronts(one: Row, all_rows: Sequence[Row]) -> Row:
    found = []
    for cost in COSTS:
        mine = _point(one, cost)
        points = [point for other in all_rows if (point := _point(other, cost)) is not None]
        if mine is not None and not beaten(points, mine):
            found.append(cost)
    return replace(one, fronts=tuple(found))


def _point(one: Row, cost: str) -> tuple[float, float] | None:
    """Target and cost, both so that more is better; None where one of them is unknown."""
    paid = getattr(one, cost).mean
    if one.target.mean is None or paid is None:
        return None
    return one.target.mean, paid if COSTS[cost] else -paid
