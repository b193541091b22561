"""WiSE-FT: between base and tuned weights there is often a point that keeps more and loses little (Wortsman et al. 2022).

When training is done, each share α of params is tried on validation with weights (1 - α) θ0 + α θ, and the smallest one whose
metric is within the tolerance of the best is kept: near the base model forgetting is least. The head is mixed along where it
had a start that knew the task; a head that began with noise stays as tuned. Costs one reading of validation per share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from stages.params.objectives import WiseFt as Settings
from stages.training.objectives.protocol import Objective, base_weights, whole


class WiseFt(Objective):
    """Mixes weights after training.

    Args:
        settings: the group `objectives.wise_ft`.
    """

    name = "wise_ft"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.curve: list[dict[str, float]] = []
        self.head: dict[str, torch.Tensor] = {}

    def prepare(self, model: nn.Module) -> None:
        """Keep the beginning, away from the device, which has no use for it before the end."""
        self.start = {f"encoder.{name}": one.detach().cpu().clone() for name, one in base_weights(model).items()}

    def take_head(self, model: nn.Module) -> None:
        """Keep a head that knows the task before the first step."""
        self.head = {f"head.{name}": one.detach().cpu().clone() for name, one in whole(model).head.named_parameters()}

    def state(self) -> dict[str, torch.Tensor]:
        """See `Objective.state`."""
        return self.head

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """See `Objective.restore`."""
        self.head = {name: one.clone() for name, one in state.items()}

    def finish(self, model: nn.Module, evaluate: Callable[[], dict[str, float]], metric: str) -> None:
        """Try every share and keep one.

        Args:
            model: with the tuned weights; left with the chosen mixture.
            evaluate: reads validation, metrics by name.
            metric: that chooses; `loss` is better when it is smaller.
        """
        weights: dict[str, Any] = dict(whole(model).named_parameters())
        start = {**self.start, **self.head}
        end = {name: weights[name].detach().clone() for name in start}
        for share in sorted(set(self.settings.shares)):
            mix(weights, start, end, share)
            values = evaluate()
            self.curve.append({"share": share, **{f"validation_{name}": value for name, value in values.items()}})
        sign = -1 if metric == "loss" else 1
        chosen = choose(
            [(row["share"], sign * row[f"validation_{metric}"]) for row in self.curve], self.settings.tolerance
        )
        mix(weights, start, end, chosen)
        for row in self.curve:
            row["chosen"] = float(row["share"] == chosen)


def mix(
    weights: Mapping[str, Any], start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor], share: float
) -> None:
    """Set weights to a point between `start` (0) and `end` (1)."""
    with torch.no_grad():
        for name, tuned in end.items():
            weights[name].copy_(tuned if share == 1 else torch.lerp(start[name].to(tuned.device), tuned, share))


def choose(points: Sequence[tuple[float, float]], tolerance: float) -> float:
    """The smallest share whose value is within the tolerance of the best one; 1, all of tuning, where no value is a number."""
    numbers = [(share, value) for share, value in points if math.isfinite(value)]
    best = max((value for _, value in numbers), default=0.0)
    return min((share for share, value in numbers if value >= best - tolerance), default=1.0)
