"""States of a frozen encoder, computed once per text and looked up ever after.

When the whole base model is frozen, its states of a text are the same in every epoch, provided that dropout within it is off.
They are kept by the text's ids, so that whoever asks (training, validation, a head start) shares them.

Each text is computed alone, without padding: sums in another batch would differ in their last bits, and a run that was
resumed would then not end in the same bytes. The one reading is slower for it. Memory is bounded; texts beyond the bound are
computed anew each time. While it is attached, the encoder's `forward` is this cache's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutput


class ActivationCache:
    """Stands between callers and a frozen encoder.

    Args:
        encoder: none of whose weights learn.
        megabytes: most memory for states.
    """

    def __init__(self, encoder: nn.Module, megabytes: int) -> None:
        self.encoder: Any = encoder
        self.room = megabytes * 1_000_000
        self.known: dict[bytes, np.ndarray] = {}
        self.computed = 0

    def attach(self) -> None:
        """Answer the encoder's calls from now on."""
        self.original = self.encoder.forward
        self.encoder.forward = self.forward

    def detach(self) -> None:
        """Let the encoder answer itself again, and forget."""
        del self.encoder.forward
        self.known.clear()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        **others: Any,
    ) -> Any:
        """The encoder's last states `(batch, length, hidden)`, zeros on padding, which nobody may look at.

        Args:
            input_ids: `(batch, length)`, padded on the right.
            attention_mask: likewise.
            token_type_ids: likewise, or None.
            others: asked of the encoder itself, without the cache.
        """
        if any(value is not None for value in others.values()):
            return self.original(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, **others
            )
        lengths = attention_mask.sum(dim=1).tolist()
        rows = [self._states(input_ids, token_type_ids, row, length) for row, length in enumerate(lengths)]
        states = np.zeros((*input_ids.shape, rows[0].shape[-1]), dtype=np.float32)
        for row, found in enumerate(rows):
            states[row, : len(found)] = found
        return BaseModelOutput(last_hidden_state=torch.from_numpy(states).to(input_ids.device))

    def _states(self, ids: torch.Tensor, types: torch.Tensor | None, row: int, length: int) -> np.ndarray:
        """Of one text `(length, hidden)`."""
        asked = {"input_ids": ids[row : row + 1, :length]}
        if types is not None:
            asked["token_type_ids"] = types[row : row + 1, :length]
        key = b"|".join(one.cpu().numpy().tobytes() for one in asked.values())
        if key in self.known:
            return self.known[key]
        self.computed += 1
        training = self.encoder.training
        self.encoder.eval()
        with torch.no_grad():
            mask = torch.ones_like(asked["input_ids"])
            found = self.original(attention_mask=mask, **asked).last_hidden_state[0].float().cpu().numpy().copy()
        self.encoder.train(training)
        if found.nbytes <= self.room:
            self.room -= found.nbytes
            self.known[key] = found
        return found
