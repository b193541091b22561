"""What an objective may do: add to the loss of a batch, act when the optimizer has moved, keep something in checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import nn

LossOf = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""The task's own objective: outputs and labels to a scalar, in float32."""


class Losses(NamedTuple):
    """What a batch comes to.

    Attributes:
        whole: that is minimised, with everything that objectives and the method add.
        task: the task's own, which curves show beside validation's.
    """

    whole: torch.Tensor
    task: torch.Tensor


@dataclass
class Reading:
    """One batch, and what the model made of it.

    Attributes:
        model: as the trainer calls it, wrapped where there are several processes.
        batch: with labels.
        loss_of: the task's objective.
        step: optimizer steps done before this one.
        part: number of the batch within its step, 0 without accumulation.
        outputs: of the model.
        read: what the head read `(batch, hidden)`.
        loss: of the outputs.
        change: zeros that were added to the word embeddings `(batch, length, width)`, to be differentiated by; None where
            nobody asked.
        again: outputs of a second pass with other dropout, where there was one; `loss` is then the mean of both.
    """

    model: nn.Module
    batch: dict[str, torch.Tensor]
    loss_of: LossOf
    step: int
    part: int
    outputs: torch.Tensor
    read: torch.Tensor
    loss: torch.Tensor
    change: torch.Tensor | None = None
    again: torch.Tensor | None = None

    @property
    def labels(self) -> torch.Tensor:
        """What is to be predicted."""
        return self.batch["labels"]

    def ask(self) -> torch.Tensor:
        """The model's outputs once more, with other dropout."""
        return ask(self.model, self.batch)


class Objective:
    """One of them; the hooks of this class do nothing.

    Attributes:
        name: as params call it.
        wants_change: whether `Reading.change` is needed.
        reads_train_alone: whether it needs nothing but batches of train as they are, so that frozen layers need to read them
            once.
    """

    name: ClassVar[str]
    wants_change: bool = False
    reads_train_alone: ClassVar[bool] = True

    def prepare(self, model: nn.Module) -> None:
        """Called before anything has moved, also before a head start and also in a resumed run."""

    def begin(self, steps: int) -> None:
        """Called before the first step, with the number of all steps."""

    def settle(self, reading: Reading) -> None:
        """Say what the task's loss of a batch is, before any term is added to it."""

    def term(self, reading: Reading) -> torch.Tensor:
        """What is added to the loss of a batch; a scalar in float32."""
        return reading.loss.new_zeros(())

    def after_step(self, step: int, optimizer: Any) -> None:
        """Called when the optimizer has moved; `step` counts from 1."""

    def settled(self) -> bool:
        """Whether the weights that `Objectives.averaged` shows may be the best ones."""
        return True

    def state(self) -> dict[str, torch.Tensor]:
        """What a checkpoint has to hold."""
        return {}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take up what `state` returned."""


def ask(model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """A model's outputs: it is called with everything in the batch but the labels, by name."""
    return model(**{name: values for name, values in batch.items() if name != "labels"})


def generator(seed: int, step: int, part: int, salt: int) -> torch.Generator:
    """Random numbers of one batch: a function of seed and place, so that a resumed run draws the same ones.

    Args:
        seed: of the run.
        step: optimizer steps done.
        part: number of the batch within its step.
        salt: tells objectives apart.
    """
    mixed = seed
    for number in (step, part, salt):
        mixed = (mixed * 1_000_003 + number + 1) % (2**63 - 1)
    return torch.Generator().manual_seed(mixed)


def whole(model: nn.Module) -> Any:
    """The task's model itself, where several processes wrap it."""
    return model.module if hasattr(model, "module") and not hasattr(model, "encoder") else model


def base_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """The encoder's weights that learn, by name."""
    return {name: one for name, one in whole(model).encoder.named_parameters() if one.requires_grad}
