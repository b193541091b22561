"""Draws of few messages per class: as many of each, the same for the same seed, and nothing on both sides."""

from __future__ import annotations

from collections import Counter

from benchmarks import few_shot

ROWS = [{"text": f"{label} {i}", "category": label} for label in ("card", "pin", "转账") for i in range(9)]


def test_each_class_gives_as_many_and_the_rest_is_left() -> None:
    taken, others = few_shot.drawn(ROWS, 4, 1)
    assert Counter(row["category"] for row in taken) == {"card": 4, "pin": 4, "转账": 4}
    assert sorted(row["text"] for row in (*taken, *others)) == sorted(row["text"] for row in ROWS)


def test_a_seed_decides_what_is_drawn() -> None:
    assert few_shot.drawn(ROWS, 4, 1) == few_shot.drawn(ROWS, 4, 1)
    assert few_shot.drawn(ROWS, 4, 1)[0] != few_shot.drawn(ROWS, 4, 2)[0]
