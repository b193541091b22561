"""Prefix tuning: every layer's attention also looks at keys and values that are learned (Li & Liang 2021).

The architecture's own cache carries them in, as if they were words read before; the text's positions are given explicitly, so
that they stay what they were. Only BERT's, RoBERTa's and ELECTRA's kind take a cache without being a decoder.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stages.adaptation.architectures import PARTS, kind_of, layers_of, parts_of
from stages.adaptation.protocol import encoder_of
from stages.adaptation.virtual import Network, Table, Virtual, VirtualMethod, widen
from stages.errors import ModelError

KEYS, VALUES = 1.0, 0.02
"""Standard deviations of a prefix at its start. Keys are as large as those of words, so that a query sees some tokens more than
others and they learn apart; with small ones all learn the same (docs/experiment_log.md). Values are small, so that features
change little."""


class BesideText(Virtual):
    """Fills a cache for each call."""

    def before(self, encoder: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """See `Virtual.before`; the encoder has to be called with names."""
        from transformers import DynamicCache

        kwargs = dict(kwargs)
        config, ids = encoder.config, kwargs["input_ids"]
        heads, layers = config.num_attention_heads, config.num_hidden_layers
        table = self.source()
        if torch.is_autocast_enabled(ids.device.type):
            table = table.to(torch.get_autocast_dtype(ids.device.type))
        # (tokens, layers, key or value, heads, width) to one (1, heads, tokens, width) each
        parts = table.view(len(table), layers, 2, heads, -1).permute(1, 2, 3, 0, 4)
        cache = DynamicCache()
        for i in range(layers):
            # The shape and not len(): a plain number would fix the batch size in an exported graph.
            key, value = (parts[i, which].expand(ids.shape[0], -1, -1, -1) for which in (0, 1))
            cache.update(key, value, i)
        positions = torch.arange(ids.shape[1], device=ids.device)[None]
        if PARTS[kind_of(encoder)].counts_from_padding:
            positions = positions + int(config.pad_token_id) + 1
        kwargs.update(
            past_key_values=cache, attention_mask=widen(kwargs["attention_mask"], len(table)), position_ids=positions
        )
        return args, kwargs


class Prefix(VirtualMethod):
    """A table of keys and values for all layers, or a network that makes it."""

    name = "prefix"
    kind = BesideText

    def apply(self, model: nn.Module, max_length: int) -> nn.Module:
        """See `Method.apply`."""
        settings, encoder = self.params.prefix, encoder_of(model)
        if not parts_of(encoder, self.name).prefix:
            able = ", ".join(sorted(kind for kind, parts in PARTS.items() if parts.prefix))
            raise ModelError(
                f"adaptation.method: prefix needs attention that takes further keys and values, and that of a "
                f"{kind_of(encoder)} model does not. It works with {able}; with this base model, use prompt or p-tuning."
            )
        width, layers = int(encoder.config.hidden_size), len(layers_of(encoder)[1])
        if settings.projection is None:
            start = torch.randn(settings.tokens, layers, 2, width) * torch.tensor([KEYS, VALUES])[:, None]
            return self.insert(model, Table(start.view(settings.tokens, -1)))
        from peft import PrefixEncoder, PrefixTuningConfig

        config = PrefixTuningConfig(
            num_virtual_tokens=settings.tokens,
            token_dim=width,
            num_layers=layers,
            num_attention_heads=encoder.config.num_attention_heads,
            encoder_hidden_size=settings.projection,
            prefix_projection=True,
        )
        return self.insert(model, Network(PrefixEncoder(config), settings.tokens))
