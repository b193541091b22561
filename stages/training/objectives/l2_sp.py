"""L2-SP: decay towards the base model's weights instead of towards zero (Li et al. 2018), decoupled as AdamW's decay is.

After each step, with the step's learning rate η of each weight:  θ ← θ - η λ (θ - θ0). As a gradient it would be divided by
AdamW's second moment, and weights with small gradients would be held back most (Loshchilov & Hutter 2019 on plain decay).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stages.training.objectives.protocol import Objective, base_weights


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
        weights = base_weights(model)
        self.start = {id(one): one.detach().clone() for one in weights.values()}

    def after_step(self, step: int, optimizer: Any) -> None:
        """See `Objective.after_step`."""
        with torch.no_grad():
            for group in optimizer.param_groups:
                for one in group["params"]:
                    start = self.start.get(id(one))
                    # A weight that waits to be thawed has no gradient, and has not moved either.
                    if start is not None:
                        one.lerp_(start.to(one.device), min(group["lr"] * self.strength, 1.0))
