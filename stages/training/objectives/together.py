"""Batches to which records of a class come as groups, for losses that compare them.

With many classes a batch drawn by chance holds hardly two records of any: of 77 equally frequent classes, 32 records have .4
partners each. Here each class is cut into groups of nearly equal size, and batches are filled with groups in random order
(after the batches of P classes with K records each of Hermans et al. 2017, but every record comes once an epoch, and rare
classes in smaller groups). The draw is a function of seed and epoch. Length does not enter it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stages.training.batching import Batches
from stages.training.objectives.balanced import members

SALT = 4


class GroupedBatches(Batches):
    """Fills batches with groups of one class; a group may be cut where a batch is full.

    Args:
        lengths: tokens per record `(records,)`.
        labels: class ids `(records,)`.
        size: records per batch.
        seed: of the draw.
        together: most records of a group.
    """

    def __init__(self, lengths: np.ndarray, labels: np.ndarray, size: int, seed: int, together: int) -> None:
        super().__init__(lengths, size, seed, group=False)
        self.together = together
        self.classes = members(labels)

    def share(self, batch: list[int], rank: int, world: int) -> list[int]:
        """Neighbours, so that most groups stay in one process; one that lies on a border is cut."""
        part: list[int] = np.array_split(np.array(batch), world)[rank].tolist()
        return part

    def __iter__(self) -> Iterator[list[int]]:
        generator = np.random.default_rng([self.seed, self.epoch, SALT])
        groups = [
            part
            for own in self.classes
            for part in np.array_split(generator.permutation(own), -(-len(own) // self.together))
        ]
        order = np.concatenate([groups[i] for i in generator.permutation(len(groups))])
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size].tolist()
