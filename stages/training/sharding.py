"""FSDP2: each of several processes holds a share of every weight, its gradient and its moments.

For models that DDP fits on no device: it keeps 16 bytes a weight on each (weight, gradient, AdamW's two moments), sharding
a part of that, and gathers one layer at a time for as long as it computes (Zhao et al. 2023; torch's `fully_shard`). Layers are
gathered in float32 and computed under the autocast that DDP uses, so that numbers are those of DDP, at the price of moving
twice the bytes that bf16 would.

Before the first step and after the last one a model is whole in every process: a head start, general texts, merging of
adapters and writing need not know. That takes 4 bytes a weight on the device, and 4 of main memory for the best weights.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.distributed.fsdp import fully_shard

from stages.errors import ModelError, ParamsError
from stages.params.adaptation import AdaptationParams
from stages.params.objectives import ObjectivesParams
from stages.training import parallel
from stages.training.shares import gathered, laid_out, reshard

PARALLEL = "WHETSTONE_PARALLEL"
"""Environment variable that says what each of several processes holds. No param, as the launcher is none: see
docs/decisions/0012-sharding-by-the-environment.md."""
KINDS = ("ddp", "fsdp")


def wanted() -> bool:
    """Whether weights shall be shared out; a single process has nobody to share with.

    Raises:
        ParamsError: the environment names something else than `KINDS`.
    """
    said = os.environ.get(PARALLEL, "").strip().lower() or KINDS[0]
    if said not in KINDS:
        raise ParamsError(f"{PARALLEL}: '{said}' is unknown. Use one of {', '.join(KINDS)}, or unset it.")
    return said == "fsdp" and parallel.launched() > 1


def check(adaptation: AdaptationParams, objectives: ObjectivesParams) -> None:
    """Refuse what reads weights or gradients of the whole model at each step, where there are only shares of them.

    Raises:
        ModelError: params ask for such a thing.
    """
    remedy = f"Use {{}}, or {PARALLEL}=ddp."
    if adaptation.method == "adalora":
        raise ModelError(
            "adaptation.method: adalora ranks singular values by whole gradients, of which a process has a share under "
            f"{PARALLEL}=fsdp. {remedy.format('lora')}"
        )
    if objectives.ewc.weight > 0:
        raise ModelError(
            "objectives.ewc.weight: its penalty is differentiated by whole weights, of which a process has a share under "
            f"{PARALLEL}=fsdp. {remedy.format('l2_sp')}"
        )


@dataclass(frozen=True)
class Before:
    """A module as it was before it was shared out.

    Attributes:
        kind: its class.
        names: of its attributes.
        hooks: keys of each of its tables of hooks, by the table's name.
    """

    kind: type
    names: frozenset[str]
    hooks: dict[str, frozenset[int]]

    @classmethod
    def of(cls, module: nn.Module) -> Before:
        """Take it down."""
        tables = {
            name: frozenset(one)
            for name, one in vars(module).items()
            if name.endswith("_hooks") and isinstance(one, dict)
        }
        return cls(type(module), frozenset(vars(module)), tables)

    def restore(self, module: nn.Module) -> None:
        """Take away what has come since."""
        for name in vars(module).keys() - self.names:
            delattr(module, name)
        for name, keys in self.hooks.items():
            table: dict[int, Any] = vars(module)[name]
            for key in table.keys() - keys:
                del table[key]
        module.__class__ = self.kind


def put_on(model: nn.Module, *, bf16: bool = False) -> dict[nn.Module, Before]:
    """Leave each process a share of every weight, in place; a layer at a time is gathered to compute.

    Args:
        model: with attribute `encoder`; whole, and the same in all processes.
        bf16: compute under autocast. Casts are not kept: they would hold the whole model in bf16 until a pass ends.

    Returns:
        What `take_off` needs.
    """
    before = {module: Before.of(module) for module in model.modules()}
    if bf16:
        where = next(model.parameters()).device.type
        vars(model)["forward"] = torch.autocast(where, torch.bfloat16, cache_enabled=False)(model.forward)
    kinds = blocks(cast("nn.Module", model.encoder))
    for module in before:
        if type(module).__name__ in kinds and any(True for _ in module.parameters()):
            fully_shard(module)
    # What is left (embeddings, head) is gathered for as long as a pass lasts.
    fully_shard(model)
    return before


def blocks(encoder: nn.Module) -> list[str]:
    """Classes of an encoder's layers: of the list of modules with most weights; empty where no such list has any."""
    lists = [one for one in encoder.modules() if isinstance(one, nn.ModuleList)]
    sizes = [sum(weight.numel() for weight in one.parameters()) for one in lists]
    if not any(sizes):
        return []
    layers = lists[sizes.index(max(sizes))]
    return sorted({type(one).__name__ for one in layers if any(True for _ in one.parameters())})


def take_off(model: nn.Module, before: Mapping[nn.Module, Before]) -> None:
    """Make a model whole again in every process, in place.

    Torch has no such call: weights, classes and hooks are put back as `put_on` found them.
    """
    reshard(model)
    whole: dict[nn.Parameter, nn.Parameter] = {}
    for module in before:
        for name, weight in list(module.named_parameters(recurse=False)):
            if weight not in whole:
                whole[weight] = nn.Parameter(gathered(weight), requires_grad=weight.requires_grad)
            setattr(module, name, whole[weight])
    for module, found in before.items():
        found.restore(module)


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state of an optimizer of shared weights, whole and on the CPU; all processes have to ask for it."""
    found = optimizer.state_dict()
    kept = {
        key: {name: gathered(one).cpu() if isinstance(one, torch.Tensor) else one for name, one in state.items()}
        for key, state in found["state"].items()
    }
    return {**found, "state": kept}


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Take up what `optimizer_state` returned."""
    weights = [one for group in optimizer.param_groups for one in group["params"]]
    shared = {
        # Moments are laid out as their weights are; counts of steps are scalars.
        key: {name: laid_out(one, weights[key]) if one.dim() else one for name, one in kept.items()}
        for key, kept in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": shared})


def restore_weights(model: nn.Module, whole: dict[str, torch.Tensor]) -> None:
    """Give shared weights the values of whole ones, the same in all processes."""
    with torch.no_grad():
        for name, one in model.state_dict().items():
            one.copy_(laid_out(whole[name], one))
