"""BitFit: only biases learn (Ben Zaken et al. 2022), about a thousandth of the weights; nothing is inserted."""

from __future__ import annotations

import torch
from torch import nn

from stages.adaptation.protocol import Method, encoder_of, freeze
from stages.errors import ModelError


class BitFit(Method):
    """Every bias of the base model, those of norms included."""

    name = "bitfit"

    def apply(self, model: nn.Module, max_length: int) -> nn.Module:
        """Freeze everything but biases; see `Method.apply`."""
        encoder = encoder_of(model)
        freeze(encoder)
        biases = [parameter for name, parameter in encoder.named_parameters() if name.endswith("bias")]
        if not biases:
            raise ModelError(
                f"adaptation.method: bitfit tunes biases, and {type(encoder).__name__} has none. Use lora or bottleneck."
            )
        for bias in biases:
            bias.requires_grad_(requires_grad=True)
        return model

    def adapter(self, model: nn.Module) -> dict[str, torch.Tensor]:
        """The biases; see `Method.adapter`."""
        return {name: one.detach() for name, one in encoder_of(model).named_parameters() if one.requires_grad}
