"""Cutting a split from records with several labels each: iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011).

No set of strata can hold every combination of labels, so labels are served one after another, the rarest first: its records go
to whichever side still lacks most of it, and of the labels that they carry along. Order and ties are decided by lots drawn
from seed and text (`stages.corpora.hashing`), so that the cut depends neither on the file's order nor on a library's random
numbers. Cost: one step of `labels` additions per record; 50,000 records with 28 labels take about half a second.
"""

from __future__ import annotations

import numpy as np

from stages.corpora.hashing import lots


def choose(matrix: np.ndarray, share: float, keys: np.ndarray, seed: int) -> np.ndarray:
    """Choose records for a new split.

    Args:
        matrix: whether a record has a label `(records, labels)`.
        share: of the records, in (0, 1).
        keys: of the records' texts `(records,)`, uint64.
        seed: of the lots.

    Returns:
        Whether each record is chosen `(records,)`. Every label keeps at least one record in train.
    """
    order = np.argsort(lots(keys, seed), kind="stable")
    shares = np.array([1 - share, share])
    wanted = shares * len(matrix)  # records that each side still lacks
    lacking = shares[:, None] * matrix.sum(axis=0)  # and records of each label `(sides, labels)`
    left = matrix.sum(axis=0)
    side = np.full(len(matrix), -1)
    holders = [order[matrix[order, label]] for label in range(matrix.shape[1])]
    carried = [np.flatnonzero(row) for row in matrix]
    while left.any():
        label = int(np.argmin(np.where(left > 0, left, left.max() + 1)))
        for record in holders[label]:
            if side[record] < 0:
                taken = _neediest(lacking[:, label], wanted)
                side[record] = taken
                wanted[taken] -= 1
                lacking[taken, carried[record]] -= 1
                left[carried[record]] -= 1
    for record in order[side[order] < 0]:  # without any label
        side[record] = int(wanted[1] > wanted[0])
        wanted[side[record]] -= 1
    for missing in np.flatnonzero(matrix.any(axis=0) & ~matrix[side == 0].any(axis=0)):
        side[holders[missing][0]] = 0  # it went with another label that it carries
    return side == 1


def _neediest(label: np.ndarray, records: np.ndarray) -> int:
    """The side that lacks most of a label; of both, the one that lacks more records; then train."""
    if label[0] != label[1]:
        return int(label[1] > label[0])
    return int(records[1] > records[0])
