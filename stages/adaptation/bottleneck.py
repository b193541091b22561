"""Bottleneck adapters: two small layers with a nonlinearity between them, added to what they read.

Houlsby et al. (2019) put one behind attention and one behind the feed-forward part, each on the sub-layer's output before the
sum with its input. Pfeiffer et al. (2021) keep only the second one: with f the feed-forward part's output and x its input,

    y = LN(f + x + A(LN(f + x)))

for architectures that normalise after the sum; where norms come first, A reads f as Houlsby's does. A's upper layer starts at
zero, so that training begins with the base model itself, bit for bit. Such adapters hold a nonlinearity and cannot be merged.

They hang on the base model's modules by forward hooks, which are bound methods: a deep copy of the encoder takes them along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from stages.adaptation.architectures import layers_of, parts_of
from stages.adaptation.protocol import INSERTED, Method, encoder_of, freeze, inserted

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}


class Adapter(nn.Module):
    """Down to a small width, a nonlinearity, up again.

    Args:
        width: of the states.
        small: of the bottleneck.
        activation: a key of `ACTIVATIONS`.
    """

    def __init__(self, width: int, small: int, activation: str) -> None:
        super().__init__()
        self.down = nn.Linear(width, small)
        self.activation = ACTIVATIONS[activation]()
        self.up = nn.Linear(small, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """What is added to the states `(batch, length, hidden)`, without them."""
        return self.up(self.activation(self.down(states)))

    def behind(self, _module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        """As a hook: add to a module's output what the adapter makes of it."""
        return output + self(output)

    def within_norm(self, norm: nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        """As a hook on a norm: read its output, add to its input, and normalise again."""
        return norm.forward(inputs[0] + self(output))


class Bottleneck(Method):
    """Adapters of one of the two kinds in every layer."""

    name = "bottleneck"
    merges = False

    def apply(self, model: nn.Module, max_length: int) -> nn.Module:
        """Freeze the base model and insert; see `Method.apply`."""
        encoder = encoder_of(model)
        freeze(encoder)
        if self.params.bottleneck.norms:
            for name, module in encoder.named_modules():
                if "norm" in type(module).__name__.lower() and name:
                    module.requires_grad_(requires_grad=True)
        self._insert(encoder)
        return model

    def adapter(self, model: nn.Module) -> dict[str, torch.Tensor]:
        """The adapters' weights; see `Method.adapter`."""
        return inserted(encoder_of(model))

    def rebuild(self, encoder: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
        """Insert and fill; see `Method.rebuild`."""
        self._insert(encoder)
        encoder.load_state_dict({**encoder.state_dict(), **tensors})

    def _insert(self, encoder: Any) -> None:
        settings = self.params.bottleneck
        parts, (root, layers) = parts_of(encoder, self.name), layers_of(encoder)
        width = int(encoder.config.hidden_size)
        where = next(encoder.parameters()).device

        def insert(name: str, hook: str) -> None:
            adapter = Adapter(width, max(width // settings.reduction, 1), settings.activation).to(where)
            # Beside the module that it hangs on: below a norm it would count as one, and never decay.
            encoder.get_submodule(name.rpartition(".")[0]).add_module(INSERTED, adapter)
            encoder.get_submodule(name).register_forward_hook(getattr(adapter, hook))

        for i in range(len(layers)):
            if settings.kind == "houlsby":
                insert(f"{root}.{i}.{parts.attention_out}", "behind")
                insert(f"{root}.{i}.{parts.feed_forward_out}", "behind")
            elif parts.last_norm is not None:
                insert(f"{root}.{i}.{parts.last_norm}", "within_norm")
            else:
                insert(f"{root}.{i}.{parts.feed_forward_out}", "behind")
