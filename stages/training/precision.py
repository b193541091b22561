"""Which numbers the machine at hand multiplies fast: bf16 where that is native, float32 elsewhere."""

from __future__ import annotations

import os

import torch

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


def use_bf16(precision: str, where: torch.device) -> bool:
    """Whether `training.precision` means bf16 on this device."""
    return precision == "bf16" or (precision == "auto" and has_native_bf16(where))


def attention(name: str, where: torch.device) -> str:
    """The attention implementation that `model.attention` means on this device.

    On CPUs the backward pass of SDPA is slow on short sequences (docs/benchmarks.md), so `auto` is eager there.
    """
    if name != "auto":
        return name
    return "sdpa" if where.type == "cuda" else "eager"
