"""Tensors of which each process holds a share, and passes over a model that has them; see `stages.training.sharding`.

With whole tensors every function here does nothing, or what would have been done without it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor, distribute_tensor


def reading(model: nn.Module) -> AbstractContextManager[Any]:
    """The context for passes without gradients.

    Tensors that weights are gathered in serve later passes too, so that they must not be inference tensors.
    """
    return torch.no_grad() if any(isinstance(one, FSDPModule) for one in model.modules()) else torch.inference_mode()


def reshard(model: nn.Module) -> None:
    """Forget what was gathered for a pass that no backward pass followed: later passes would take it for the weights."""
    for part in model.modules():
        if isinstance(part, FSDPModule):
            part.reshard()


def gathered(value: torch.Tensor) -> torch.Tensor:
    """A whole tensor of one that is shared out; all processes have to ask for it."""
    value = value.detach()
    return value.full_tensor() if isinstance(value, DTensor) else value


def laid_out(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A whole tensor, the same in all processes, shared out as another is."""
    if not isinstance(like, DTensor):
        return value.to(like.device)
    mesh = like.device_mesh
    return distribute_tensor(value.to(mesh.device_type), mesh, like.placements, src_data_rank=None)
