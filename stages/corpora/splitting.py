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


def choose_groups(
    labels: np.ndarray, share: float, groups: np.ndarray, seed: int, carried: np.ndarray | None = None
) -> np.ndarray:
    """Choose whole groups for a new split, as close to the share of all records, and of each label, as they allow.

    A group counts for the label of its first record. Each label first gives groups while they fit into its share; what is
    missing of the whole then comes from the labels that gave the least of theirs, one group each, those with a single group
    last. No label leaves train altogether: groups go back for that. Where no group fits, the smallest one goes, if it is no
    more than half of all records.

    Args:
        labels: class ids `(records,)`.
        share: of the records, in (0, 1).
        groups: keys of groups that stay together `(records,)`, uint64.
        seed: of the choice.
        carried: all labels of records that have several `(records, classes)`, boolean.

    Returns:
        Whether each record is chosen `(records,)`.
    """
    names, first, member, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    taken = _take_groups(labels[first], share, lots(names, seed), sizes)
    for label in np.setdiff1d(labels, labels[~taken[member]]):
        _give_back(taken, member, sizes, labels == label)
    if carried is not None:
        for column in np.flatnonzero(carried.any(axis=0) & ~carried[~taken[member]].any(axis=0)):
            _give_back(taken, member, sizes, carried[:, column])
    return taken[member]


def _give_back(taken: np.ndarray, member: np.ndarray, sizes: np.ndarray, holders: np.ndarray) -> None:
    """Leave train the smallest group that has one of the records, unless it has some already, in place."""
    if taken[member[holders]].all():
        held = np.unique(member[holders])
        taken[held[np.argmin(sizes[held])]] = False


def joined(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Keys of what hangs together because one key or the other is shared, over any number of steps `(records,)`, uint64.

    Args:
        one: keys `(records,)`, uint64; the least of those that are joined becomes the key of all.
        other: further keys `(records,)`, uint64.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, ours = np.unique(one, return_inverse=True)
    others, theirs = np.unique(other, return_inverse=True)
    nodes = len(names) + len(others)
    edges = coo_array((np.ones(len(one), dtype=np.int8), (ours, theirs + len(names))), shape=(nodes, nodes))
    _, component = connected_components(edges, directed=False)
    least = np.full(nodes, names.max(initial=0), dtype=np.uint64)
    np.minimum.at(least, component[: len(names)], names)
    return least[component[ours]]


def _take_groups(kinds: np.ndarray, share: float, lot: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Whether each group is taken `(groups,)`, by their labels, lots and sizes."""
    order = np.lexsort((lot, kinds))
    _, begins = np.unique(kinds[order], return_index=True)
    taken = np.zeros(len(kinds), dtype=bool)
    rests: list[tuple[bool, float, int, list[int]]] = []
    for candidates in np.split(order, begins[1:]):
        rest = share * float(sizes[candidates].sum())
        for group in candidates.tolist():
            if sizes[group] <= rest:
                taken[group] = True
                rest -= float(sizes[group])
        left = [group for group in candidates.tolist() if not taken[group]]
        rests.append((len(candidates) == 1, -rest, int(lot[left[0]]), left))
    missing = share * float(sizes.sum()) - float(sizes[taken].sum())
    for *_, left in sorted(rests):
        # A group is taken when that brings the whole closer to its share.
        closer = next((group for group in left if abs(missing - sizes[group]) < abs(missing)), None)
        if closer is not None:
            taken[closer] = True
            missing -= float(sizes[closer])
    if not taken.any():
        _, kind, count = np.unique(kinds, return_inverse=True, return_counts=True)
        several = np.flatnonzero(count[kind] > 1)
        smallest = min(several.tolist(), key=lambda group: (sizes[group], lot[group]), default=None)
        if smallest is not None:
            taken[smallest] = 2 * sizes[smallest] <= sizes.sum()
    return taken


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
