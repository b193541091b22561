"""What prompt, p-tuning and prefix share: vectors that belong to no word, from a table or from a small network.

The network is only there to learn: at the end its output replaces it, so that a release holds one table whatever made it.
Vectors before the text lengthen it; they are cut off again where the encoder's states come out, so that what reads the states
(pooling, a tagging head, the alignment's readers) sees the text's own positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from stages.adaptation.architectures import PARTS, kind_of
from stages.adaptation.protocol import INSERTED, Method, encoder_of, freeze, inserted
from stages.errors import ModelError

TABLE = "table"


class Table(nn.Module):
    """Vectors as they are `(tokens, width)`."""

    def __init__(self, values: torch.Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(values)

    def forward(self) -> torch.Tensor:
        """The vectors `(tokens, width)`."""
        return self.table


class Network(nn.Module):
    """Vectors that one of peft's networks makes of a number each."""

    def __init__(self, network: nn.Module, tokens: int) -> None:
        super().__init__()
        self.network = network
        self.tokens = tokens

    def forward(self) -> torch.Tensor:
        """The vectors `(tokens, width)`."""
        where = next(self.network.parameters()).device
        return self.network(torch.arange(self.tokens, device=where)[None])[0]


class Virtual(nn.Module):
    """Holds the vectors and hangs on the encoder by hooks; kinds say what the hooks do.

    Args:
        source: called without arguments, gives `(tokens, width)`.
    """

    def __init__(self, source: nn.Module) -> None:
        super().__init__()
        self.source = source

    def hang_on(self, encoder: nn.Module) -> None:
        """Become the encoder's child and take part in its calls."""
        encoder.add_module(INSERTED, self)
        encoder.register_forward_pre_hook(self.before, with_kwargs=True)
        encoder.register_forward_hook(self.after)

    def before(self, encoder: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Change the encoder's inputs."""
        raise NotImplementedError

    def after(self, _encoder: nn.Module, _args: Any, output: Any) -> Any:
        """Change its outputs; as they are, unless a kind says otherwise."""
        return output


class VirtualMethod(Method):
    """Base of the methods that freeze the base model and add virtual vectors."""

    merges = False
    kind: type[Virtual]

    def insert(self, model: nn.Module, source: nn.Module) -> nn.Module:
        """Freeze the encoder and hang vectors on it."""
        encoder = encoder_of(model)
        freeze(encoder)
        self.kind(source.to(next(encoder.parameters()).device)).hang_on(encoder)
        return model

    def merge(self, model: nn.Module) -> nn.Module:
        """Replace the network that made the vectors by what it makes; see `Method.merge`."""
        holder: Any = encoder_of(model).get_submodule(INSERTED)
        with torch.no_grad():
            values = holder.source().detach().clone()
        holder.source = Table(values).to(values.device)
        return model

    def adapter(self, model: nn.Module) -> dict[str, torch.Tensor]:
        """The vectors, folded; see `Method.adapter`."""
        with torch.no_grad():
            return {f"{INSERTED}.source.{TABLE}": encoder_of(model).get_submodule(INSERTED).source().detach().clone()}

    def rebuild(self, encoder: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
        """See `Method.rebuild`."""
        self.kind(Table(torch.zeros_like(tensors[f"{INSERTED}.source.{TABLE}"]))).hang_on(encoder)
        encoder.load_state_dict({**inserted(encoder), **tensors}, strict=False)


def widen(mask: torch.Tensor, tokens: int) -> torch.Tensor:
    """A mask `(batch, length)` with ones for virtual tokens before it."""
    return torch.cat([mask.new_ones(mask.shape[0], tokens), mask], dim=1)


def room(encoder: Any, tokens: int, max_length: int, method: str) -> None:
    """Whether a text still fits when virtual tokens take positions before it.

    Raises:
        ModelError: it does not.
    """
    limit = getattr(encoder.config, "max_position_embeddings", None)
    if limit is None or not getattr(encoder.config, "position_biased_input", True):  # DeBERTa may have none of its own
        return
    parts = PARTS.get(kind_of(encoder))
    if parts is not None and parts.counts_from_padding:
        limit -= int(encoder.config.pad_token_id) + 1
    if tokens + max_length > limit:
        name = method.replace("-", "_")
        shorter = (
            f"Set text.max_length to at most {limit - tokens}, or use fewer." if limit - tokens >= 8 else "Use fewer."
        )
        raise ModelError(
            f"adaptation.{name}.tokens: {tokens} virtual tokens and texts of up to {max_length} tokens are more than the "
            f"{limit} positions of {type(encoder).__name__}. {shorter}"
        )
