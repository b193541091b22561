"""What the passes of a layer take and give (`stages.training.layer_passes`): copies of weights, memory, form, what is kept.

T tokens of B texts of L, H wide; h heads, d wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn


class Copies(NamedTuple):
    """Weights of a layer's products `(out, in)` and biases `(out,)`; query, key and value above one another."""

    qkv: torch.Tensor
    qkv_bias: torch.Tensor
    out: torch.Tensor
    out_bias: torch.Tensor
    first: torch.Tensor
    first_bias: torch.Tensor
    second: torch.Tensor
    second_bias: torch.Tensor


class Memory(NamedTuple):
    """Where the gradients of a layer's products are written, as `Copies` without biases."""

    qkv: torch.Tensor
    out: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor


class Wanted(NamedTuple):
    """Which gradients somebody learns from.

    Attributes:
        x: of the layer's input.
        weights: of the products' weights, in the order of `Memory`.
        biases: of the products' biases, likewise.
        norms: of weight and bias of the norm behind attention, and of that behind the layer.
    """

    x: bool
    weights: tuple[bool, bool, bool, bool]
    biases: tuple[bool, bool, bool, bool]
    norms: tuple[tuple[bool, bool], tuple[bool, bool]]

    @classmethod
    def of(cls, x: bool, tensors: Sequence[bool]) -> Wanted:  # noqa: FBT001 - one of many alike
        """For what autograd says of the input and of the sixteen tensors that `backward` returns gradients of."""
        heads, (out, first, second) = tensors[:6], (tensors[at : at + 2] for at in (6, 8, 10))
        weights = any(heads[::2]), out[0], first[0], second[0]
        biases = any(heads[1::2]), out[1], first[1], second[1]
        return cls(x, weights, biases, ((tensors[12], tensors[13]), (tensors[14], tensors[15])))


EVERYTHING = Wanted.of(x=True, tensors=[True] * 16)


class Form(NamedTuple):
    """What a layer is besides its products.

    Attributes:
        norms: behind attention, behind the layer.
        heads: of attention.
        scale: of attention's scores.
        dropout: of attention's weights, of attention's output, of the layer's output; multiples of 1/65536 in effect.
    """

    norms: tuple[nn.LayerNorm, nn.LayerNorm]
    heads: int
    scale: float
    dropout: tuple[float, float, float]


class Saved(NamedTuple):
    """What the backward pass needs of the forward pass.

    Attributes:
        heads: query, key and value `(3, B·h, L, d)`.
        shares: attention's weights before dropout `(B·h, L, L)`; keys above queries where texts are short.
        stay_shares: what each of `shares` is multiplied by, 0 where it is dropped; None without dropout.
        stay_middle: the same for attention's output `(T, H)`.
        stay_last: the same for the layer's output `(T, H)`.
        states: the layer's input `(T, H)`.
        context: what attention gave `(T, H)`.
        middle: the first norm's output `(T, H)`.
        inner: of the wide product, before its activation `(T, wide)`.
        active: behind it.
        before: what the first norm read `(T, H)`.
        after: what the second norm read `(T, H)`.
        before_mean: of each token `(T, 1)`.
        before_deviation: its reciprocal `(T, 1)`.
        after_mean: of each token `(T, 1)`.
        after_deviation: its reciprocal `(T, 1)`.
    """

    heads: torch.Tensor
    shares: torch.Tensor
    stay_shares: torch.Tensor | None
    stay_middle: torch.Tensor | None
    stay_last: torch.Tensor | None
    states: torch.Tensor
    context: torch.Tensor
    middle: torch.Tensor
    inner: torch.Tensor
    active: torch.Tensor
    before: torch.Tensor
    after: torch.Tensor
    before_mean: torch.Tensor
    before_deviation: torch.Tensor
    after_mean: torch.Tensor
    after_deviation: torch.Tensor
