"""The cut: right size, every label close to its share, the same for ever."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpora import splitting

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=200).map(np.array)


def keys(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.uint64)


@given(LABELS, st.floats(0.01, 0.5))
def test_every_label_is_within_one_of_its_share_and_stays_in_train(labels: np.ndarray, share: float) -> None:
    chosen = splitting.choose(labels, share, keys(len(labels)), seed=1)
    for label in np.unique(labels):
        count, taken = (labels == label).sum(), chosen[labels == label].sum()
        assert taken < count
        assert abs(taken - share * count) <= 1
    assert chosen.sum() <= round(share * len(labels))


def test_the_cut_has_exactly_its_size() -> None:
    labels = np.repeat(np.arange(77), 130)
    assert splitting.choose(labels, 0.1, keys(len(labels)), seed=13).sum() == 1001


def test_the_cut_is_the_same_in_every_version() -> None:
    chosen = splitting.choose(np.arange(20) % 2, 0.3, keys(20), seed=13)
    assert np.flatnonzero(chosen).tolist() == [4, 9, 10, 13, 18, 19]


def test_another_seed_cuts_otherwise() -> None:
    labels = np.arange(100) % 2
    one, other = (splitting.choose(labels, 0.3, keys(100), seed) for seed in (1, 2))
    assert (one != other).any()


def test_the_order_of_the_file_does_not_matter() -> None:
    labels, order = np.arange(100) % 3, np.random.default_rng(0).permutation(100)
    straight = splitting.choose(labels, 0.2, keys(100), seed=13)
    shuffled = splitting.choose(labels[order], 0.2, keys(100)[order], seed=13)
    assert (straight[order] == shuffled).all()


def test_more_records_move_few_of_the_old_ones() -> None:
    labels = np.arange(1100) % 4
    before = splitting.choose(labels[:1000], 0.2, keys(1100)[:1000], seed=13)
    after = splitting.choose(labels, 0.2, keys(1100), seed=13)
    assert (before != after[:1000]).mean() < 0.05


@given(LABELS, st.integers(1, 250))
def test_a_sample_has_its_size(labels: np.ndarray, size: int) -> None:
    assert splitting.sample(labels, size, seed=3).sum() == min(size, len(labels))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=120), st.floats(0.05, 0.5))
def test_groups_are_never_cut_and_labels_never_lost(records: list[tuple[int, int]], share: float) -> None:
    labels = np.array([label for label, _ in records])
    groups = np.array([group for _, group in records], dtype=np.uint64)
    chosen = splitting.choose_groups(labels, share, groups, seed=1)
    for group in np.unique(groups):
        assert len(set(chosen[groups == group].tolist())) == 1
    assert set(labels[~chosen].tolist()) == set(labels.tolist())


def test_small_groups_meet_the_share() -> None:
    labels = np.repeat(np.arange(300) % 3, 4)
    chosen = splitting.choose_groups(labels, 0.2, np.repeat(keys(300), 4), seed=5)
    assert [chosen[labels == label].mean() for label in range(3)] == pytest.approx([0.2] * 3)
