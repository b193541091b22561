"""One seed for everything random, and the switches that make the same sums come out in the same order."""

from __future__ import annotations

import os
import random

import numpy as np
import torch


def seed_everything(seed: int, *, deterministic: bool, threads: int | None) -> None:
    """Seed Python, numpy and torch (all devices), and fix what the order of sums depends on.

    Args:
        seed: for every generator.
        deterministic: refuse operations whose result depends on scheduling. On CUDA this needs cuBLAS's fixed
            workspace, which is set here, before CUDA starts.
        threads: of the CPU; None leaves torch's choice, one per core.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - libraries below draw from the global generator
    torch.manual_seed(seed)
    if threads is not None:
        torch.set_num_threads(threads)
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(deterministic)
    # Torch would also fill each new tensor with NaN before it is written, a twentieth of a CPU step. That finds operations
    # that read what they never wrote; none here does, and tests that compare two runs bit for bit would show it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
