"""Averaged weights: evaluated and kept instead of those that learn.

EMA fades: after step t, a ← d a + (1 - d) θ with d = min(decay, (1 + t) / (10 + t)), so that the first steps are soon
forgotten. SWA is the plain mean of the weights after each step of the last part of training (Izmailov et al. 2018). Both cost a
copy of the weights that learn and a pass over them per step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from stages.params.objectives import Averaging as Settings
from stages.training.objectives.protocol import Objective, whole
from stages.training.shares import laid_out

COUNT = "count"


class Averaging(Objective):
    """Keeps the averages.

    Args:
        settings: the group `objectives.averaging`.
    """

    name = "averaging"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.averages: dict[str, torch.Tensor] = {}
        self.count = self.first = 0

    def prepare(self, model: nn.Module) -> None:
        """Remember whose weights they are, those that wait to be thawed included."""
        self.model = whole(model)
        self.learns = {name for name, one in self.model.named_parameters() if one.requires_grad}

    def settled(self) -> bool:
        """Whether there is an average yet: until then SWA's run shows weights that still move."""
        return self.settings.kind == "ema" or self.count > 0

    def begin(self, steps: int) -> None:
        """When SWA begins."""
        self.first = int(self.settings.start * steps) if self.settings.kind == "swa" else 0

    def after_step(self, step: int, optimizer: Any) -> None:
        """Take the weights in."""
        if step <= self.first:
            return
        self.count += 1
        share = 1 / self.count
        if self.settings.kind == "ema" and self.count > 1:
            share = 1 - min(self.settings.decay, (1 + self.count) / (10 + self.count))
        with torch.no_grad():
            for name, one in self.model.named_parameters():
                if name in self.averages:
                    self.averages[name].lerp_(one, share)
                elif name in self.learns:
                    self.averages[name] = one.detach().clone()

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """The averages in the weights' places, as far as there are any."""
        weights = dict(whole(model).named_parameters())
        kept = {name: weights[name].detach().clone() for name in self.averages}
        with torch.no_grad():
            for name, average in self.averages.items():
                weights[name].copy_(average)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, value in kept.items():
                    weights[name].copy_(value)

    def state(self) -> dict[str, torch.Tensor]:
        """See `Objective.state`."""
        return {**self.averages, COUNT: torch.tensor(self.count)}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """See `Objective.restore`."""
        weights = dict(self.model.named_parameters())
        self.averages = {name: laid_out(one, weights[name]).clone() for name, one in state.items() if name != COUNT}
        self.count = int(state[COUNT])
