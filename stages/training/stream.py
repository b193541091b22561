"""Between an encoder's layers, bf16 on CPUs that multiply it.

Autocast casts the weights of products once a step, which is needed, and the products' inputs each time, which is not:
embeddings leave float32 states, so that each of query, key and value casts them anew, sums of residuals fall back to float32,
and the backward pass undoes all of it. One cast behind the embeddings keeps everything between products in bf16. Weights, their
gradients, the optimizer, sums inside norms, pooling, head and loss stay in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from stages.training.attention import FAMILIES


def install(encoder: Any) -> RemovableHandle | None:
    """Let the states behind an encoder's embeddings be bf16 whenever autocast is on; elsewhere nothing changes.

    Returns:
        What takes it away again; None, and nothing done, where the encoder is not of a kind that this was compared on.
    """
    embeddings = getattr(encoder, "embeddings", None)
    if encoder.config.model_type not in FAMILIES or not isinstance(embeddings, nn.Module):
        return None
    return embeddings.register_forward_hook(_cast)


def _cast(_module: nn.Module, _inputs: tuple[Any, ...], states: torch.Tensor) -> torch.Tensor:
    kind = states.device.type
    return states.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else states
