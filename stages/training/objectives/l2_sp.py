"""L2-SP: decay towards the base model's weights (Li et al. 2018), beside AdamW's towards zero and decoupled as that is.

After each step, with the step's learning rate η of each weight:  θ ← θ - η λ (θ - θ0). As a gradient it would be divided by
AdamW's second moment, and weights with small gradients would be held back most (Loshchilov & Hutter 2019 on plain decay).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stages.training.objectives.protocol import Objective, base_weights, whole
from stages.training.shares import laid_out


class L2Sp(Objective):
    """Pulls the encoder's weights back.

    Args:
        strength: λ.
    """

    name = "l2_sp"

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def prepare(self, model: nn.Module) -> None:
        """Keep the beginning."""
        self.model = model
        self.beginning = {name: one.detach().clone() for name, one in base_weights(model).items()}

    def begin(self, steps: int) -> None:
        """Lay the beginning out as the weights are; see `Objective.begin`."""
        weights = dict(whole(self.model).encoder.named_parameters())
        self.start = {id(weights[name]): laid_out(one, weights[name]) for name, one in self.beginning.items()}
        self.beginning = {}

    def after_step(self, step: int, optimizer: Any) -> None:
        """See `Objective.after_step`."""
        with torch.no_grad():
            for group in optimizer.param_groups:
                for one in group["params"]:
                    start = self.start.get(id(one))
                    # A weight that waits to be thawed has no gradient, and has not moved either.
                    if start is not None:
                        one.lerp_(start.to(one.device), min(group["lr"] * self.strength, 1.0))
