"""Full fine-tuning: every weight of the base model learns."""

from __future__ import annotations

from torch import nn


class Full:
    """Nothing is frozen and nothing inserted, so there is nothing to undo."""

    name = "full"

    def apply(self, model: nn.Module) -> nn.Module:
        """Let every weight learn; see `Method.apply`."""
        return model.requires_grad_(requires_grad=True)

    def merge(self, model: nn.Module) -> nn.Module:
        """Return the model as it is; see `Method.merge`."""
        return model
