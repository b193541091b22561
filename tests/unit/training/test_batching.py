"""Batches: every record once an epoch, in an order that is a function of seed and epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stages.artifacts import write_table
from stages.training.batching import Batches, Idle, Rows, Shares, padding_share


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


def test_further_splits_lie_behind_the_corpus_and_it_is_known_which_is_which(tmp_path: Path) -> None:
    for name, ids in (("train", [[1, 2, 3], [4]]), ("augmented", [[5, 6]]), ("rehearsed", [[7]])):
        columns = {"id": [name] * len(ids), "input_ids": ids, "label": [len(ids)] * len(ids), "tags": ids}
        kinds = {"id": pa.string(), "input_ids": pa.list_(pa.int32()), "label": pa.int32(), "tags": pa.list_(pa.int8())}
        write_table(tmp_path / name, pa.table(columns, schema=pa.schema(kinds)))
    rows = Rows.read(*(tmp_path / name for name in ("train", "augmented", "rehearsed")))
    assert (len(rows), rows.own) == (4, 2)
    assert rows.ids.to_pylist() == ["train", "train", "augmented", "rehearsed"]
    assert [ids.tolist() for ids in rows.__getitems__(range(4))["input_ids"]] == [[1, 2, 3], [4], [5, 6], [7]]
    alone, corpus = Rows.read(tmp_path / "train"), replace(rows, flat=rows.flat + 10).corpus
    assert alone.corpus is alone
    assert corpus.ids.to_pylist() == alone.ids.to_pylist()
    assert corpus.flat.tolist() == (alone.flat + 10).tolist()
    for name in ("label", "tags"):
        found, expected = ([np.asarray(value).tolist() for value in one.columns[name]] for one in (corpus, alone))
        assert found == expected
    assert len(corpus) == len(alone) == 2


@given(st.lists(st.integers(1, 60), min_size=1, max_size=300), st.integers(1, 500), st.integers(0, 5))
def test_a_budget_of_tokens_is_kept_and_every_epoch_has_the_same_shapes(
    lengths: list[int], tokens: int, epoch: int
) -> None:
    batches = Batches(np.array(lengths), 1, seed=3, group=True, tokens=tokens)
    first = list(batches)
    batches.set_epoch(epoch)
    later = list(batches)
    assert sorted(i for batch in later for i in batch) == list(range(len(lengths)))
    assert len(later) == len(first) == len(batches)

    def shapes(made: list[list[int]]) -> list[tuple[int, int]]:
        return sorted((len(batch), max(lengths[i] for i in batch)) for batch in made)

    assert shapes(first) == shapes(later)
    assert all(
        len(batch) == 1 or count * width <= tokens
        for batch, (count, width) in zip(first, map(shape_of(lengths), first), strict=True)
    )


def shape_of(lengths: list[int]) -> Callable[[list[int]], tuple[int, int]]:
    return lambda batch: (len(batch), max(lengths[i] for i in batch))


def test_a_budget_mixes_records_and_leaves_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(4, 60, 2000)
    batches = Batches(lengths, 1, 1, group=False, tokens=1024)
    assert padding_share(batches, lengths) < 0.05
    before = {frozenset(batch) for batch in batches}
    batches.set_epoch(1)
    assert len(before & {frozenset(batch) for batch in batches}) < 0.1 * len(before)


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 5))
def test_processes_share_out_the_batches_of_one(records: int, size: int, world: int) -> None:
    whole = Batches(np.ones(records, dtype=np.int64), size, 0, group=True)
    shares = [list(Shares(whole, rank, world)) for rank in range(world)]
    for i, batch in enumerate(whole):
        parts = [share[i] for share in shares]
        assert sorted(one for part in parts if not isinstance(part, Idle) for one in part) == sorted(batch)
        assert all(len(part) == 1 for part in parts if isinstance(part, Idle))
        assert all(parts)
