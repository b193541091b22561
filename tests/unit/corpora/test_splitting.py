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


@pytest.mark.parametrize(("classes", "each", "size"), [(20, 4, 5), (19, 5, 1), (19, 6, 1), (19, 8, 1)])
@pytest.mark.parametrize("share", [0.1, 0.125, 0.2])
def test_few_groups_of_each_label_meet_the_share_of_the_whole(classes: int, each: int, size: int, share: float) -> None:
    labels = np.repeat(np.arange(classes), each * size)
    groups = np.repeat(keys(classes * each), size)
    chosen = splitting.choose_groups(labels, share, groups, seed=13)
    assert abs(chosen.sum() - share * len(labels)) <= size / 2
    for label in range(classes):
        taken = chosen[labels == label].sum()
        assert abs(taken - share * each * size) < size
        assert taken < each * size


def test_which_labels_give_a_group_is_drawn_and_not_the_order_of_their_names() -> None:
    labels, groups = np.repeat(np.arange(40), 5), keys(200)
    given = np.unique(labels[splitting.choose_groups(labels, 0.1, groups, seed=13)])
    assert len(given) == 20
    assert given.max() > 30
    other = np.unique(labels[splitting.choose_groups(labels, 0.1, groups, seed=14)])
    assert given.tolist() != other.tolist()


@pytest.mark.parametrize(
    ("sizes", "taken"), [([6, 5, 7], [5]), ([5, 5], [5]), ([9, 8], [8]), ([40, 3], [3]), ([40], [])]
)
def test_of_a_few_large_groups_the_smallest_goes_if_it_is_no_more_than_half(sizes: list[int], taken: list[int]) -> None:
    groups = np.repeat(keys(len(sizes)), sizes)
    chosen = splitting.choose_groups(np.zeros(len(groups), dtype=int), 0.1, groups, seed=1)
    assert np.unique(groups[chosen], return_counts=True)[1].tolist() == taken


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("sizes", "taken"), [([3, 40], 3), ([40, 3], 3), ([8, 9], 8), ([9, 8], 8)])
def test_which_group_goes_does_not_depend_on_its_place_or_lot(sizes: list[int], taken: int, seed: int) -> None:
    groups = np.repeat(keys(2), sizes)
    chosen = splitting.choose_groups(np.zeros(len(groups), dtype=int), 0.1, groups, seed)
    assert chosen.sum() == taken


def test_groups_that_hold_all_labels_can_be_cut_whatever_their_first_record_says() -> None:
    """Twelve people with forty messages each on twelve subjects, every one of whom began with another subject."""
    groups, labels = np.repeat(keys(12), 40), np.concatenate([(np.arange(40) + i) % 12 for i in range(12)])
    chosen = splitting.choose_groups(labels, 0.2, groups, seed=1)
    assert 80 <= chosen.sum() <= 120
    assert set(labels[~chosen]) == set(range(12))


def test_a_label_that_goes_along_with_others_stays_in_train_too() -> None:
    groups = np.repeat(keys(5), 4)
    carried = np.zeros((20, 3), dtype=bool)
    carried[:, 0] = True
    carried[np.arange(20) % 4 == 0, 1] = True
    carried[groups == keys(5)[2], 2] = True  # one person alone has it
    strata = np.where(carried[:, 1], 1, 0)
    for seed in range(30):
        chosen = splitting.choose_groups(strata, 0.4, groups, seed, carried)
        assert carried[~chosen].any(axis=0).all()
        assert chosen.any()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30))
def test_what_shares_either_key_is_joined_over_any_number_of_steps(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array(column, dtype=np.uint64) for column in zip(*pairs, strict=True))
    found = splitting.joined(one, other)
    reached = [{i} for i in range(len(pairs))]
    for _ in pairs:
        reached = [
            {j for j, pair in enumerate(pairs) if any(pair[0] == pairs[k][0] or pair[1] == pairs[k][1] for k in those)}
            for those in reached
        ]
    assert found.tolist() == [min(pairs[j][0] for j in those) for those in reached]
