"""Cutting validation and test from train: seeded, stratified, and never through a group.

Who goes where is decided by a lot drawn from seed and text, not by a stream of random numbers: the cut is the same on
every platform and under every version of NumPy, does not depend on the order of the file, and moves few records when
some are added. The wanted share is taken from each label by largest remainders. A label with one record keeps it in
train: one cannot be asked about what one could not learn.
"""

from __future__ import annotations

import numpy as np

from stages.corpora.hashing import lots


def choose(labels: np.ndarray, share: float, keys: np.ndarray, seed: int) -> np.ndarray:
    """Choose records for a new split.

    Args:
        labels: class ids `(records,)`.
        share: of the records, in (0, 1).
        keys: of the records' texts `(records,)`, uint64.
        seed: of the choice.

    Returns:
        Whether each record is chosen `(records,)`.
    """
    # A label gives away at most all but one of its records.
    return _take(labels, share, lots(keys, seed), leave=1)


def sample(labels: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Choose `size` records (all, if there are fewer), each label close to its share; returns a mask `(records,)`."""
    if size >= len(labels):
        return np.ones(len(labels), dtype=bool)
    return _take(labels, size / len(labels), lots(np.arange(len(labels), dtype=np.uint64), seed), leave=0)


def choose_groups(labels: np.ndarray, share: float, groups: np.ndarray, seed: int) -> np.ndarray:
    """Choose whole groups for a new split, as close to the share of each label as they allow.

    A group counts for the label of its first record. No label leaves train altogether.

    Args:
        labels: class ids `(records,)`.
        share: of the records, in (0, 1).
        groups: keys of groups that stay together `(records,)`, uint64.
        seed: of the choice.

    Returns:
        Whether each record is chosen `(records,)`.
    """
    names, first, member, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    kind, lot = labels[first], lots(names, seed)
    taken = np.zeros(len(names), dtype=bool)
    for label in np.unique(kind):
        candidates = np.flatnonzero(kind == label)
        candidates = candidates[np.argsort(lot[candidates], kind="stable")]
        wanted, done = share * sizes[candidates].sum(), 0
        for group in candidates[:-1]:
            # A group is taken when that brings the label closer to its share.
            if abs(done + sizes[group] - wanted) < abs(done - wanted):
                taken[group] = True
                done += sizes[group]
    for label in np.setdiff1d(labels, labels[~taken[member]]):
        if (taken[member] | (labels != label)).all():
            held = np.unique(member[labels == label])
            taken[held[np.argmin(sizes[held])]] = False
    return taken[member]


def _take(labels: np.ndarray, share: float, lot: np.ndarray, leave: int) -> np.ndarray:
    """The records with the lowest lots of each label, `share` of them, but leaving at least `leave`."""
    order = np.lexsort((lot, labels))
    _, begins, counts = np.unique(labels[order], return_index=True, return_counts=True)
    quotas = _quotas(counts, share, np.maximum(counts - leave, 0))
    place = np.arange(len(labels)) - np.repeat(begins, counts)
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[order] = place < np.repeat(quotas, counts)
    return chosen


def _quotas(counts: np.ndarray, share: float, most: np.ndarray) -> np.ndarray:
    """Whole numbers close to share · counts, none above `most`, that sum to share · all where `most` allows.

    Largest remainders: each label gets the whole part, and those with the largest rest one more. What a label cannot
    give because of `most` is not taken from others beyond that: each label's share matters more than the sum.
    """
    exact = counts * share
    quotas = np.minimum(np.floor(exact).astype(int), most)
    missing = round(float(counts.sum() * share)) - int(quotas.sum())
    for i in np.argsort(-(exact - quotas), kind="stable"):
        if missing <= 0:
            break
        if quotas[i] < most[i]:
            quotas[i] += 1
            missing -= 1
    return quotas
