"""Losses of a tagger, in nats per word: cross-entropy of each word's tag, or a CRF's negative log-likelihood.

Both are divided by the number of words that count in the batch, so that learning rates and clipping mean the same for either.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from stages.tasks.crf import Crf
from stages.tasks.protocol import IGNORED


class WordCrossEntropy(nn.Module):
    """Mean cross-entropy over the words that count; 0 when none does.

    Args:
        weights: of the tags `(tags,)`; None for none.
        smoothing: mass that the target gives away to the other tags.
    """

    def __init__(self, weights: np.ndarray | None, smoothing: float) -> None:
        super().__init__()
        tensor = None if weights is None else torch.from_numpy(weights.astype(np.float32))
        self.entropy = nn.CrossEntropyLoss(tensor, ignore_index=IGNORED, label_smoothing=smoothing, reduction="sum")

    def forward(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Of emissions `(batch, length, tags)` and labels `(batch, length)`."""
        total = self.entropy(outputs.flatten(0, 1), labels.flatten())
        return total / (labels != IGNORED).sum().clamp(min=1)

    def mass(self, labels: torch.Tensor) -> torch.Tensor:
        """The words that the mean is over; see `stages.training.parallel.mass`."""
        return (labels != IGNORED).sum()


class SequenceLikelihood(nn.Module):
    """A CRF's negative log-likelihood per word.

    Args:
        crf: of the model's head, whose weights it shares. It is kept out of this module's own parameters.
    """

    def __init__(self, crf: Crf) -> None:
        super().__init__()
        self.shared = (crf,)

    def forward(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Of emissions `(batch, length, tags)` and labels `(batch, length)`."""
        [crf] = self.shared
        return -crf.log_likelihood(outputs, labels).sum() / (labels != IGNORED).sum().clamp(min=1)

    def mass(self, labels: torch.Tensor) -> torch.Tensor:
        """The words that the mean is over; see `stages.training.parallel.mass`."""
        return (labels != IGNORED).sum()


def balanced(tags: np.ndarray, count: int) -> np.ndarray:
    """Weights n / (classes * n_class) of tags `(count,)`, whose mean over the words of train is 1 (King & Zeng 2001)."""
    counts = np.bincount(tags[tags != IGNORED], minlength=count)
    weights = np.zeros(count)
    present = counts > 0
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights
