"""AdaLoRA: LoRA as P·diag(λ)·Q, whose least important λ are set to zero until a budget is met (Zhang et al. 2023).

Importance is a smoothed |weight · gradient|, so the allocator has to see the gradients of every step. Its running averages are
part of a checkpoint. An evaluation before the budget is met cannot be the best one: what is released has the rank that
params ask for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from stages.adaptation.architectures import linear_modules
from stages.adaptation.injected import Injected
from stages.adaptation.protocol import encoder_of
from stages.errors import ModelError

AVERAGES = ("ipt", "exp_avg_ipt", "exp_avg_unc")
PATTERN = "rank_pattern"


class AdaLora(Injected):
    """peft's AdaLoRA, told of each step."""

    name = "adalora"
    last: float = math.inf
    """Step at which the budget is met."""

    def apply(self, model: nn.Module, max_length: int) -> nn.Module:
        """Insert the products; the schedule is settled by `begin`. See `Method.apply`."""
        from peft import AdaLoraConfig, AdaLoraModel

        settings = self.params.adalora
        config = AdaLoraConfig(
            init_r=settings.initial_rank,
            target_r=settings.target_rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            deltaT=settings.interval,
            orth_reg_weight=settings.orthogonality,
            tinit=0,
            tfinal=0,
            total_step=1,
            target_modules=linear_modules(encoder_of(model), settings.targets, self.name),
        )
        return self.inject(model, AdaLoraModel, config)

    @property
    def _config(self) -> Any:
        return next(iter(self.tuner.peft_config.values()))

    def begin(self, steps: int) -> None:
        """Set the schedule in steps; see `Method.begin`.

        Raises:
            ModelError: there are too few steps for the budget to fall.
        """
        settings, config = self.params.adalora, self._config
        first, last = int(settings.begin * steps), int(settings.end * steps)
        if last - first < 2 or last >= steps:
            raise ModelError(
                f"adaptation.adalora: {steps} steps are too few for a budget that falls between {settings.begin:g} and "
                f"{settings.end:g} of them. Train longer (training.epochs), or use method: lora."
            )
        config.tinit, config.tfinal, config.total_step = first, steps - last, steps
        self.last = last

    def after_step(self, step: int) -> None:
        """Measure importance and cut; see `Method.after_step`."""
        # On CUDA the cut asks for a k-th value, whose index is not deterministic there; only the value is used.
        strict = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(mode=False)
        try:
            self.tuner.update_and_allocate(step)
        finally:
            torch.use_deterministic_algorithms(mode=strict)

    def settled(self, step: int) -> bool:
        """Only a model within the budget may be released; see `Method.settled`."""
        return step >= self.last

    def penalty(self) -> torch.Tensor | None:
        """Mean of ‖PᵀP - I‖ and ‖QQᵀ - I‖, weighted: the singular vectors stay apart."""
        weight = self.params.adalora.orthogonality
        if weight == 0:
            return None
        terms = []
        for name, one in self.tuner.model.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                product = one @ one.T if "lora_A" in name else one.T @ one
                terms.append(torch.linalg.matrix_norm(product - torch.eye(len(product), device=product.device)))
        return weight * torch.stack(terms).mean()

    def ranks(self) -> dict[str, int]:
        """How many singular values of each target are left."""
        return {name: int((one != 0).sum()) for name, one in self.tuner.model.named_parameters() if "lora_E" in name}

    def state(self) -> dict[str, torch.Tensor]:
        """The allocator's averages and its last cut; see `Method.state`."""
        allocator = self.tuner.rankallocator
        found = {f"{kind}/{name}": one for kind in AVERAGES for name, one in getattr(allocator, kind).items()}
        pattern = self._config.rank_pattern
        if pattern:
            # Names and flags as JSON's bytes: a checkpoint holds tensors only.
            found[PATTERN] = torch.from_numpy(np.frombuffer(json.dumps(pattern).encode(), dtype=np.uint8).copy())
        return found

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """See `Method.restore`."""
        allocator = self.tuner.rankallocator
        for kind in AVERAGES:
            own = {name.split("/", 1)[1]: one for name, one in state.items() if name.startswith(f"{kind}/")}
            setattr(allocator, kind, own)
        if PATTERN in state:
            self._config.rank_pattern = json.loads(state[PATTERN].cpu().numpy().tobytes())
