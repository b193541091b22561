"""AdamW that clips while it moves.

Clipping reads all gradients for their norm, then reads and writes them again to scale them. With small batches the passes over
memory that follow the backward pass weigh as much as the forward pass. The fused kernel divides by a factor anyway, for mixed
precision's loss scaling; it is given the clipping factor instead, and the second pass is gone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.tensor import DTensor


class ClippedAdamW(torch.optim.AdamW):
    """Fused AdamW (Loshchilov & Hutter 2019) whose next step scales its gradients to a norm."""

    grad_scale: torch.Tensor | None = None
    """What the kernel divides gradients by; torch's own name for it."""

    def clip(self, largest: float) -> torch.Tensor | None:
        """Have the next step behave as if `clip_grad_norm_` had been called on all weights.

        Args:
            largest: norm of all gradients together that is left as it is.

        Returns:
            The norm before clipping; None where gradients are sharded, which have to be clipped as usual.
        """
        gradients = [one.grad for group in self.param_groups for one in group["params"] if one.grad is not None]
        if not gradients or any(isinstance(one, DTensor) for one in gradients):
            return None
        norm = torch.nn.utils.get_total_norm(gradients)
        self.grad_scale = ((norm + 1e-6) / largest).clamp(min=1.0).float()
        return norm

    def step(self, closure: Any = None) -> Any:
        """One step; the factor is used once. Weights count the change, which the fused kernel forgets to tell them."""
        try:
            return super().step(closure)
        finally:
            self.grad_scale = None
            torch.autograd.graph.increment_version([one for group in self.param_groups for one in group["params"]])
