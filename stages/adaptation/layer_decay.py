"""Learning rates that fall from layer to layer (discriminative fine-tuning, Howard & Ruder 2018).

The top layer learns at the full rate, each one below at `decay` times that of the one above, embeddings slowest.
It combines with every method: what a method inserts into a layer has that layer's rate.
"""

from __future__ import annotations

from torch import nn

from stages.adaptation.architectures import depth_of, kind_of, layers_of
from stages.adaptation.protocol import encoder_of


def factors(model: nn.Module, decay: float) -> dict[str, float]:
    """Factor of the learning rate by weight's name, those of the encoder only; empty with a decay of 1.

    Args:
        model: with attribute `encoder`.
        decay: from one layer to the next one below.
    """
    if decay == 1:
        return {}
    encoder = encoder_of(model)
    root, layers = layers_of(encoder)
    top = len(layers) - 1
    return {
        f"encoder.{name}": decay ** (top - min(depth_of(name, root, len(layers), kind_of(encoder)), top))
        for name, _ in encoder.named_parameters()
    }


def by_layer(model: nn.Module, decay: float, rate: float) -> dict[str, float]:
    """Peak learning rate of each layer, for the run record."""
    encoder = encoder_of(model)
    root, layers = layers_of(encoder)
    count = len(layers)
    found = {"embeddings" if i < 0 else f"layer_{i}": rate * decay ** (count - 1 - i) for i in range(-1, count)}
    names = {
        depth_of(name, root, count, kind_of(encoder)) for name, one in encoder.named_parameters() if one.requires_grad
    }
    return {
        f"learning_rate.{name}": value
        for i, (name, value) in zip(range(-1, count), found.items(), strict=True)
        if i in names
    }
