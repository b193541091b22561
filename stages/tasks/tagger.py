"""An encoder with a score for every tag at every piece: a linear head, with a BiLSTM before it or not.

The BiLSTM is two one-way LSTMs, the second over the sequence turned round within its own length (Schuster & Paliwal 1997): so
padding comes last for both, results do not depend on a batch's other texts, and the whole becomes two plain LSTM nodes in
ONNX. The transitions of a CRF are part of the head, but not of this graph: see `stages.tasks.crf`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from stages.tasks.crf import Crf


class TagHead(nn.Module):
    """From states to emissions, and what scores their sequences.

    Args:
        width: of the encoder's states.
        tags: how many there are.
        hidden: units of the BiLSTM in each direction; None for none.
        allowed: steps of the scheme for a CRF; None for none.
        dropout: before the linear layer, and before the BiLSTM.
    """

    def __init__(self, width: int, tags: int, hidden: int | None, allowed: np.ndarray | None, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.recurrent = None if hidden is None else BothWays(width, hidden)
        self.linear = nn.Linear(width if hidden is None else 2 * hidden, tags)
        self.crf = None if allowed is None else Crf(allowed)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Emissions `(batch, length, tags)` of states `(batch, length, width)` and mask `(batch, length)`."""
        states = self.dropout(states)
        if self.recurrent is not None:
            states = self.dropout(self.recurrent(states, mask))
        return self.linear(states)


class BothWays(nn.Module):
    """A bidirectional LSTM that never sees padding before the text.

    Args:
        width: of the input.
        hidden: units in each direction.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.onward = nn.LSTM(width, hidden, batch_first=True)
        self.inward = nn.LSTM(width, hidden, batch_first=True)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """States of both directions side by side `(batch, length, 2 * hidden)`."""
        count = mask.sum(dim=1, keepdim=True)
        at = torch.arange(mask.shape[1], device=mask.device)[None]
        turned = torch.where(at < count, count - 1 - at, at)[:, :, None]
        onward, _ = self.onward(states)
        backward, _ = self.inward(states.gather(1, turned.expand(-1, -1, states.shape[2])))
        return torch.cat([onward, backward.gather(1, turned.expand(-1, -1, backward.shape[2]))], dim=2)


class Tagger(nn.Module):
    """Emissions from texts.

    Attributes:
        encoder: a transformers encoder that returns `last_hidden_state`.
        head: a `TagHead`.
    """

    def __init__(
        self, encoder: nn.Module, tags: int, hidden: int | None, allowed: np.ndarray | None, dropout: float
    ) -> None:
        super().__init__()
        config: Any = encoder.config
        self.encoder = encoder
        self.head = TagHead(int(config.hidden_size), tags, hidden, allowed, dropout)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Emissions `(batch, length, tags)` in float32 from ids and mask `(batch, length)`."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        # The head is small and decides: it stays in float32 under autocast.
        with torch.autocast(states.device.type, enabled=False):
            return self.head(states.float(), attention_mask)
