"""Prompt tuning: a few vectors stand before the text's own embeddings, and nothing else of the encoder learns.

(Lester et al. 2021.) A prompt needs a learning rate ten to a hundred times that of full tuning.
"""

from __future__ import annotations

import torch
from torch import nn

from stages.adaptation.prompting import BeforeText
from stages.adaptation.protocol import encoder_of
from stages.adaptation.virtual import Table, VirtualMethod, room


class Prompt(VirtualMethod):
    """A table of vectors, begun with words or noise."""

    name = "prompt"
    kind = BeforeText

    def apply(self, model: nn.Module, max_length: int) -> nn.Module:
        """See `Method.apply`."""
        settings, encoder = self.params.prompt, encoder_of(model)
        room(encoder, settings.tokens, max_length, self.name)
        words = encoder.get_input_embeddings().weight.detach()
        if settings.start == "vocabulary":
            values = words[torch.randint(len(words), (settings.tokens,))].clone()
        else:
            values = torch.randn(settings.tokens, words.shape[1]) * words.std()
        return self.insert(model, Table(values))
