"""Draws of few messages per class: as many of each, the same for the same seed, and nothing on both sides."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks import few_shot
from benchmarks.contest import projects
from stages.params.whole import check

ROWS = [{"text": f"{label} {i}", "category": label} for label in ("card", "pin", "转账") for i in range(9)]


def test_each_class_gives_as_many_and_the_rest_is_left() -> None:
    taken, others = few_shot.drawn(ROWS, 4, 1)
    assert Counter(row["category"] for row in taken) == {"card": 4, "pin": 4, "转账": 4}
    assert sorted(row["text"] for row in (*taken, *others)) == sorted(row["text"] for row in ROWS)


def test_a_seed_decides_what_is_drawn() -> None:
    assert few_shot.drawn(ROWS, 4, 1) == few_shot.drawn(ROWS, 4, 1)
    assert few_shot.drawn(ROWS, 4, 1)[0] != few_shot.drawn(ROWS, 4, 2)[0]


@pytest.mark.parametrize("name", few_shot.ROWS)
def test_params_take_every_row(tmp_path: Path, name: str) -> None:
    settings = projects.settings(few_shot.JOB, tmp_path, {**few_shot.COMMON, **few_shot.ROWS[name]})
    projects.begin(tmp_path, settings)
    check(tmp_path / "params.yaml")


def test_no_two_rows_are_the_same() -> None:
    rows = [repr(sorted(row.items())) for row in few_shot.ROWS.values()]
    assert len(set(rows)) == len(rows)
