"""AdamW with decay where decay belongs, and the schedule of its learning rate.

Decay pulls weights of products towards zero; on biases and norms, which only shift and scale, it does harm and is left
out (Devlin et al. 2019 and the stock recipes do the same). Embeddings are left out as well: decay would wear down exactly the
words that the corpus does not show, which nothing pulls back. Decoupled as in Loshchilov & Hutter 2019.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from stages.adaptation.protocol import UNDECAYED
from stages.params.training import TrainingParams
from stages.training.clipping import ClippedAdamW

NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm)


def parameter_groups(
    model: nn.Module, params: TrainingParams, factors: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Sort trainable weights into groups: base or head, decayed or not, and by the factor of their rate.

    Args:
        model: whose weights.
        params: rates and decay.
        factors: of the learning rate, by weight's name; 1 where a weight is not named.

    Returns:
        Groups for a torch optimizer, each with a `name` (`base`, `base-no-decay`, `head`, `head-no-decay`, with the factor
        behind it where it is not 1). Groups at the full rate come first.
    """
    undecayed = _undecayed(model)
    groups: dict[tuple[str, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part = "head" if name.startswith("head.") else "base"
            key = f"{part}-no-decay" if name in undecayed else part
            groups.setdefault((key, (factors or {}).get(name, 1.0)), []).append(parameter)
    head_rate = params.head_learning_rate or params.learning_rate
    return [
        {
            "name": key if factor == 1 else f"{key} x {factor:.4g}",
            "params": members,
            "lr": factor * (head_rate if key.startswith("head") else params.learning_rate),
            "weight_decay": 0.0 if key.endswith("no-decay") else params.weight_decay,
        }
        for (key, factor), members in sorted(groups.items(), key=lambda group: (-group[0][1], group[0][0]))
    ]


def make_optimizer(
    model: nn.Module, params: TrainingParams, factors: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """Fused AdamW over `parameter_groups`."""
    beta1, beta2 = params.betas
    groups = parameter_groups(model, params, factors)
    return ClippedAdamW(groups, betas=(beta1, beta2), eps=params.epsilon, fused=True)


def make_schedule(
    optimizer: torch.optim.Optimizer, params: TrainingParams, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear warm-up, then the fall that params name.

    Args:
        optimizer: whose groups are scheduled.
        params: schedule and share of warm-up.
        steps: optimizer steps in all.
    """
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps, params))


def rate(step: int, steps: int, params: TrainingParams) -> float:
    """Factor of the peak learning rate at an optimizer step, in [0, 1].

    Warm-up takes ceil(warmup · steps) steps and ends at 1; linear and cosine then fall to 0 at `steps`.
    """
    warmup = math.ceil(params.warmup * steps)
    if step < warmup:
        return step / warmup
    if params.schedule == "constant":
        return 1.0
    done = min((step - warmup) / max(steps - warmup, 1), 1.0)
    if params.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1.0 - done


def _undecayed(model: nn.Module) -> set[str]:
    """Names of biases, of all weights of norms and embeddings, and of what methods insert in their likeness."""
    names = {
        name
        for name, _ in model.named_parameters()
        # An LSTM's begin with it: bias_ih_l0.
        if name.endswith("bias")
        or name.rpartition(".")[2].startswith("bias")
        or any(part in name for part in UNDECAYED)
    }
    for prefix, module in model.named_modules():
        if isinstance(module, (*NORMS, nn.Embedding)) or "norm" in type(module).__name__.lower():
            names.update(f"{prefix}.{name}" if prefix else name for name, _ in module.named_parameters())
    return names
