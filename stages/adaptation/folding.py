"""What a linear module multiplies by while it learns through something small: one weight and one bias, with their gradients.

LoRA and its kin compute W·x + B·(A·x), two thin products and a sum for each wide one, over all tokens. As long as nothing is
dropped between them that is (W + B·A)·x, and W + B·A is made once a pass, whatever the number of tokens; its gradient is that
of a whole weight, and A's and B's follow from it by two thin products. So a layer that learns by an adapter is computed as one
that learns by its weights (`stages.training.layers`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import nn

Folded = tuple[torch.Tensor, torch.Tensor]
"""A weight `(out, in)` and a bias `(out,)`."""


def foldable(module: nn.Module) -> bool:
    """Whether a module multiplies by one weight and adds a bias: a linear one, or peft's in the place of one.

    Not so with dropout within, with several adapters, and with variants that are not known here.
    """
    if _plain(module):
        return True
    whole: Any = module
    if type(module) not in _kinds() or not _plain(whole.base_layer) or len(whole.active_adapters) != 1:
        return False
    fits, _ = _kinds()[type(module)]
    return fits(whole, whole.active_adapters[0])


def folded(module: Any) -> Folded:
    """A module's weight and bias as they are at the moment, with a graph to what learns; see `foldable`."""
    if type(module) is nn.Linear:
        return module.weight, module.bias
    _, made = _kinds()[type(module)]
    return made(module, module.active_adapters[0])


def set_aside(module: nn.Module) -> bool:
    """Whether what was inserted is merged or switched off for now, so that the module has to be asked itself."""
    return bool(getattr(module, "merged", False) or getattr(module, "disable_adapters", False))


@cache
def _kinds() -> dict[type, tuple[Callable[[Any, str], bool], Callable[[Any, str], Folded]]]:
    """Modules of peft: whether one can be folded, and how."""
    from peft.tuners import adalora, ia3, lora

    return {
        adalora.SVDLinear: (_undropped, _adalora),
        lora.Linear: (_known, _lora),
        ia3.Linear: (lambda *_: True, _ia3),
    }


def _plain(module: nn.Module) -> bool:
    return type(module) is nn.Linear and module.bias is not None


def _undropped(module: Any, name: str) -> bool:
    return isinstance(module.lora_dropout[name], nn.Identity) and not module.fan_in_fan_out


def _known(module: Any, name: str) -> bool:
    from peft.tuners.lora.variants import DoraLinearVariant

    variant = module.lora_variant.get(name)
    return (
        _undropped(module, name)
        and (variant is None or isinstance(variant, DoraLinearVariant))
        and all(one.bias is None for one in (module.lora_A[name], module.lora_B[name]))
    )


def _lora(module: Any, name: str) -> Folded:
    """Hu et al. 2021; with a magnitude, Liu et al. 2024, whose length of rows is a constant for the gradient (section 4.3)."""
    base = module.base_layer
    up, down = module.lora_B[name].weight, module.lora_A[name].weight
    weight = torch.addmm(base.weight, up * module.scaling[name], down)
    if name in module.lora_variant:
        lengths = torch.linalg.vector_norm(weight.detach(), dim=1)
        weight = weight * (module.lora_magnitude_vector[name].weight / lengths)[:, None]
    return weight, base.bias


def _adalora(module: Any, name: str) -> Folded:
    """Zhang et al. 2023, with the scale that peft gives it."""
    base = module.base_layer
    scale = module.scaling[name] / (module.ranknum[name] + 1e-5)
    return torch.addmm(base.weight, module.lora_B[name] * scale, module.lora_A[name] * module.lora_E[name]), base.bias


def _ia3(module: Any, name: str) -> Folded:
    """Liu et al. 2022: factors on what comes in, or on what goes out."""
    base, factors = module.base_layer, module.ia3_l[name].flatten()
    if module.is_feedforward:
        return base.weight * factors, base.bias
    return base.weight * factors[:, None], base.bias * factors
