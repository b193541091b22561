"""Drawings of the report."""

from __future__ import annotations

import pytest

from stages.alignment import svg


@pytest.mark.parametrize(
    ("name", "longest", "shown"),
    [
        ("refund", 6, "refund"),
        ("refunds", 6, "refun…"),
        ("退款退款", 8, "退款退款"),
        ("退款退款x", 8, "退款退…"),
        ("a退款", 4, "a退…"),
        ("e\u0301te\u0301", 3, "e\u0301te\u0301"),
        ("", 3, ""),
    ],
)
def test_names_are_cut_by_columns_and_chinese_takes_two(name: str, longest: int, shown: str) -> None:
    assert svg.short(name, longest) == shown
