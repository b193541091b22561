"""Which numbers the machine at hand multiplies fast: bf16 where that is native, float32 elsewhere."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import nn

from stages.errors import ModelError

FLOAT32 = ("deberta",)
"""Kinds of encoder that stay in float32."""
YES = ("1", "true", "yes")
"""What launchers write for yes in an environment variable, in lower case."""


def device() -> torch.device:
    """The GPU when there is one, else the CPU; of several GPUs, the one that a launcher gave this process.

    `accelerate launch --cpu` keeps away from GPUs.
    """
    if not torch.cuda.is_available() or os.environ.get("ACCELERATE_USE_CPU", "").lower() in YES:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ["LOCAL_RANK"])) if "LOCAL_RANK" in os.environ else torch.device("cuda")


def has_native_bf16(where: torch.device) -> bool:
    """Whether a device multiplies bf16 in hardware: Ampere or later, AMX, or AVX512-BF16.

    A CPU without them emulates bf16 in float32 and is slower with it than without.
    """
    if where.type == "cuda":
        return torch.cuda.get_device_capability(where)[0] >= 8
    if where.type == "cpu":
        return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
    return False


def use_bf16(precision: str, where: torch.device, encoder: nn.Module | None = None) -> bool:
    """Whether `training.precision` means bf16 on this device.

    Args:
        precision: `auto`, `bf16` or `fp32`.
        where: the device.
        encoder: that is read in it; None where nothing is read.

    Raises:
        ModelError: bf16 is asked for, and the encoder cannot be read in it.
    """
    config: Any = getattr(encoder, "config", None)
    kind = getattr(config, "model_type", None)
    if precision == "bf16" and kind in FLOAT32:
        raise ModelError(
            f"training.precision: {kind} models cannot be read in bf16 (their masks hold float32's smallest number, which bf16 "
            "has not). Set auto or fp32."
        )
    return precision == "bf16" or (precision == "auto" and kind not in FLOAT32 and has_native_bf16(where))


def attention(name: str, where: torch.device) -> str | None:
    """The attention implementation that `model.attention` means on this device; None for the library's choice.

    On GPUs that is SDPA where an architecture has it, and eager where it has not (DeBERTa, MPNet). On CPUs the backward pass
    of SDPA is slow on short sequences (docs/benchmarks.md), so `auto` is eager there.
    """
    if name != "auto":
        return name
    return None if where.type == "cuda" else "eager"
