"""Encoder layers of BERT's kind in bf16 on a CPU, each one node of the graph with its own backward pass.

Under autocast a step of a small encoder is not spent on products. With 16 short texts half of it is weights: each is cast into
a fresh tensor, its gradient comes in bf16, is cast into another fresh tensor, and fresh memory has to be mapped page by page.
The rest is a hundred small operations a layer. Here

- bf16 copies of the weights stay in place and are renewed when the weights have moved, query, key and value as one product;
- gradients of products are written into memory that stays, where the optimizer reads them;
- scale and mask, dropout and residual are one pass each, and nothing is saved twice.

What is computed is what the layer computes under autocast with `stages.training.stream`: products and what lies between them
in bf16, softmax and norms with float32 sums, weights and their gradients in float32. The order of roundings differs, as between
any two implementations. Wherever something else is asked of a layer, its own code runs: reading without gradients, evaluation,
float32, long texts without dropout, decoders, other activations, weights that are frozen or wrapped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.functional import gelu, linear
from transformers.activations import GELUActivation

from stages.training.attention import CROSSING, FAMILIES
from stages.training.dropout import LEVELS, kept

ACTIVATIONS = (GELUActivation, nn.GELU)
MANY = 2048
"""Tokens from which the gradient of a product that narrows is the faster one turned round: 3.7 against 5.2 ms at 4,096."""


def install(encoder: Any) -> int:
    """Let an encoder's layers run as one node each, in place.

    Args:
        encoder: a transformers encoder whose states are bf16 under autocast (`stages.training.stream`).

    Returns:
        The number of layers that were changed; none where the architecture is another one.
    """
    if encoder.config.model_type not in FAMILIES:
        return 0
    layers = getattr(getattr(encoder, "encoder", None), "layer", ())
    fitting = [(layer, weights) for layer in layers if (weights := _weights(layer)) is not None]
    for layer, weights in fitting:
        _replace(layer, weights)
    return len(fitting)


@dataclass
class Weights:
    """What a layer computes with.

    Attributes:
        products: weights and biases of query, key, value, output, intermediate and output again.
        norms: weights and biases of both norms.
        heads: of attention.
        epsilon: of the norms.
        scale: of attention's scores.
        copies: products' weights in bf16, query, key and value above one another; biases likewise.
        gradients: memory for the gradients of products, in the order of `products`.
        kind: of numbers to compute in.
        versions: of the weights that `copies` was made from.
        lent: whether `gradients` holds what the optimizer has not seen.
    """

    products: list[nn.Linear]
    norms: list[nn.LayerNorm]
    heads: int
    scale: float
    copies: list[torch.Tensor] = field(default_factory=list)
    gradients: list[torch.Tensor] = field(default_factory=list)
    kind: torch.dtype = torch.bfloat16
    versions: tuple[int, ...] = ()
    lent: bool = False

    def parameters(self) -> list[nn.Parameter]:
        """All that learns, in the order in which gradients are returned."""
        return [part for one in (*self.products, *self.norms) for part in one.parameters()]

    def renew(self) -> None:
        """Cast what has changed since the last time, and take the gradients' memory back."""
        now = tuple(part._version for one in self.products for part in (one.weight, one.bias))
        if now == self.versions:
            return
        if not self.copies:
            self._allocate()
        query, key, value, *others = self.products
        width = query.out_features
        with torch.no_grad():
            for at, one in enumerate((query, key, value)):
                self.copies[0][at * width : (at + 1) * width].copy_(one.weight)
                self.copies[1][at * width : (at + 1) * width].copy_(one.bias)
            for at, one in enumerate(others):
                self.copies[2 + 2 * at].copy_(one.weight)
                self.copies[3 + 2 * at].copy_(one.bias)
        self.versions, self.lent = now, False

    def _allocate(self) -> None:
        query = self.products[0]
        shapes = [(3 * query.out_features, query.in_features), *(tuple(one.weight.shape) for one in self.products[3:])]
        for rows, columns in shapes:
            self.copies += [torch.empty(rows, columns, dtype=self.kind), torch.empty(rows, dtype=self.kind)]
            self.gradients.append(torch.empty(rows, columns, dtype=query.weight.dtype))

    def memory(self) -> list[torch.Tensor]:
        """Where gradients of the four products may be written: memory that stays, if nothing there is still needed.

        Views of it, since the graph takes over a gradient without copying it only where nobody else holds that tensor.
        """
        free = not self.lent and all(one.weight.grad is None for one in self.products)
        self.lent = True
        return [one.view_as(one) if free else torch.empty_like(one) for one in self.gradients]


