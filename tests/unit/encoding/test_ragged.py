"""Rows of different lengths survive the way through one flat array, and padding is where nothing was."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.encoding.ragged import Ragged, by_token, dense, padded, token_batch

ROWS = st.lists(st.lists(st.integers(-5, 50), max_size=8), min_size=1, max_size=8)


@given(ROWS)
def test_lists_of_a_column_come_back(rows: list[list[int]]) -> None:
    found = Ragged.of_lists(pa.chunked_array([pa.array([[9], *rows], pa.list_(pa.int32()))]).slice(1))
    assert [row.tolist() for row in found] == rows
    assert found.lengths.tolist() == [len(row) for row in rows] == [found.lengths_of(i) for i in range(len(found))]


@given(ROWS)
def test_padding_fills_the_right_side_only(rows: list[list[int]]) -> None:
    found = padded(rows, -100)
    assert found.shape == (len(rows), max(map(len, rows)))
    for row, whole in zip(rows, found.tolist(), strict=True):
        assert whole == row + [-100] * (found.shape[1] - len(row))
    batch = token_batch(rows, 0)
    assert batch["attention_mask"].sum(axis=1).tolist() == [len(row) for row in rows]


def test_rows_are_filled_in_any_order() -> None:
    found = Ragged.empty(np.array([2, 0, 1]), (3,), np.float32)
    found[2], found[0], found[1] = np.full((1, 3), 7), np.arange(6).reshape(2, 3), np.empty((0, 3))
    assert found.values.tolist() == [[0, 1, 2], [3, 4, 5], [7, 7, 7]]
    assert by_token(found) is found


def test_outputs_of_the_wrong_kind_are_noticed() -> None:
    whole, ragged = np.zeros((2, 3)), Ragged.empty(np.array([1]), (), np.float32)
    assert dense(whole) is whole
    with pytest.raises(TypeError, match="by record"):
        dense(ragged)
    with pytest.raises(TypeError, match="by token"):
        by_token(whole)
