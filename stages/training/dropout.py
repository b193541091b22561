"""Dropout on a CPU from packed random bits.

Torch draws a Bernoulli variable for each number, one after another, and multiplies by a mask of another type, which no vector
instruction does: on a short-text encoder that was a tenth to a sixth of a training step. Here a fast generator (SFC64, Doty-
Humphrey's small fast chaotic generator) fills whole words, each of which decides on four numbers by 16 bits, and masks are
compared, converted and multiplied by vector instructions: about an eighth of the time (docs/benchmarks.md).

The share that is kept is therefore a multiple of 1/65536, and what is kept is scaled by exactly that share, so that the
expectation is the input; in bf16 the factor is rounded like any number, as torch's own dropout rounds it (1.109 for 1.111).
Each call is seeded by one draw from torch's own generator: checkpoints, which hold that generator's state, hold everything, and
activation checkpointing, which rewinds it, draws the same mask again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

LEVELS = 65536
"""Values of the 16 bits that decide on one number."""
CHUNK = 2**18
"""Numbers whose random bits are drawn at once, so that they are still in the cache when they are compared."""


def dropout(x: torch.Tensor, share: float) -> torch.Tensor:
    """Set a random share of the numbers to zero and scale the others up (Srivastava et al. 2014).

    Args:
        x: any floating-point tensor on the CPU.
        share: to drop, in [0, 1); rounded to a multiple of 1/65536.

    Returns:
        A tensor like `x`.
    """
    dropped = round(share * LEVELS)
    return _Dropout.apply(x, dropped) if dropped else x  # type: ignore[no-untyped-call]


class PackedDropout(nn.Dropout):
    """`nn.Dropout` for the CPU; on other devices it is its parent."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - the parent's name for it
        """Drop while training, else return the input."""
        if input.device.type != "cpu" or not self.training:
            return super().forward(input)
        return dropout(input, self.p)


def install(model: nn.Module) -> int:
    """Put packed dropout in the place of torch's; weights and their names stay as they are.

    Returns:
        The number of modules that were replaced.
    """
    count = 0
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout and not child.inplace:
                setattr(module, name, PackedDropout(child.p).train(child.training))
                count += 1
    return count


def kept(count: int, dropped: int) -> torch.Tensor:
    """Which of some numbers stay: 1 or 0 `(count,)`, int8; each is 0 with the chance `dropped` / 65536."""
    generator = np.random.SFC64(int(torch.randint(2**63 - 1, ())))
    stays = np.empty(count, dtype=np.bool_)
    for start in range(0, count, CHUNK):
        part = stays[start : start + CHUNK]
        bits = generator.random_raw(-(-len(part) // 4)).view(np.uint16)
        np.greater_equal(bits[: len(part)], dropped, out=part)
    return torch.from_numpy(stays.view(np.int8))


class _Dropout(torch.autograd.Function):
    """One mask, kept as a byte a number, for both passes."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, dropped: int) -> torch.Tensor:
        mask = kept(x.numel(), dropped).view(x.shape)
        ctx.save_for_backward(mask)
        ctx.scale = LEVELS / (LEVELS - dropped)
        return _masked(x, mask, ctx.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (mask,) = ctx.saved_tensors
        return _masked(gradients[0], mask, ctx.scale), None


def _masked(x: torch.Tensor, mask: torch.Tensor, scale: float) -> torch.Tensor:
    # Converted first: a product of two types is computed number by number.
    return mask.to(x.dtype).mul_(scale).mul_(x)
