"""Full fine-tuning: every weight of the base model learns."""

from __future__ import annotations

from torch import nn

from stages.adaptation.protocol import Method


class Full(Method):
    """Nothing is frozen and nothing inserted, so there is nothing to undo."""

    name = "full"

    def apply(self, model: nn.Module, max_length: int) -> nn.Module:
        """Let every weight learn; see `Method.apply`."""
        return model.requires_grad_(requires_grad=True)
