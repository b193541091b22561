"""The asymmetric loss for labels that most records lack (Ridnik et al. 2021, equations 4 to 6).

With p the probability of a label: a positive loses (1 - p)^g₊ · log p, a negative q^g₋ · log(1 - q), where q = max(p - m, 0)
is the probability shifted down by a margin: negatives that are easy already (p ≤ m) do not count at all. With g₊ = g₋ = m = 0
it is binary cross-entropy.
"""

from __future__ import annotations

import torch
from torch import nn

SMALLEST = 1e-8
"""Base of a power from which on its slope is finite."""


class AsymmetricLoss(nn.Module):
    """Mean loss over records and labels.

    Args:
        gamma_positive: g₊, how fast easy positives fade.
        gamma_negative: g₋, how fast easy negatives fade.
        clip: m, in [0, 1).
    """

    def __init__(self, gamma_positive: float, gamma_negative: float, clip: float) -> None:
        super().__init__()
        self.gamma_positive, self.gamma_negative, self.clip = gamma_positive, gamma_negative, clip

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """From logits and labels (0 or 1), both `(batch, labels)`."""
        p = torch.sigmoid(logits)
        q = (p - self.clip).clamp(min=0.0)
        # From logits, since log(sigmoid) of a very sure model underflows.
        # Powers below 1 have no slope at 0.
        positive = nn.functional.logsigmoid(logits) * (1 - p).clamp(min=SMALLEST) ** self.gamma_positive
        certain = nn.functional.logsigmoid(-logits) if self.clip == 0 else torch.log1p(-q)
        negative = certain * q.clamp(min=SMALLEST) ** self.gamma_negative
        return -(labels * positive + (1 - labels) * negative).mean()
