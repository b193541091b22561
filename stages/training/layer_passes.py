"""Passes of a layer of BERT's kind (Devlin et al. 2019), operation by operation: forward, backward, and reading alone.

T tokens of B texts of L, H wide; h heads, d wide. Products and what lies between them are in the kind of numbers that states
and weights come in; softmax and norms add up in float32; gradients of weights have the kind of the memory for them. Scale and
mask are one pass over the scores, dropout and residual one over the states, and nothing is kept twice.

Softmax takes numbers one by one where a row does not fill vectors of 32. Of short texts the scores therefore stand with keys
above queries, so that it runs down columns, whose neighbours fill vectors; of longer ones it takes float32 where that leaves
less over.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention

from stages.training.attention import READING
from stages.training.dropout import LEVELS, kept
from stages.training.layer_parts import EVERYTHING, Copies, Form, Memory, Saved, Wanted

COLUMNS = 24
"""Most tokens of texts whose scores stand with keys above queries (docs/experiment_log.md)."""
VECTOR = 32
"""Numbers of bf16 that torch computes with at once, and of a row that it takes one by one where they do not fill that."""
OVER = 8
"""Numbers left over from which softmax is faster in float32."""
MANY = 2048
"""Tokens from which the gradient of a product that narrows is the faster one turned round (docs/experiment_log.md)."""


def forward(x: torch.Tensor, mask: torch.Tensor | None, weights: Copies, form: Form) -> tuple[torch.Tensor, Saved]:
    """A layer's output `(B, L, H)` for states `(B, L, H)` and a mask that is added to scores `(B, 1, L or 1, L)`."""
    texts, length, width = x.shape
    states = x.reshape(-1, width)
    split = _linear(states, weights.qkv, weights.qkv_bias).view(texts, length, 3, form.heads, -1)
    heads = split.permute(2, 0, 3, 1, 4).reshape(3, texts * form.heads, length, -1)
    query, key, value = heads
    scores = torch.bmm(key, query.mT) if length <= COLUMNS else torch.bmm(query, key.mT)
    shares = _softmax(_scaled(scores, mask, form, texts))
    stay = _drawn(form.dropout[0], shares), _drawn(form.dropout[1], states), _drawn(form.dropout[2], states)
    context = torch.bmm(_by_query(_dropped(shares, stay[0])), value)
    context = context.view(texts, form.heads, length, -1).transpose(1, 2).reshape(-1, width)

    before = _added(states, _linear(context, weights.out, weights.out_bias), stay[1])
    middle, before_mean, before_deviation = _norm(before, form.norms[0])
    inner = _linear(middle, weights.first, weights.first_bias)
    active = gelu(inner)
    after = _added(middle, _linear(active, weights.second, weights.second_bias), stay[2])
    found, after_mean, after_deviation = _norm(after, form.norms[1])
    moments = before_mean, before_deviation, after_mean, after_deviation
    saved = Saved(heads, shares, *stay, states, context, middle, inner, active, before, after, *moments)
    return found.view(texts, length, width), saved


def read(x: torch.Tensor, mask: torch.Tensor | None, weights: Copies, form: Form) -> torch.Tensor:
    """The output of `forward` without dropout, where nothing is kept for a backward pass."""
    texts, length, width = x.shape
    if length < READING:
        return forward(x, mask, weights, form)[0]
    states = x.reshape(-1, width)
    split = _linear(states, weights.qkv, weights.qkv_bias).view(texts, length, 3, form.heads, -1)
    query, key, value = split.permute(2, 0, 3, 1, 4)
    added = mask if mask is None else mask.to(query.dtype)
    context = scaled_dot_product_attention(query, key, value, added, scale=form.scale)
    context = context.transpose(1, 2).reshape(-1, width)
    middle, *_ = _norm(_linear(context, weights.out, weights.out_bias).add_(states), form.norms[0])
    active = _linear(middle, weights.first, weights.first_bias, activation="gelu")
    found, *_ = _norm(_linear(active, weights.second, weights.second_bias).add_(middle), form.norms[1])
    return found.view(texts, length, width)


def backward(
    gradient: torch.Tensor, weights: Copies, form: Form, saved: Saved, memory: Memory, wanted: Wanted = EVERYTHING
) -> tuple[torch.Tensor | None, list[torch.Tensor | None]]:
    """Gradients of a layer's input `(B, L, H)`, and of weights and biases: the products' in their order, then both norms'.

    Of what is not wanted there is None.
    """
    width = gradient.size(-1)
    weighed, shifted = wanted.weights, wanted.biases
    moments = saved.after_mean, saved.after_deviation
    after, *last_norm = _norm_backward(
        gradient.reshape(-1, width), saved.after, moments, form.norms[1], wanted.norms[1]
    )
    moved = _dropped(after, saved.stay_last)
    second = _product(moved, saved.active, memory.second, weighed[3], shifted[3])
    inner = torch.ops.aten.gelu_backward(moved @ weights.second, saved.inner)
    first = _product(inner, saved.middle, memory.first, weighed[2], shifted[2])
    whole = torch.addmm(after, inner, weights.first)
    moments = saved.before_mean, saved.before_deviation
    before, *first_norm = _norm_backward(whole, saved.before, moments, form.norms[0], wanted.norms[0])
    moved = _dropped(before, saved.stay_middle)
    out = _product(moved, saved.context, memory.out, weighed[1], shifted[1])
    split = _attention_backward((moved @ weights.out).view(gradient.shape), form, saved)
    qkv = _product(split, saved.states, memory.qkv, weighed[0], shifted[0])
    x = torch.addmm(before, split, weights.qkv).view(gradient.shape) if wanted.x else None
    parts = [None if of is None else of[at * width : (at + 1) * width] for at in range(3) for of in qkv]
    return x, [*parts, *out, *first, *second, *first_norm, *last_norm]


