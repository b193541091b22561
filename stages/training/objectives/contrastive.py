"""Supervised contrastive loss on what the head reads (Khosla et al. 2020; with cross-entropy as in Gunel et al. 2021).

With features z of length 1, P(i) the other records of i's class in the batch, and temperature τ:

    SCL = mean over i with P(i) not empty of  -1/|P(i)| Σ_{p in P(i)} log( exp(z_i·z_p/τ) / Σ_{a≠i} exp(z_i·z_a/τ) )
    loss = (1 - λ) L + λ SCL

Records whose class stands alone in the batch are left out of SCL's mean. Where classes are many, `together` gives records
partners (`stages.training.objectives.together`).
"""

from __future__ import annotations

import torch
from torch.nn import functional

from stages.training.objectives.protocol import Objective, Reading


class Contrastive(Objective):
    """Moves a share of the loss from the task's own to the contrastive one.

    Args:
        weight: λ.
        temperature: τ.
    """

    name = "contrastive"

    def __init__(self, weight: float, temperature: float) -> None:
        self.weight, self.temperature = weight, temperature

    def term(self, reading: Reading) -> torch.Tensor:
        """See `Objective.term`."""
        with torch.autocast(reading.read.device.type, enabled=False):
            drawn = contrast(reading.read.float(), reading.labels, self.temperature)
        return self.weight * (drawn - reading.loss)


def contrast(features: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """The contrastive loss of a batch; 0 where no class occurs twice.

    Args:
        features: `(batch, hidden)`.
        labels: class ids `(batch,)`.
        temperature: of the similarities.
    """
    unit = functional.normalize(features, dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    similar = (unit @ unit.T / temperature).masked_fill(itself, float("-inf"))
    logarithms = functional.log_softmax(similar, dim=1).masked_fill(itself, 0.0)
    partners = (labels[:, None] == labels[None]) & ~itself
    count = partners.sum(dim=1)
    losses = -(logarithms * partners).sum(dim=1) / count.clamp(min=1)
    return (losses * (count > 0)).sum() / (count > 0).sum().clamp(min=1)
