"""Focal loss: a record that is right already counts less, by (1 - p)^γ (Lin et al. 2017).

    loss = mean over the batch of  -w_y (1 - p_y)^γ log p_y

with the task's class weights w, normalised as cross-entropy does it: by the sum of the batch's weights.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Focal(nn.Module):
    """Takes the place of cross-entropy.

    Args:
        gamma: γ; with 0 it is cross-entropy.
        weight: of the classes `(classes,)`, or None.
    """

    weight: torch.Tensor | None

    def __init__(self, gamma: float, weight: torch.Tensor | None) -> None:
        super().__init__()
        self.gamma = gamma
        self.register_buffer("weight", weight)

    def forward(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of logits `(batch, classes)` and class ids `(batch,)`."""
        logarithms = functional.log_softmax(outputs, dim=-1).gather(1, labels[:, None])[:, 0]
        # 1 - p without cancellation; the clamp keeps the slope finite where p is 1.
        doubt = (-torch.expm1(logarithms)).clamp(min=1e-12)
        losses = -(doubt**self.gamma) * logarithms
        if self.weight is None:
            return losses.mean()
        weights = self.weight[labels]
        return (weights * losses).sum() / weights.sum()

    def mass(self, labels: torch.Tensor) -> torch.Tensor:
        """The sum of weights that the mean is taken over; see `stages.training.parallel.mass`."""
        return (
            torch.tensor(float(len(labels)), device=labels.device) if self.weight is None else self.weight[labels].sum()
        )