def _attention_backward(gradient: torch.Tensor, form: Form, saved: Saved) -> torch.Tensor:
    """Gradient of query, key and value side by side `(T, 3·H)` for that of attention's context `(B, L, H)`."""
    texts, length, width = gradient.shape
    turned = gradient.view(texts, length, form.heads, -1).transpose(1, 2).reshape(texts * form.heads, length, -1)
    query, key, value = saved.heads
    heads = torch.empty_like(saved.heads)
    torch.bmm(_by_query(_dropped(saved.shares, saved.stay_shares)).mT, turned, out=heads[2])
    shares = torch.bmm(value, turned.mT) if length <= COLUMNS else torch.bmm(turned, value.mT)
    scores = _softmax_backward(_dropped(shares, saved.stay_shares), saved.shares).mul_(form.scale)
    torch.bmm(_by_query(scores), key, out=heads[0])
    torch.bmm(_by_query(scores).mT, query, out=heads[1])
    return heads.view(3, texts, form.heads, length, -1).permute(1, 3, 0, 2, 4).reshape(-1, 3 * width)


def _by_query(x: torch.Tensor) -> torch.Tensor:
    """Scores or shares `(B·h, L, L)` with queries above keys, as products with keys and values take them."""
    return x.mT if x.size(1) <= COLUMNS else x


def _scaled(scores: torch.Tensor, mask: torch.Tensor | None, form: Form, texts: int) -> torch.Tensor:
    """Scores by their scale and with their mask; the mask is written out by text, since a pass over a repeated one is slow."""
    if mask is None:
        return scores.mul_(form.scale)
    length = scores.size(1)
    added = mask.to(scores.dtype).expand(texts, 1, length, length)
    added = (added.mT if length <= COLUMNS else added).contiguous()
    return torch.add(added, scores.view(texts, -1, length, length), alpha=form.scale).view(scores.shape)


def _softmax(scores: torch.Tensor) -> torch.Tensor:
    """Attention's weights for scores, each query's over keys."""
    length, kind = scores.size(1), scores.dtype
    if length <= COLUMNS:
        return torch.softmax(scores, 1, torch.promote_types(kind, torch.float32)).to(kind)
    if length < VECTOR or length % VECTOR >= OVER:
        return torch.softmax(scores, 2, torch.promote_types(kind, torch.float32)).to(kind)
    return torch.softmax(scores, 2)


def _softmax_backward(gradient: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Gradient of scores for that of their softmax."""
    length, kind = shares.size(1), shares.dtype
    over = 1 if length <= COLUMNS else 2
    wide = torch.promote_types(kind, torch.float32) if COLUMNS < length < VECTOR else kind
    found: torch.Tensor = torch.ops.aten._softmax_backward_data(gradient.to(wide), shares.to(wide), over, wide)
    return found.to(kind)


def _linear(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, activation: Literal["none", "gelu"] = "none"
) -> torch.Tensor:
    """A product with its bias and what comes behind it.

    In bf16 oneDNN does all of it within; otherwise torch writes the bias into the result before the product.
    """
    if x.dtype == torch.bfloat16 and _adds_biases():
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], "none")
        return found
    found = linear(x, weight, bias)
    return gelu(found) if activation == "gelu" else found


@cache
def _adds_biases() -> bool:
    """Whether oneDNN multiplies bf16 on this processor."""
    return hasattr(torch.ops.mkldnn, "_linear_pointwise") and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _product(
    gradient: torch.Tensor,
    x: torch.Tensor,
    out: torch.Tensor,
    weight: bool,  # noqa: FBT001 - two of a kind, in the order of what they ask for
    bias: bool,  # noqa: FBT001
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """The gradients of a product's weight, written into `out`, and of its bias, both in that memory's kind of numbers."""
    narrower = gradient.size(1) < x.size(1) and len(x) >= MANY
    if weight:
        out.copy_((x.t() @ gradient).t() if narrower else gradient.t() @ x)
    return out if weight else None, gradient.sum(0).to(out.dtype) if bias else None


def _drawn(share: float, like: torch.Tensor) -> torch.Tensor | None:
    """What each number of a tensor is multiplied by to drop a share of them; None for no dropout."""
    dropped = round(share * LEVELS)
    if not dropped:
        return None
    return kept(like.numel(), dropped).view(like.shape).to(like.dtype).mul_(LEVELS / (LEVELS - dropped))


def _dropped(x: torch.Tensor, stay: torch.Tensor | None) -> torch.Tensor:
    return x if stay is None else x * stay


def _added(rest: torch.Tensor, x: torch.Tensor, stay: torch.Tensor | None) -> torch.Tensor:
    return rest + x if stay is None else torch.addcmul(rest, x, stay)


def _norm(x: torch.Tensor, norm: nn.LayerNorm) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.native_layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _norm_backward(
    gradient: torch.Tensor,
    x: torch.Tensor,
    moments: tuple[torch.Tensor, torch.Tensor],
    norm: nn.LayerNorm,
    wanted: tuple[bool, bool],
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    found, weight, bias = torch.ops.aten.native_layer_norm_backward(
        gradient, x, norm.normalized_shape, *moments, norm.weight, norm.bias, [True, *wanted]
    )
    return found, weight if wanted[0] else None, bias if wanted[1] else None
