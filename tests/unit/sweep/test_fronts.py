"""Means over seeds, and rows that no other row beats."""

from __future__ import annotations

import itertools
import random
import statistics

import pytest

from stages.sweep.fronts import COSTS, Row, Spread, beaten, rows
from stages.sweep.harvest import Run


def run(row: str, seed: int, target: float | None, **figures: float | None) -> Run:
    return Run(row, seed, f"{row}-{seed}", "c0ffee", metric="accuracy", target=target, **figures)  # type: ignore[arg-type]


def test_means_and_spreads_are_over_the_runs_that_ended() -> None:
    found = rows([run("a", 1, 0.5), run("a", 2, 0.7), Run("a", 3, "a-3", error="no memory"), run("b", 1, 0.9)])
    assert [one.row for one in found] == ["a", "b"]
    assert (found[0].runs, found[0].failed) == (2, 1)
    assert found[0].target.mean == pytest.approx(0.6)
    assert found[0].target.std == pytest.approx(statistics.stdev([0.5, 0.7]))
    assert found[1].target == Spread(0.9, None)
    assert found[0].seconds == Spread(None, None)


def test_a_front_is_what_no_other_row_beats_in_both() -> None:
    found = rows(
        [
            run("cheap", 1, 0.6, trainable_parameters=10, retention=0.9),
            run("dear", 1, 0.9, trainable_parameters=1000, retention=0.9),
            run("worse", 1, 0.8, trainable_parameters=1000, retention=0.5),
            run("unknown", 1, 0.95),
            Run("failed", 1, "failed-1", error="x"),
        ]
    )
    fronts = {one.row: one.fronts for one in found}
    assert fronts == {
        "cheap": ("trainable_parameters",),
        "dear": ("retention", "trainable_parameters"),
        "worse": (),
        "unknown": (),
        "failed": (),
    }


def test_equal_rows_are_both_on_the_front() -> None:
    found: list[Row] = rows([run("a", 1, 0.5, seconds=2.0), run("b", 1, 0.5, seconds=2.0)])
    assert [one.fronts for one in found] == [("seconds",), ("seconds",)]


def test_the_front_is_that_of_brute_force() -> None:
    draw = random.Random(3)
    points = [(draw.randrange(6) / 5, draw.randrange(6) / 5) for _ in range(40)]
    for one in points:
        beats = [a for a in points if a[0] >= one[0] and a[1] >= one[1] and (a[0] > one[0] or a[1] > one[1])]
        assert beaten(points, one) == bool(beats)
    front = [one for one in points if not beaten(points, one)]
    assert all((a[0] - b[0]) * (a[1] - b[1]) <= 0 for a, b in itertools.combinations(front, 2))


def test_more_is_better_of_retention_alone() -> None:
    assert [cost for cost, more in COSTS.items() if more] == ["retention"]
