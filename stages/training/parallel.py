"""Several processes that train one model: who writes, what is shared out, what is agreed on.

Every process forms the same batches and takes every n-th record of each, so that the global batch is that of a single
process. A process's mean loss counts by its share of what the batch's mean is taken over, so that the sum of gradients is the
gradient of the single process. What depends on a clock or could differ by a bit between machines is decided by the first
process and told to the others: otherwise one of them would wait for ever.

With a single process every function here does nothing.
"""

from __future__ import annotations

import os
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn

from stages.errors import ParamsError
from stages.tasks.protocol import IGNORED
from stages.training.precision import YES

T = TypeVar("T")
SETTINGS = ("ACCELERATE_MIXED_PRECISION", "ACCELERATE_DYNAMO_BACKEND", "ACCELERATE_GRADIENT_ACCUMULATION_STEPS")
"""What `accelerate launch` says of things that params decide."""
OTHERS = {
    "ACCELERATE_USE_FSDP": "--use_fsdp: weights are shared out with WHETSTONE_PARALLEL=fsdp instead",
    "ACCELERATE_USE_DEEPSPEED": "--use_deepspeed: weights are shared out with WHETSTONE_PARALLEL=fsdp instead",
    "ACCELERATE_USE_MEGATRON_LM": "--use_megatron_lm: weights are shared out with WHETSTONE_PARALLEL=fsdp instead",
}
"""What it says of other ways to train."""
MPI = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")


def active() -> bool:
    """Whether there are several processes, and they know each other."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def launched() -> int:
    """The number of processes that a launcher started, known before they know each other."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def settle() -> None:
    """Let params decide, whatever a launcher says beside the number of processes.

    Raises:
        ParamsError: it asks for a way to train that there is not, or its processes cannot know of each other.
    """
    for name, what in OTHERS.items():
        if os.environ.get(name, "").lower() in YES:
            raise ParamsError(f"accelerate launch {what}. Leave the flag away (or run `accelerate config default`).")
    if launched() == 1 and any(int(os.environ.get(name, "1")) > 1 for name in MPI):
        raise ParamsError(
            "MPI started several processes, which would all be the first one. Start them with torchrun, or with "
            "`accelerate launch --multi_gpu`, which needs no GPU."
        )
    for name in SETTINGS:
        os.environ.pop(name, None)


def idle_gpus() -> int:
    """How many GPUs a process without a launcher leaves alone: it uses one."""
    return max(torch.cuda.device_count() - 1, 0) if launched() == 1 else 0


def rank() -> int:
    """This process's number, 0 for the first."""
    return dist.get_rank() if active() else 0


def world() -> int:
    """The number of processes."""
    return dist.get_world_size() if active() else 1


def is_first() -> bool:
    """Whether this is the process that writes."""
    return rank() == 0


def agreed(value: T) -> T:
    """What the first process says."""
    if not active():
        return value
    said: list[Any] = [value]
    dist.broadcast_object_list(said, src=0)
    return said[0]


def wait() -> None:
    """Go on when all processes have come here."""
    if active():
        dist.barrier()


def mean(values: torch.Tensor) -> torch.Tensor:
    """The mean over processes of a tensor that each has its own of."""
    if not active():
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / world()


def weight(objective: nn.Module, labels: torch.Tensor, *, idle: bool) -> torch.Tensor | float:
    """What a process's mean loss is multiplied by, so that the mean over processes is the whole batch's mean.

    Args:
        objective: that took the mean; with a method `mass(labels)`, the sum of weights that it divides by is that.
        labels: of this process's records.
        idle: whether they are none of the batch's, because it had fewer records than there are processes.
    """
    if not active():
        return 1.0
    own = torch.zeros((), dtype=torch.float64, device=labels.device) if idle else mass(objective, labels)
    # Where nobody's labels count, every loss is 0 already.
    return (own / mean(own).clamp(min=1e-12)).float()


def mass(objective: nn.Module, labels: torch.Tensor) -> torch.Tensor:
    """The sum of weights that an objective's mean is taken over, a scalar in float64.

    Counted are records, and labelled positions for torch's own cross-entropy, by their classes' weights.
    """
    own: Any = getattr(objective, "mass", None)
    if own is not None:
        found: torch.Tensor = own(labels)
        return found.double()
    if isinstance(objective, nn.CrossEntropyLoss) and not labels.is_floating_point():
        counted = labels[labels != IGNORED]
        if objective.weight is not None:
            return objective.weight[counted].sum(dtype=torch.float64)
        return torch.tensor(counted.numel(), dtype=torch.float64, device=labels.device)
    return torch.tensor(len(labels), dtype=torch.float64, device=labels.device)
