"""Which regression fits a head before training, by `Task.probe`; see `stages.training.head_start` for why."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from stages.training import head_independent, head_ridge, head_start
from stages.training.head_start import HeadStart


class Fit(Protocol):
    """Fits a linear head on frozen features."""

    def __call__(self, read: np.ndarray, labels: np.ndarray, classes: int, seed: int, *, balanced: bool) -> HeadStart:
        """Fit.

        Args:
            read: features `(records, hidden)`.
            labels: as the task collates them `(records, ...)`.
            classes: outputs of the head.
            seed: of folds and samples.
            balanced: weigh as `training.class_weights: balanced` does.
        """


FITS: dict[str, Fit] = {
    "multinomial": head_start.fit,
    "independent": head_independent.fit,
    "ridge": head_ridge.fit,
}
