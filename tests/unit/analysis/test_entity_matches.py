"""The picture of what became of gold entities: the same bytes twice, for types of any script and for none at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.analysis.plots import entity_matches
from stages.metrics import span_matches
from stages.metrics.spans import Spans


@pytest.mark.parametrize("types", [["LOC", "公司"], [f"type {i} of many" for i in range(60)]])
def test_it_is_drawn_and_its_bytes_depend_on_the_data_alone(tmp_path: Path, types: list[str]) -> None:
    gold = Spans.of([[(0, 2, 0), (3, 5, 1), (6, 9, 0)], [(0, 1, len(types) - 1)]])
    found = span_matches.match(gold, Spans.of([[(0, 2, 0), (3, 5, 0), (7, 9, 0)], []]))
    for name in ("one.png", "two.png"):
        entity_matches.draw(gold, found, types, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_a_split_without_entities_has_empty_bars(tmp_path: Path) -> None:
    empty = Spans.of([[], []])
    entity_matches.draw(empty, span_matches.match(empty, empty), ["LOC"], tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000
