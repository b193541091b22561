"""Attention on a CPU, chosen by what is faster for the texts at hand.

Three facts decide (docs/benchmarks.md has the figures):

- SDPA with dropout leaves its fast path on CPUs and draws slow random numbers, so with dropout the plain product is taken, with
  packed dropout, whatever the length;
- without dropout, SDPA's backward pass loses to the plain product on short texts and wins on long ones;
- without gradients SDPA wins from 16 tokens on.

The choice changes the order of sums, so results differ in their last bits between lengths' sides, never between two runs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from stages.training.dropout import dropout as packed_dropout

NAME = "by_length"
FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "electra")
"""Architectures whose attention is a scaled product with an additive mask and nothing else, and was compared with theirs."""
CROSSING = {torch.float32: 32, torch.bfloat16: 128}
"""Tokens from which SDPA is the faster one with gradients. bf16's is an estimate: the plain product took a third of SDPA's time
at 20 tokens on AMX."""
READING = 16
"""Tokens from which SDPA is the faster one without gradients."""


def install(encoder: Any) -> bool:
    """Let an encoder choose its attention by length, in place.

    Args:
        encoder: a transformers encoder with eager attention; any other module is left alone.

    Returns:
        Whether it was changed.
    """
    config: Any = getattr(encoder, "config", None)
    if getattr(config, "_attn_implementation", None) != "eager" or config.model_type not in FAMILIES:
        return False
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, eager_mask)
    encoder.set_attn_implementation(NAME)
    return True


def attend(
    module: nn.Module,  # noqa: ARG001 - the library's own signature
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Attention in the form that transformers calls (Vaswani et al. 2017).

    Args:
        module: the layer that calls.
        query: `(batch, heads, length, width)`; `key` and `value` likewise.
        key: see `query`.
        value: see `query`.
        attention_mask: added to the scores, `(batch, 1, length, length)` or broadcast to it.
        scaling: of the scores; None is 1 / sqrt(width).
        dropout: share of the weights to drop.

    Returns:
        `(batch, length, heads, width)`, and the weights where the plain product was taken.
    """
    scale = scaling if scaling is not None else query.size(-1) ** -0.5
    if attention_mask is not None:
        attention_mask = attention_mask.to(query.dtype)
    if not dropout and query.size(2) >= _crossing(query):
        out = nn.functional.scaled_dot_product_attention(query, key, value, attention_mask, scale=scale)
        return out.transpose(1, 2).contiguous(), None
    scores = torch.matmul(query * scale, key.transpose(2, 3))
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = packed_dropout(scores.softmax(-1), dropout)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


def _crossing(query: torch.Tensor) -> int:
    if not torch.is_grad_enabled():
        return READING
    return CROSSING.get(query.dtype, CROSSING[torch.float32])
