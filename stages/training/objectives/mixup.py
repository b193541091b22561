"""Mixup of what the head reads: between two records' features, the loss is between their losses (Zhang et al. 2018).

    f = λ f_i + (1 - λ) f_j        loss = λ L(f, y_i) + (1 - λ) L(f, y_j)        λ ~ Beta(α, α), one per batch

The partner j is the record's place in a random order of the batch. Texts cannot be mixed, pooled features can (as in Guo et al.
2019). Costs nothing to speak of.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from stages.training.objectives.protocol import LossOf, generator

SALT = 2


@dataclass(frozen=True)
class Mixup:
    """Says what the loss of a batch is.

    Attributes:
        alpha: of the Beta distribution.
        seed: of shares and partners.
    """

    alpha: float
    seed: int

    def draw(self, count: int, step: int, part: int) -> tuple[float, torch.Tensor]:
        """Share λ and partners `(count,)` of a batch."""
        source = generator(self.seed, step, part, SALT)
        rows = torch.full((2,), self.alpha, dtype=torch.float64)
        first, second = torch._standard_gamma(rows, generator=source).tolist()
        share = first / (first + second) if first + second > 0 else 0.5
        return share, torch.randperm(count, generator=source)


@contextmanager
def mixed(head: nn.Module, share: float, partners: torch.Tensor) -> Iterator[None]:
    """Within it, the head reads mixed features."""

    def mix(_head: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        features = inputs[0]
        return (share * features + (1 - share) * features[partners.to(features.device)], *inputs[1:])

    handle = head.register_forward_pre_hook(mix)
    try:
        yield
    finally:
        handle.remove()


def between(
    outputs: torch.Tensor, labels: torch.Tensor, share: float, partners: torch.Tensor, loss_of: LossOf
) -> torch.Tensor:
    """The loss of mixed outputs."""
    other = labels[partners.to(labels.device)]
    return share * loss_of(outputs, labels) + (1 - share) * loss_of(outputs, other)
