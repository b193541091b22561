"""Where the parts of an encoder lie, by architecture: what each kind calls its projections and norms.

Names are those of transformers' own modules, relative to one layer. Layers themselves are found, not listed: they are
the longest list of modules that an encoder has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from stages.adaptation.protocol import INSERTED
from stages.errors import ModelError


@dataclass(frozen=True)
class Parts:
    """Modules of one layer.

    Attributes:
        queries, keys, values: attention's projections; one module may be all three.
        attention_out: projection at attention's end.
        feed_forward_in, feed_forward_out: the two projections of the feed-forward part.
        last_norm: the norm behind the feed-forward part's sum; None where norms come first.
        prefix: whether attention takes further keys and values.
        positions: whether word positions are counted from padding's id (RoBERTa's kind) or from 0.
    """

    queries: str
    keys: str
    values: str
    attention_out: str
    feed_forward_in: str
    feed_forward_out: str
    last_norm: str | None
    prefix: bool = False
    counts_from_padding: bool = False


def _bert(prefix: bool, padded: bool = False, ends: str = "") -> Parts:  # noqa: FBT001, FBT002 - a table's columns
    attention = "attention.self."
    return Parts(
        queries=f"{attention}query{ends}",
        keys=f"{attention}key{ends}",
        values=f"{attention}value{ends}",
        attention_out="attention.output.dense",
        feed_forward_in="intermediate.dense",
        feed_forward_out="output.dense",
        last_norm="output.LayerNorm",
        prefix=prefix,
        counts_from_padding=padded,
    )


PARTS: dict[str, Parts] = {
    "bert": _bert(prefix=True),
    "electra": _bert(prefix=True),
    "roberta": _bert(prefix=True, padded=True),
    "xlm-roberta": _bert(prefix=True, padded=True),
    "camembert": _bert(prefix=True, padded=True),
    "deberta-v2": _bert(prefix=False, ends="_proj"),
    "deberta": Parts(
        queries="attention.self.in_proj",
        keys="attention.self.in_proj",
        values="attention.self.in_proj",
        attention_out="attention.output.dense",
        feed_forward_in="intermediate.dense",
        feed_forward_out="output.dense",
        last_norm="output.LayerNorm",
    ),
    "mpnet": Parts(
        queries="attention.attn.q",
        keys="attention.attn.k",
        values="attention.attn.v",
        attention_out="attention.attn.o",
        feed_forward_in="intermediate.dense",
        feed_forward_out="output.dense",
        last_norm="output.LayerNorm",
        counts_from_padding=True,
    ),
    "distilbert": Parts(
        queries="attention.q_lin",
        keys="attention.k_lin",
        values="attention.v_lin",
        attention_out="attention.out_lin",
        feed_forward_in="ffn.lin1",
        feed_forward_out="ffn.lin2",
        last_norm="output_layer_norm",
    ),
    "modernbert": Parts(
        queries="attn.Wqkv",
        keys="attn.Wqkv",
        values="attn.Wqkv",
        attention_out="attn.Wo",
        feed_forward_in="mlp.Wi",
        feed_forward_out="mlp.Wo",
        last_norm=None,
    ),
}


def kind_of(encoder: nn.Module) -> str:
    """The architecture's name in its config."""
    config: Any = encoder.config
    return str(config.model_type)


def parts_of(encoder: nn.Module, method: str) -> Parts:
    """The parts of an encoder's layers.

    Raises:
        ModelError: the architecture is not in the table.
    """
    parts = PARTS.get(kind_of(encoder))
    if parts is None:
        raise ModelError(
            f"adaptation.method: {method} does not know where the layers of a {kind_of(encoder)} model have their parts. "
            f"It knows {', '.join(sorted(PARTS))}; with this base model, use full, frozen, bitfit, or lora with "
            "adaptation.lora.targets set to names of linear modules."
        )
    return parts


def layers_of(encoder: nn.Module) -> tuple[str, nn.ModuleList]:
    """The list of layers and its name.

    Raises:
        ModelError: the encoder has no list of modules.
    """
    lists = [(name, one) for name, one in encoder.named_modules() if isinstance(one, nn.ModuleList)]
    if not lists:
        raise ModelError(
            f"{type(encoder).__name__} has no list of layers; use adaptation.method: full with layer_decay: 1."
        )
    return max(lists, key=lambda found: len(found[1]))


def depth_of(name: str, layers: str, count: int, kind: str = "") -> int:
    """How deep a weight lies: -1 for embeddings, 0 for the lowest layer, `count` behind the last one or beside them all.

    Args:
        name: of the weight, relative to the encoder.
        layers: name of the list of layers.
        count: of layers.
        kind: of encoder; see `kind_of`.
    """
    if (
        kind == "deberta-v2"
    ):  # a norm of the relative positions, which every layer reads, and a convolution behind the lowest
        if name.startswith("encoder.LayerNorm."):
            return -1
        if name.startswith("encoder.conv."):
            return 0
    if name.startswith(f"{layers}."):
        return int(name[len(layers) + 1 :].split(".")[0])
    if name.startswith(f"{INSERTED}."):
        return count
    # Tables of relative positions are read by every layer, the lowest one included.
    return -1 if any(word in name for word in ("embed", "relative", "position")) else count


def linear_modules(encoder: nn.Module, targets: str | Iterable[str], method: str) -> list[str]:
    """Names of the linear modules that `targets` mean.

    Args:
        encoder: whose.
        targets: `queries-values`, `attention`, `all`, or ends of module names.
        method: for the message.

    Raises:
        ModelError: there are none.
    """
    root, layers = layers_of(encoder)
    within = [name for name, one in encoder.named_modules() if isinstance(one, nn.Linear)]
    if targets == "all":
        found = [name for name in within if name.startswith(f"{root}.")]
        if not found:
            raise ModelError(
                f"adaptation.{method}.targets: the layers of {type(encoder).__name__} have no linear modules to adapt. "
                "Use another base model, or adaptation.method: full."
            )
        return found
    if isinstance(targets, str):
        parts = parts_of(encoder, method)
        wanted = [parts.queries, parts.values]
        if targets == "attention":
            wanted += [parts.keys, parts.attention_out]
        chosen = {f"{root}.{i}.{part}" for i in range(len(layers)) for part in wanted}
        return [name for name in within if name in chosen]
    ends = tuple(targets)
    found = [name for name in within if any(name == end or name.endswith(f".{end}") for end in ends)]
    unknown = [end for end in ends if not any(name == end or name.endswith(f".{end}") for name in within)]
    if unknown:
        seen = sorted({".".join(name.split(".")[-2:]) for name in within})
        raise ModelError(
            f"adaptation.{method}.targets: no linear module of {type(encoder).__name__} ends in {', '.join(unknown)}. "
            f"There are: {', '.join(seen)}."
        )
    return found
