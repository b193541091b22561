"""Batches in which each class is drawn equally often, whatever its share of train.

An epoch has as many records as train; those of rare classes come several times, some of frequent ones not at all. The draw is a
function of seed and epoch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stages.training.batching import Batches

SALT = 3


class BalancedBatches(Batches):
    """Draws records, then batches them as `Batches` does.

    Args:
        lengths: tokens per record `(records,)`.
        labels: class ids `(records,)`.
        size: records per batch.
        seed: of the draw and the order.
        group: whether batches hold records of similar length.
    """

    def __init__(self, lengths: np.ndarray, labels: np.ndarray, size: int, seed: int, *, group: bool) -> None:
        super().__init__(lengths, size, seed, group=group)
        self.classes = members(labels)

    def drawn(self) -> np.ndarray:
        """Records of this epoch `(records,)`: classes in turn, each class's records in random order, over and over."""
        generator = np.random.default_rng([self.seed, self.epoch, SALT])
        rounds = -(-len(self.lengths) // len(self.classes))
        columns = []
        for own in self.classes:
            times = -(-rounds // len(own))
            columns.append(np.concatenate([generator.permutation(own) for _ in range(times)])[:rounds])
        turns = np.stack(columns, axis=1)
        # The last round is cut: which classes it leaves out is left to chance.
        turns = np.stack([generator.permutation(turn) for turn in turns])
        return turns.ravel()[: len(self.lengths)]

    def __iter__(self) -> Iterator[list[int]]:
        records = self.drawn()
        inner = Batches(self.lengths[records], self.batch_size, self.seed, group=self.group)
        inner.set_epoch(self.epoch)
        for batch in inner:
            yield records[batch].tolist()


def members(labels: np.ndarray) -> list[np.ndarray]:
    """Numbers of the records of each class that occurs, classes and records in their order."""
    return [np.flatnonzero(labels == one) for one in np.unique(labels)]
