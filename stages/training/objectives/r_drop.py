"""R-Drop: two passes with different dropout shall say the same (Wu et al. 2021).

    loss = (L1 + L2) / 2 + α (KL(p1 ‖ p2) + KL(p2 ‖ p1)) / 2

The paper sums both losses; their mean, which the authors' program takes as well, keeps the meaning of the learning rate. An α
of the paper's formula is half as large here. Costs a second pass.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from stages.training.objectives.protocol import Objective, Reading


class RDrop(Objective):
    """Makes the mean of both losses the task's, and adds the divergence.

    Args:
        weight: α.
    """

    name = "r_drop"

    def __init__(self, weight: float) -> None:
        self.weight = weight

    def settle(self, reading: Reading) -> None:
        """See `Objective.settle`."""
        reading.again = reading.ask()
        reading.loss = 0.5 * (reading.loss + reading.loss_of(reading.again, reading.labels))

    def term(self, reading: Reading) -> torch.Tensor:
        """See `Objective.term`."""
        if reading.again is None:
            raise ValueError("the reading has no second pass")
        return self.weight * divergence(reading.outputs.float(), reading.again.float())


def divergence(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Symmetric KL divergence of two rows of logits `(batch, classes)`, mean over the batch."""
    first, second = functional.log_softmax(one, dim=-1), functional.log_softmax(other, dim=-1)
    return 0.5 * ((first.exp() - second.exp()) * (first - second)).sum(dim=-1).mean()
