"""What the methods share that peft brings: its layers take the places of linear modules, and fold into them again.

peft's wrapper around the model is kept only to merge; the encoder itself stays what it was, with some of its linear modules
exchanged, so that all who ask it for embeddings, config or hidden states need not know.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stages.adaptation.protocol import Method, encoder_of

NAME = "default"
"""peft's name of the one adapter that there is."""


class Injected(Method):
    """Base of the methods whose layers are peft's."""

    tuner: Any

    def inject(self, model: nn.Module, kind: Any, config: Any) -> nn.Module:
        """Exchange modules of the encoder.

        Args:
            model: with attribute `encoder`.
            kind: peft's model class.
            config: of the adapter.
        """
        self.tuner = kind(encoder_of(model), config, NAME)
        return model

    def merge(self, model: nn.Module) -> nn.Module:
        """Fold the adapters into the linear modules and put those back; see `Method.merge`."""
        whole: Any = model
        whole.encoder = self.tuner.merge_and_unload()
        # peft leaves its config on the model, which would be written with it.
        for left in ("peft_config", "_hf_peft_config_loaded"):
            if left in vars(whole.encoder):
                delattr(whole.encoder, left)
        return model

    def adapter(self, model: nn.Module) -> dict[str, torch.Tensor]:
        """What peft's layers learned; see `Method.adapter`."""
        return {name: one.detach() for name, one in encoder_of(model).named_parameters() if one.requires_grad}
