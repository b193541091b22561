"""An encoder, the states of the first token and of two entities' opening markers, and a linear head.

Soares et al. 2019 ("Matching the Blanks", figure 3) classify from the two markers; the first token's state is read beside
them, as R-BERT does (Wu & He 2019), for what the sentence says as a whole.
"""

from __future__ import annotations

import torch
from torch import nn

from stages.tasks.pooled_classifier import read


class MarkedClassifier(nn.Module):
    """Logits from three states.

    Attributes:
        encoder: a transformers encoder that returns `last_hidden_state`.
        head: linear, `(classes, 3 * hidden)`.
    """

    def __init__(self, encoder: nn.Module, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(3 * width, classes)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        head_position: torch.Tensor,
        tail_position: torch.Tensor,
    ) -> torch.Tensor:
        """Logits `(batch, classes)` in float32.

        Args:
            input_ids: with markers `(batch, length)`.
            attention_mask: 1 for tokens `(batch, length)`.
            head_position: of the marker before the head `(batch,)`.
            tail_position: of the marker before the tail `(batch,)`.
        """
        found = self.dropout(self.features(input_ids, attention_mask, head_position, tail_position))
        with torch.autocast(found.device.type, enabled=False):
            return self.head(found)

    def features(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        head_position: torch.Tensor,
        tail_position: torch.Tensor,
    ) -> torch.Tensor:
        """What the head reads: three states side by side `(batch, 3 * hidden)` in float32."""
        states = read(self.encoder, input_ids, attention_mask).float()
        places = torch.stack([torch.zeros_like(head_position), head_position, tail_position], dim=1)
        chosen = places.unsqueeze(-1).expand(-1, -1, states.shape[-1])
        return states.gather(1, chosen).flatten(1)
