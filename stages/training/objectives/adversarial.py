"""Adversarial training on word embeddings: FGM (Miyato et al. 2017), PGD (Madry et al. 2018), FreeLB (Zhu et al. 2020).

For each record a change δ of its embeddings is sought, ‖δ‖ ≤ radius over all its tokens, along the gradient g of the loss:

    FGM:     δ = radius · g / ‖g‖                                   loss + w L(δ)
    PGD:     δ ← P(δ + η g / ‖g‖), K times, from 0                  loss + w L(δ_K)
    FreeLB:  the same from a random δ_0                             loss + w (L(δ_0) + … + L(δ_{K-1})) / K

P shortens what is longer than the radius; padding never changes. FGM costs one further pass, the others K of them, each but
FreeLB's last one differentiated by δ besides. The direction is a constant: no gradient flows through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from stages.params.objectives import Adversarial as Settings
from stages.training.objectives.protocol import Objective, Reading, generator, whole

SALT = 1


class Adversarial(Objective):
    """Adds the loss on changed embeddings.

    Args:
        settings: the group `objectives.adversarial`.
        seed: of FreeLB's random start.
    """

    name = "adversarial"
    reads_train_alone = False

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.seed = settings, seed
        self.wants_change = settings.kind != "freelb"

    def term(self, reading: Reading) -> torch.Tensor:
        """See `Objective.term`."""
        if self.settings.kind == "freelb":
            return self.settings.weight * self._freelb(reading)
        if reading.change is None:
            raise ValueError("the reading has no change to differentiate by")
        size = self.settings.radius if self.settings.kind == "fgm" else self.settings.step_size
        (gradient,) = torch.autograd.grad(reading.loss, reading.change, retain_graph=True)
        delta = self._step(torch.zeros_like(gradient), gradient, size, reading)
        for _ in range(1, self.settings.steps if self.settings.kind == "pgd" else 1):
            delta.requires_grad_()
            (gradient,) = torch.autograd.grad(self._loss(reading, delta), delta)
            delta = self._step(delta.detach(), gradient, size, reading)
        return self.settings.weight * self._loss(reading, delta)

    def _freelb(self, reading: Reading) -> torch.Tensor:
        delta, losses = self._start(reading), []
        for left in reversed(range(self.settings.steps)):
            delta.requires_grad_()
            losses.append(self._loss(reading, delta))
            if not left:
                break
            (gradient,) = torch.autograd.grad(losses[-1], delta, retain_graph=True)
            delta = self._step(delta.detach(), gradient, self.settings.step_size, reading)
        return torch.stack(losses).mean()

    def _start(self, reading: Reading) -> torch.Tensor:
        """Uniform noise whose expected length is below the radius, whatever the text's length."""
        mask = reading.batch["attention_mask"]
        shape = change_shape(reading.model, reading.batch)
        noise = torch.rand(shape, generator=generator(self.seed, reading.step, reading.part, SALT)) * 2 - 1
        spread = (mask.sum(dim=1) * shape[-1]).float().sqrt()
        return self.settings.radius * noise.to(mask.device) / spread[:, None, None] * mask.unsqueeze(-1)

    def _step(self, delta: torch.Tensor, gradient: torch.Tensor, size: float, reading: Reading) -> torch.Tensor:
        gradient = gradient * reading.batch["attention_mask"].unsqueeze(-1)
        moved = delta + size * gradient / norms(gradient).clamp(min=1e-12)
        return moved * (self.settings.radius / norms(moved).clamp(min=1e-12)).clamp(max=1.0)

    def _loss(self, reading: Reading, delta: torch.Tensor) -> torch.Tensor:
        with changed(reading.model, delta):
            return reading.loss_of(reading.ask(), reading.labels)


def norms(changes: torch.Tensor) -> torch.Tensor:
    """Length of each record's change `(batch, 1, 1)`, over tokens and width."""
    return changes.flatten(1).norm(dim=1)[:, None, None]


def change_shape(model: nn.Module, batch: dict[str, torch.Tensor]) -> tuple[int, ...]:
    """Of a change of the word embeddings: `(batch, length, width)`."""
    table = whole(model).encoder.get_input_embeddings()
    return (*batch["input_ids"].shape, table.weight.shape[1])


@contextmanager
def changed(model: nn.Module, delta: torch.Tensor) -> Iterator[None]:
    """Within it, `delta` is added to the word embeddings of every pass."""
    table = whole(model).encoder.get_input_embeddings()
    handle = table.register_forward_hook(lambda _module, _inputs, output: output + delta.to(output.dtype))
    try:
        yield
    finally:
        handle.remove()
