"""Where the method of adaptation and the objectives take part in training: one callback between them and the trainer.

The trainer asks it for the loss of a batch, tells it of steps, epochs and checkpoints, and evaluates within `averaged`. What
the parts have to remember lies in a file of each checkpoint, so that a resumed run ends in the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stages.adaptation import layer_decay
from stages.adaptation.protocol import Method
from stages.params.training import TrainingParams
from stages.training import checkpoints, parallel
from stages.training.batching import Batches, Rows
from stages.training.objectives import Objectives
from stages.training.objectives.protocol import Losses, LossOf
from stages.training.shares import gathered

STATE = "parts.safetensors"
"""File of a checkpoint."""


class Hooks(TrainerCallback):
    """Passes the trainer's events on.

    Args:
        method: of adaptation; None where all weights learn.
        objectives: what the loss is made of.
    """

    def __init__(self, method: Method | None = None, objectives: Objectives | None = None) -> None:
        self.method = method
        self.objectives = objectives or Objectives([])
        self.resumed: Path | None = None
        self.spent, self.steps, self.began = 0.0, 0, 0.0

    def prepare(self, model: nn.Module, resumed: Path | None) -> None:
        """Before anything has moved: what objectives keep of the beginning."""
        self.resumed = resumed
        self.objectives.prepare(model)

    def factors(self, model: nn.Module) -> dict[str, float]:
        """Factors of the learning rate by weight's name."""
        return {} if self.method is None else layer_decay.factors(model, self.method.params.layer_decay)

    def batches(self, rows: Rows, params: TrainingParams) -> Batches:
        """The order of training; see `stages.training.objectives.balanced`."""
        return self.objectives.batches(rows, params)

    @property
    def plain(self) -> bool:
        """Whether nothing is read but batches of train, as they are."""
        return all(one.reads_train_alone for one in self.objectives.parts)

    def losses(self, model: nn.Module, batch: dict[str, torch.Tensor], loss_of: LossOf, step: int) -> Losses:
        """The loss of a batch with everything that is added to it, and the task's own."""
        found = self.objectives.losses(model, batch, loss_of, step)
        with torch.autocast(found.whole.device.type, enabled=False):
            penalty = self.method.penalty() if self.method is not None else None
        return found if penalty is None else found._replace(whole=found.whole + penalty)

    def settled(self, step: int) -> bool:
        """Whether the model after `step` may be chosen."""
        return self.objectives.settled() and (self.method is None or self.method.settled(step))

    def complete(self) -> bool:
        """Whether all that is going to learn learns by now."""
        return self.method is None or self.method.complete()

    @contextmanager
    def averaged(self, model: nn.Module) -> Iterator[None]:
        """The weights that are evaluated and kept, where they are not those that learn."""
        with self.objectives.averaged(model):
            yield

    def finish(self, model: nn.Module, evaluate: Callable[[], dict[str, float]], metric: str) -> None:
        """When the best weights are back; see `stages.training.objectives.wise_ft`."""
        self.objectives.finish(model, evaluate, metric)

    def rates(self, model: nn.Module, rate: float) -> dict[str, float]:
        """Peak learning rate of each layer, where they differ."""
        decay = 1.0 if self.method is None else self.method.params.layer_decay
        return layer_decay.by_layer(model, decay, rate) if decay < 1 else {}

    def figures(self, optimizer: Any) -> dict[str, float]:
        """What the run cost: for the record, never for an out."""
        states = [one for state in optimizer.state.values() for one in state.values() if isinstance(one, torch.Tensor)]
        return {
            "optimizer_megabytes": sum(one.numel() * one.element_size() for one in states) / 1e6,
            "seconds_per_step": self.spent / max(self.steps, 1),
        }

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Tell the number of steps, and give back what a checkpoint held."""
        if self.method is not None:
            self.method.begin(state.max_steps)
        self.objectives.begin(state.max_steps)
        file = self.resumed / STATE if self.resumed is not None else None
        if file is not None and file.is_file():
            found = {name: one.to(args.device) for name, one in load_file(file).items()}
            if self.method is not None:
                self.method.restore(_below(found, "method"))
            self.objectives.restore(_below(found, "objectives"))

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Which pass over train begins, or goes on."""
        if self.method is not None:
            self.method.begin_epoch(int(np.floor(float(state.epoch or 0.0) + 1e-6)))

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clock."""
        self.began = time.perf_counter()

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, optimizer: Any = None, **_: Any
    ) -> None:
        """The optimizer has moved, and gradients are still there."""
        if self.method is not None:
            self.method.after_step(state.global_step + 1)
        self.objectives.after_step(state.global_step + 1, optimizer)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Stop the clock."""
        self.spent += time.perf_counter() - self.began
        self.steps += 1

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Add a file to the checkpoint before it is declared complete."""
        own = self.method.state() if self.method is not None else {}
        found = {f"method/{name}": one for name, one in own.items()}
        found |= {f"objectives/{name}": one for name, one in self.objectives.state().items()}
        whole = {name: gathered(one).cpu().clone().contiguous() for name, one in found.items()}
        if whole and parallel.is_first():
            save_file(whole, Path(args.output_dir) / f"{checkpoints.PREFIX}{state.global_step}" / STATE)


def _below(found: dict[str, torch.Tensor], part: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(f"{part}/"): one for name, one in found.items() if name.startswith(f"{part}/")}


def counted(model: nn.Module) -> dict[str, int]:
    """How many weights there are, and how many learn."""
    sizes = [(one.numel(), one.requires_grad) for one in model.parameters()]
    return {
        "parameters": sum(size for size, _ in sizes),
        "trainable_parameters": sum(size for size, learns in sizes if learns),
    }
