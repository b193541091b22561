"""Batches: every record once an epoch, in an order that is a function of seed and epoch."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stages.training.batching import Batches, Rows, padding_share


@given(st.lists(st.integers(1, 60), min_size=1, max_size=300), st.integers(1, 40), st.integers(0, 5), st.booleans())
def test_an_epoch_is_a_permutation(lengths: list[int], size: int, epoch: int, group: bool) -> None:
    batches = Batches(np.array(lengths), size, seed=3, group=group)
    batches.set_epoch(epoch)
    first, second = list(batches), list(batches)
    assert first == second
    assert sorted(i for batch in first for i in batch) == list(range(len(lengths)))
    assert len(first) == len(batches)
    assert all(len(batch) == size for batch in first[:-1])


def test_grouping_saves_padding_and_epochs_differ() -> None:
    lengths = np.random.default_rng(0).integers(4, 60, 2000)
    grouped, plain = Batches(lengths, 32, 1, group=True), Batches(lengths, 32, 1, group=False)
    assert padding_share(grouped, lengths) < 0.05 < padding_share(plain, lengths)
    before = list(grouped)
    grouped.set_epoch(1)
    assert list(grouped) != before


def test_rows_give_back_what_a_table_holds() -> None:
    table = pa.table(
        {"id": ["a", "b"], "input_ids": pa.array([[1, 2, 3], [4]], pa.list_(pa.int32())), "label": pa.array([1, 0])}
    )
    rows = Rows.of(table.slice(0, 2))
    assert rows.lengths.tolist() == [3, 1]
    batch = rows.__getitems__([1, 0])
    assert [ids.tolist() for ids in batch["input_ids"]] == [[4], [1, 2, 3]]
    assert batch["label"].tolist() == [0, 1]
    assert Rows.of(table.slice(1)).flat.tolist() == [4]
