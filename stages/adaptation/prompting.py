"""Vectors before the text's own embeddings; what prompt and p-tuning share.

They take the first positions, and the text's own move up by as many. Architectures that look only at near neighbours in some
layers (ModernBERT) carry them to far words through their other layers alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stages.adaptation.virtual import Virtual, widen


class BeforeText(Virtual):
    """Embeds the text itself, puts the vectors before it, and cuts their states off again.

    Attributes:
        tokens: vectors that stand before the text of the call under way.
    """

    tokens = 0

    def before(self, encoder: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """See `Virtual.before`; the encoder has to be called with names."""
        kwargs = dict(kwargs)
        words = encoder.get_input_embeddings()(kwargs.pop("input_ids"))
        vectors = self.source().to(words.dtype)
        tokens = self.tokens = len(vectors)
        kwargs["inputs_embeds"] = torch.cat([vectors.expand(words.shape[0], -1, -1), words], dim=1)
        kwargs["attention_mask"] = widen(kwargs["attention_mask"], tokens)
        if kwargs.get("token_type_ids") is not None:
            types = kwargs["token_type_ids"]
            kwargs["token_type_ids"] = torch.cat([types.new_zeros(types.shape[0], tokens), types], dim=1)
        return args, kwargs

    def after(self, _encoder: nn.Module, _args: Any, output: Any) -> Any:
        """See `Virtual.after`."""
        tokens = self.tokens
        output["last_hidden_state"] = output.last_hidden_state[:, tokens:]
        if output.get("hidden_states") is not None:
            output["hidden_states"] = tuple(one[:, tokens:] for one in output.hidden_states)
        return output
