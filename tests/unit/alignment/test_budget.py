"""The budget counts, it does not watch a clock: more data or a larger model means smaller samples, always the same ones."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.alignment import budget
from stages.alignment.budget import Job, Sizes
from stages.params.alignment import Budget

BANKING = Job(
    rows={"train": 8950, "validation": 1000, "test": 3080}, tokens=15, weights=10_645_632, width=384, layers=6, classes=77,
    texts=[429],
)  # fmt: skip
MOST = 20_000


def test_the_default_budget_leaves_a_usual_corpus_alone() -> None:
    found = budget.plan(BANKING, Budget(), MOST)
    assert (found.records, found.probed, found.capped) == (1000, 8950, False)
    assert 40 < found.seconds <= 120


def test_samples_shrink_until_they_fit() -> None:
    large = replace(BANKING, rows={"train": 400_000, "validation": 5000, "test": 5000}, tokens=60)
    free = budget.plan(large, Budget(seconds=None), MOST)
    assert (free.records, free.probed, free.capped) == (1000, MOST, False)
    some = budget.plan(large, Budget(seconds=0.9 * free.seconds), MOST)
    assert some.capped
    assert some.seconds <= 0.9 * free.seconds
    assert some.records < 1000
    assert some.probed == MOST
    # Probes see fewer records only when every other sample is small.
    tight = budget.plan(large, Budget(seconds=0.45 * free.seconds), MOST)
    assert tight.seconds <= 0.45 * free.seconds
    assert tight.records == budget.FEW_RECORDS
    assert budget.FEWEST_PROBED <= tight.probed < MOST


def test_nothing_fits_into_a_second_and_the_smallest_samples_are_taken() -> None:
    found = budget.plan(BANKING, Budget(seconds=1), MOST)
    assert (found.records, found.probed) == (budget.FEWEST_RECORDS, budget.FEWEST_PROBED)
    assert found.seconds > 1


def test_records_cap_samples_and_so_their_cost() -> None:
    few, many = (budget.plan(BANKING, Budget(records=records), MOST) for records in (200, 1000))
    assert few.records == 200
    assert few.seconds < many.seconds


@given(
    train=st.integers(50, 10**6), test=st.integers(20, 10**5), tokens=st.floats(3, 500), weights=st.integers(10**4, 10**9),
    seconds=st.floats(1, 1000), records=st.integers(100, 4000),
)  # fmt: skip
def test_a_plan_keeps_its_promise(
    train: int, test: int, tokens: float, weights: int, seconds: float, records: int
) -> None:
    job = replace(BANKING, rows={"train": train, "validation": test, "test": test}, tokens=tokens, weights=weights)
    found = budget.plan(job, Budget(records=records, seconds=seconds), MOST)
    smallest = found.records <= budget.FEWEST_RECORDS and found.probed <= budget.FEWEST_PROBED
    assert found.seconds <= seconds or smallest
    assert budget.FEWEST_RECORDS <= found.records <= records
    assert found.probed <= min(train, MOST)
    assert found.seconds == budget.cost(job, found.records, found.probed)
    assert found == budget.plan(job, Budget(records=records, seconds=seconds), MOST)


def test_no_clock_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def ticking(*_: Any) -> float:
        raise AssertionError("the budget looked at a clock")

    for name in ("time", "monotonic", "perf_counter", "process_time"):
        monkeypatch.setattr(time, name, ticking)
    assert isinstance(budget.plan(BANKING, Budget(), MOST), Sizes)
