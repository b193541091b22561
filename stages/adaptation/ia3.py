"""(IA)³: factors on keys, on values, and on what goes into the second feed-forward projection (Liu et al. 2022).

Factors start at 1 and fold into the matrices that they scale. Where one matrix makes queries, keys and values together, all
of its outputs get factors.
"""

from __future__ import annotations

from torch import nn

from stages.adaptation.architectures import layers_of, parts_of
from stages.adaptation.injected import Injected
from stages.adaptation.protocol import encoder_of


class Ia3(Injected):
    """peft's (IA)³ on each layer."""

    name = "ia3"

    def apply(self, model: nn.Module, max_length: int) -> nn.Module:
        """Insert the factors; see `Method.apply`."""
        from peft import IA3Config, IA3Model

        encoder = encoder_of(model)
        parts = parts_of(encoder, self.name)
        root, layers = layers_of(encoder)
        forward = [f"{root}.{i}.{parts.feed_forward_out}" for i in range(len(layers))]
        scaled = [
            f"{root}.{i}.{part}" for i in range(len(layers)) for part in dict.fromkeys((parts.keys, parts.values))
        ]
        config = IA3Config(target_modules=[*scaled, *forward], feedforward_modules=forward)
        return self.inject(model, IA3Model, config)
