"""LoRA: beside a frozen matrix W a product B·A of low rank is learned, and added to it at the end (Hu et al. 2021).

B starts at zero, so that training begins with the base model itself. rsLoRA changes the scale, DoRA learns the lengths of
W's columns apart from their directions; all three fold into W without a trace.
"""

from __future__ import annotations

from torch import nn

from stages.adaptation.architectures import linear_modules
from stages.adaptation.injected import Injected
from stages.adaptation.protocol import encoder_of


class Lora(Injected):
    """peft's LoRA on the linear modules that params mean."""

    name = "lora"

    def apply(self, model: nn.Module, max_length: int) -> nn.Module:
        """Insert the products; see `Method.apply`."""
        from peft import LoraConfig, LoraModel

        settings = self.params.lora
        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            use_rslora=settings.rslora,
            use_dora=settings.dora,
            target_modules=linear_modules(encoder_of(model), settings.targets, self.name),
        )
        return self.inject(model, LoraModel, config)
