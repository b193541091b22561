"""An encoder, a pooling, and a linear head.

The pooling is the one that the base model was trained with. Sentence encoders ship a `pooler` layer that their
training never touched; a head on it starts from noise, which is why the stock sequence-classification classes are not
used here (see docs/decisions/0004-own-classifier-on-the-trained-pooling.md).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def pool(states: torch.Tensor, mask: torch.Tensor, how: str) -> torch.Tensor:
    """One vector per text.

    Args:
        states: last hidden states `(batch, length, hidden)`.
        mask: 1 for tokens, 0 for padding `(batch, length)`.
        how: `mean` over tokens, `cls` (the first token), or `max` over tokens.

    Returns:
        `(batch, hidden)` in float32, whatever the states' type: a mean of many bf16 values loses digits.
    """
    states = states.float()
    if how == "cls":
        return states[:, 0]
    weights = mask.unsqueeze(-1).to(states.dtype)
    if how == "mean":
        return (states * weights).sum(1) / weights.sum(1).clamp(min=1.0)
    return states.masked_fill(weights == 0, torch.finfo(states.dtype).min).amax(1)


def read(
    encoder: nn.Module,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    token_type_ids: torch.Tensor | None = None,
) -> torch.Tensor:
    """Last hidden states `(batch, length, hidden)`; token types are left out where the encoder knows none."""
    config: Any = encoder.config
    if token_type_ids is None or getattr(config, "type_vocab_size", 0) < 2:
        return encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    return encoder(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state


class PooledClassifier(nn.Module):
    """Logits from pooled states.

    Attributes:
        encoder: a transformers encoder that returns `last_hidden_state`.
        head: linear, `(classes, hidden)`.
        pooling: `mean`, `cls` or `max`.
    """

    def __init__(self, encoder: nn.Module, pooling: str, classes: int, dropout: float) -> None:
        super().__init__()
        config: Any = encoder.config
        width = int(config.hidden_size)
        self.encoder = encoder
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits `(batch, classes)` in float32 from ids, mask, and which text a token is of, all `(batch, length)`."""
        pooled = self.dropout(self.features(input_ids, attention_mask, token_type_ids))
        # The head is small and decides: its product stays in float32 under autocast.
        with torch.autocast(pooled.device.type, enabled=False):
            return self.head(pooled)

    def features(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        """What the head reads: pooled states `(batch, hidden)` in float32."""
        states = read(self.encoder, input_ids, attention_mask, token_type_ids)
        return pool(states, attention_mask, self.pooling)


class PooledRegressor(PooledClassifier):
    """A number from pooled states: a head with one output, `(batch,)`."""

    def __init__(self, encoder: nn.Module, pooling: str, dropout: float) -> None:
        super().__init__(encoder, pooling, 1, dropout)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Scores `(batch,)` in float32; see `PooledClassifier.forward`."""
        return super().forward(input_ids, attention_mask, token_type_ids).squeeze(-1)
