"""Columns to roles, and values to text."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import pytest

from stages.corpora import blocks, columns
from stages.corpora.blocks import SIZE, Block
from stages.corpora.records import Draft
from stages.errors import DataError
from stages.params.data import Columns


def collect(values: dict[str, list[Any]], **names: Any) -> Draft:
    count = len(next(iter(values.values())))
    return columns.collect("train", "a.csv", [Block(list(range(1, count + 1)), {**values})], Columns(**names))


def test_the_first_name_that_exists_is_taken() -> None:
    draft = collect({"text": ["a"], "intent": ["x"], "label": ["y"]}, label=["class", "intent", "label"])
    assert draft.table["label"].to_pylist() == ["x"]


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (" refund ", "refund"),
        (3, "3"),
        (3.0, "3"),
        (2.5, "2.5"),
        (1e300, "1e+300"),
        (True, "true"),
        (decimal.Decimal("1.20"), "1.20"),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (float("nan"), None),
        ("NaN", None),
        ("NULL", None),
        ("  ", None),
        (None, None),
        ("none", "none"),
        ("N/A", "N/A"),
    ],
)
def test_labels_become_text_or_are_missing(value: object, label: str | None) -> None:
    assert collect({"text": ["a"], "label": [value]}).table["label"].to_pylist() == [label]


def test_kept_columns_may_be_called_anything() -> None:
    draft = collect({"text": ["a"], "label": ["b"], "row": [7], "group": ["g"]}, keep=["row", "group", "label", "none"])
    kept = draft.table.select(["label", "row", "group", "none"]).to_pylist()
    assert kept == [{"label": "b", "row": "7", "group": "g", "none": None}]


def test_problems_are_reported_together_and_counted() -> None:
    with pytest.raises(DataError) as caught:
        collect({"text": list(range(30)), "label": ["x"] * 30})
    assert "a.csv:1: text: expected text, found int 0" in str(caught.value)
    assert "... and 10 more, 30 in all" in str(caught.value)


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    assert columns.nearest(["label"], ["Text", "Lable "]) == "Lable "
    assert columns.nearest(["intent", "label"], ["text", "LABELS"]) == "LABELS"
    assert columns.nearest(["label"], ["zzz"]) is None


def test_keys_that_appear_after_the_first_block_are_read_and_no_role_changes_its_column() -> None:
    first = [{"sentence": f"text {i}", "label": "xy"[i % 2]} for i in range(SIZE)]
    later = [
        {"text": "another", "sentence": "text c", "label": "x", "source": "mail"},
        {"sentence": "text d", "label": "y"},
    ]
    named = Columns.model_validate({"text": ["text", "sentence"], "keep": ["source"]})
    table = columns.collect("train", "a.jsonl", blocks.collect(enumerate([*first, *later], 1)), named).table
    assert table["source"].to_pylist() == [None] * SIZE + ["mail", None]
    assert table["text"].to_pylist()[-3:] == [f"text {SIZE - 1}", "text c", "text d"]
