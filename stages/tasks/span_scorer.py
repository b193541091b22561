"""An encoder that says of every token how well an answer would begin and end there (Devlin et al. 2019, section 4.2)."""

from __future__ import annotations

import torch
from torch import nn

from stages.tasks.pooled_classifier import read

SILENCED = -1e4
"""Score of padding: no softmax sees it, and bf16 and the exported graph can hold it."""


class SpanScorer(nn.Module):
    """Scores of start and end.

    Attributes:
        encoder: a transformers encoder that returns `last_hidden_state`.
        head: linear, `(2, hidden)`.
    """

    def __init__(self, encoder: nn.Module, width: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, 2)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Scores `(batch, length, 2)` in float32 from ids, mask, and which text a token is of, all `(batch, length)`."""
        states = read(self.encoder, input_ids, attention_mask, token_type_ids).float()
        with torch.autocast(states.device.type, enabled=False):
            scores = self.head(self.dropout(states))
        return scores.masked_fill(attention_mask.unsqueeze(-1) == 0, SILENCED)


class SpanLoss(nn.Module):
    """Cross-entropy of start and end over a row's positions, the mean of both; rows whose labels are ignored do not count.

    Args:
        ignored: label of such rows.
        smoothing: share of the target that is spread over all positions that can be seen.
    """

    def __init__(self, ignored: int, smoothing: float) -> None:
        super().__init__()
        self.ignored = ignored
        self.smoothing = smoothing

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar, from scores `(batch, length, 2)` and positions `(batch, 2)`."""
        counted = labels[:, 0] != self.ignored
        shares = scores.float().log_softmax(1)
        seen = scores > SILENCED / 2
        chosen = shares.gather(1, labels.clamp(min=0).unsqueeze(1)).squeeze(1)
        spread = (shares * seen).sum(1) / seen.sum(1)
        each = -((1 - self.smoothing) * chosen + self.smoothing * spread).mean(1)
        # A batch may hold nothing but windows that saw a part of an answer.
        return (each * counted).sum() / counted.sum().clamp(min=1)

    def mass(self, labels: torch.Tensor) -> torch.Tensor:
        """The rows that the mean is over; see `stages.training.parallel.mass`."""
        return (labels[:, 0] != self.ignored).sum()
