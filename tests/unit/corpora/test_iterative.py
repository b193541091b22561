"""Iterative stratification keeps each label's share, and does not look at the order of the file."""

from __future__ import annotations

import numpy as np

from stages.corpora import iterative
from stages.corpora.hashing import digests


def made_up(records: int = 2000, labels: int = 12) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    matrix = generator.random((records, labels)) < np.geomspace(0.4, 0.01, labels)
    return matrix, digests(f"text {i}" for i in range(records))


def test_each_label_keeps_its_share() -> None:
    matrix, keys = made_up()
    chosen = iterative.choose(matrix, 0.2, keys, 13)
    assert abs(chosen.mean() - 0.2) < 0.002
    counts = matrix.sum(axis=0)
    np.testing.assert_allclose(matrix[chosen].sum(axis=0), 0.2 * counts, atol=1.0)


def test_the_order_of_the_file_does_not_matter_and_the_seed_does() -> None:
    matrix, keys = made_up(400)
    chosen = iterative.choose(matrix, 0.3, keys, 5)
    order = np.random.default_rng(2).permutation(400)
    assert np.array_equal(iterative.choose(matrix[order], 0.3, keys[order], 5), chosen[order])
    assert not np.array_equal(iterative.choose(matrix, 0.3, keys, 6), chosen)


def test_a_label_with_one_record_stays_in_train() -> None:
    matrix = np.zeros((50, 2), dtype=bool)
    matrix[:, 0] = True
    matrix[7, 1] = True
    keys = digests(f"{i}" for i in range(50))
    assert all(not iterative.choose(matrix, 0.4, keys, seed)[7] for seed in range(10))


def test_records_without_any_label_are_shared_out_too() -> None:
    matrix, keys = np.zeros((40, 3), dtype=bool), digests(f"{i}" for i in range(40))
    assert iterative.choose(matrix, 0.25, keys, 1).sum() == 10


def test_no_label_leaves_train_with_another_one_that_its_record_carries() -> None:
    # Columns 0c, 1d, 2a, 3b, 9e: the first two labels draw the only record of the next two to the new split.
    rows = [[1, 0, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 1, 0], *([[0, 0, 0, 0, 1]] * 20)]
    matrix = np.array(rows, dtype=bool)
    for seed in range(30):
        chosen = iterative.choose(matrix, 0.3, digests(f"text {i}" for i in range(len(matrix))), seed)
        assert chosen.any()
        assert matrix[~chosen].any(axis=0).all()