@dataclass(frozen=True)
class Drop:
    """A dropout that has been drawn: shares to drop are multiples of 1/65536, as in `stages.training.dropout`."""

    kept: torch.Tensor | None

    @classmethod
    def drawn(cls, share: float, like: torch.Tensor) -> Drop:
        """Draw for the numbers of a tensor; 0 leaves all of them alone."""
        dropped = round(share * LEVELS)
        if not dropped:
            return cls(None)
        return cls(kept(like.numel(), dropped).view(like.shape).to(like.dtype).mul_(LEVELS / (LEVELS - dropped)))

    def of(self, x: torch.Tensor) -> torch.Tensor:
        """The numbers, or 0 in the place of those that were dropped."""
        return x if self.kept is None else x * self.kept

    def onto(self, rest: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """What stays of `x`, added to `rest`."""
        return rest + x if self.kept is None else torch.addcmul(rest, x, self.kept)


@dataclass
class Saved:
    """What a layer's backward pass needs of its forward pass. T tokens of B texts of L, H wide; h heads, d wide.

    Attributes:
        heads: query, key and value `(3, B·h, L, d)`.
        shares: attention's weights before dropout `(B·h, L, L)`.
        drops: of shares, of attention's output, of the layer's output.
        states: input, context of attention, first norm's output, and the intermediate before and after its activation `(T, …)`.
        sums: what the norms read `(T, H)`.
        moments: means and reciprocal deviations of both norms.
    """

    shape: tuple[int, int]
    heads: torch.Tensor
    shares: torch.Tensor
    drops: tuple[Drop, Drop, Drop]
    states: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
    sums: tuple[torch.Tensor, torch.Tensor]
    moments: tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def _forward(
    x: torch.Tensor, mask: torch.Tensor | None, weights: Weights, shares: tuple[float, float, float]
) -> tuple[torch.Tensor, Saved]:
    """A layer's output `(B, L, H)` for states `(B, L, H)` and a mask that is added to scores `(B, 1, L or 1, L)`."""
    texts, length, width = x.shape
    per_head = width // weights.heads
    qkv, qkv_bias, out, out_bias, first, first_bias, second, second_bias = weights.copies
    states = x.reshape(-1, width)

    split = linear(states, qkv, qkv_bias).view(texts, length, 3, weights.heads, per_head)
    heads = split.permute(2, 0, 3, 1, 4).reshape(3, -1, length, per_head)
    scores = torch.bmm(heads[0], heads[1].transpose(1, 2))
    if mask is None:
        scores = scores.mul_(weights.scale)
    else:
        by_text = scores.view(texts, weights.heads, length, length)
        scores = torch.add(mask.to(scores.dtype), by_text, alpha=weights.scale).view(-1, length, length)
    attention = torch.softmax(scores, -1)
    drops = (Drop.drawn(shares[0], attention), Drop.drawn(shares[1], states), Drop.drawn(shares[2], states))
    context = torch.bmm(drops[0].of(attention), heads[2])
    context = context.view(texts, weights.heads, length, per_head).transpose(1, 2).reshape(-1, width)

    before = drops[1].onto(states, linear(context, out, out_bias))
    middle, *first_moments = _norm(before, weights.norms[0])
    inner = linear(middle, first, first_bias)
    active = gelu(inner)
    after = drops[2].onto(middle, linear(active, second, second_bias))
    found, *second_moments = _norm(after, weights.norms[1])
    saved = Saved(
        (texts, length),
        heads,
        attention,
        drops,
        (states, context, middle, inner, active),
        (before, after),
        ((first_moments[0], first_moments[1]), (second_moments[0], second_moments[1])),
    )
    return found.view(texts, length, width), saved


def _backward(
    gradient: torch.Tensor, weights: Weights, saved: Saved, memory: list[torch.Tensor]
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Gradients of a layer's input, and of weights and biases in the order of `Weights.parameters`."""
    (texts, length), width = saved.shape, gradient.size(-1)
    per_head = width // weights.heads
    qkv, _, out, _, first, _, second, _ = weights.copies
    states, context, middle, inner, active = saved.states
    of_qkv, of_out, of_first, of_second = memory

    after, *last_norm = _norm_backward(gradient.reshape(-1, width), saved.sums[1], saved.moments[1], weights.norms[1])
    moved = saved.drops[2].of(after)
    of_second_bias = _product(moved, active, of_second)
    hidden = torch.ops.aten.gelu_backward(moved @ second, inner)
    of_first_bias = _product(hidden, middle, of_first)
    before, *first_norm = _norm_backward(
        torch.addmm(after, hidden, first), saved.sums[0], saved.moments[0], weights.norms[0]
    )
    moved = saved.drops[1].of(before)
    of_out_bias = _product(moved, context, of_out)

    turned = (moved @ out).view(texts, length, weights.heads, per_head).transpose(1, 2).reshape(-1, length, per_head)
    query, key, value = saved.heads
    heads = torch.empty_like(saved.heads)
    torch.bmm(saved.drops[0].of(saved.shares).transpose(1, 2), turned, out=heads[2])
    shares = saved.drops[0].of(torch.bmm(turned, value.transpose(1, 2)))
    scores = torch.ops.aten._softmax_backward_data(shares, saved.shares, -1, shares.dtype).mul_(weights.scale)
    torch.bmm(scores, key, out=heads[0])
    torch.bmm(scores.transpose(1, 2), query, out=heads[1])
    split = heads.view(3, texts, weights.heads, length, per_head).permute(1, 3, 0, 2, 4).reshape(-1, 3 * width)
    of_qkv_bias = _product(split, states, of_qkv)
    whole = torch.addmm(before, split, qkv).view(texts, length, width)
    parts = [of[at * width : (at + 1) * width] for at in range(3) for of in (of_qkv, of_qkv_bias)]
    return whole, [
        *parts,
        of_out,
        of_out_bias,
        of_first,
        of_first_bias,
        of_second,
        of_second_bias,
        *first_norm,
        *last_norm,
    ]


def _product(gradient: torch.Tensor, x: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Write the gradient of a product's weights, return its bias's, both in the weights' own kind of numbers."""
    narrower = gradient.size(1) < x.size(1) and len(x) >= MANY
    out.copy_((x.t() @ gradient).t() if narrower else gradient.t() @ x)
    return gradient.sum(0).to(out.dtype)


def _norm(x: torch.Tensor, norm: nn.LayerNorm) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.native_layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _norm_backward(
    gradient: torch.Tensor, x: torch.Tensor, moments: tuple[torch.Tensor, torch.Tensor], norm: nn.LayerNorm
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    found: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = torch.ops.aten.native_layer_norm_backward(
        gradient, x, norm.normalized_shape, *moments, norm.weight, norm.bias, [True] * 3
    )
    return found


class _Layer(torch.autograd.Function):
    """One layer as one node. Its weights are passed so that their gradients are wanted."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, mask: Any, weights: Weights, shares: tuple[float, float, float], *_: nn.Parameter
    ) -> torch.Tensor:
        found, ctx.saved = _forward(x, mask, weights, shares)
        ctx.weights = weights
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        weights: Weights = ctx.weights
        x, own = _backward(gradients[0], weights, ctx.saved, weights.memory())
        return x, None, None, None, *own


def _replace(layer: Any, weights: Weights) -> None:
    """Let a layer decide at each call which way it goes."""
    usual = layer.forward
    attention, middle, last = layer.attention.self.dropout, layer.attention.output.dropout, layer.output.dropout

    def forward(hidden_states: torch.Tensor, attention_mask: Any = None, *arguments: Any, **options: Any) -> Any:
        parameters = weights.parameters()
        suits = (
            layer.training
            and torch.is_grad_enabled()
            and hidden_states.dtype == torch.bfloat16
            and hidden_states.device.type == "cpu"
            and all(one is None for one in (*arguments, options.get("past_key_values")))
            and (attention_mask is None or attention_mask.is_floating_point())
            and (attention.p > 0 or hidden_states.size(1) < CROSSING[torch.bfloat16])
            and all(one.requires_grad for one in parameters)
        )
        if not suits:
            return usual(hidden_states, attention_mask, *arguments, **options)
        weights.renew()
        with torch.autocast("cpu", enabled=False):
            shares = (attention.p, middle.p, last.p)
            return _Layer.apply(hidden_states, attention_mask, weights, shares, *parameters)  # type: ignore[no-untyped-call]

    layer.forward = forward


def _weights(layer: Any) -> Weights | None:
    """A layer's weights, where it is of the form that is computed here."""
    if not hasattr(layer, "attention"):
        return None  # the place of a frozen layer whose states are looked up
    own, out = layer.attention.self, layer.attention.output
    products = [own.query, own.key, own.value, out.dense, layer.intermediate.dense, layer.output.dense]
    norms = [out.LayerNorm, layer.output.LayerNorm]
    found = Weights(products, norms, own.num_attention_heads, own.scaling)
    plain = (
        all(type(one) is nn.Linear and one.bias is not None for one in products)
        and all(type(one) is nn.LayerNorm for one in norms)
        and isinstance(layer.intermediate.intermediate_act_fn, ACTIVATIONS)
        and not getattr(own, "is_decoder", False)
        and layer.chunk_size_feed_forward == 0
        and not any(one._forward_hooks or one._forward_pre_hooks for one in layer.modules() if one is not layer)
    )
    return found if plain else None
