"""When a run writes a row of a curve, evaluates, stops and saves: by steps, by shares of an epoch, and by the clock."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stages.params.training import TrainingParams
from stages.training import checkpoints, parallel
from stages.training.history import History
from stages.training.running import Running

STEP_ROWS = 200
"""About how many rows the step curve has, however long the run is."""


class Course(Protocol):
    """What is asked of a trainer."""

    params: TrainingParams
    history: History
    running: Running
    best: dict[str, torch.Tensor] | None

    def rate(self) -> float:
        """The learning rate now."""

    def evaluate(self) -> dict[str, float]:
        """Read validation."""

    @property
    def observe(self) -> Any:
        """Told figures, and the step they belong to."""


class Rhythm(TrainerCallback):
    """Decides at each step whether to write a row, to evaluate, to stop, to save."""

    def __init__(self, tuner: Course) -> None:
        self.tuner = tuner
        self.saved = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Rows by count, evaluations by share of an epoch and at the end, checkpoints by the clock."""
        tuner, step = self.tuner, state.global_step
        if step % max(state.max_steps // STEP_ROWS, 1) == 0 or step == state.max_steps:
            tuner.running.settle()
            row = tuner.history.add_steps_row(step, tuner.rate())
            tuner.running.reread()
            tuner.observe({name: value for name, value in row.items() if name != "step"}, step)
        if self._is_evaluation(step, state):
            tuner.evaluate()
            control.should_training_stop = control.should_training_stop or tuner.history.exhausted
        control.should_save = self._is_due(step, state) and step < state.max_steps and not control.should_training_stop
        return control

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Complete the Trainer's checkpoint with the history, and declare it complete."""
        folder = Path(args.output_dir) / f"{checkpoints.PREFIX}{state.global_step}"
        self.tuner.running.settle()
        parallel.wait()
        if parallel.is_first():
            self.tuner.history.save(folder, self.tuner.best)
            checkpoints.mark_complete(folder)
        parallel.wait()
        self.saved = time.monotonic()

    def _is_due(self, step: int, state: TrainerState) -> bool:
        """Whether the clock says that it is time for a checkpoint; of several processes, the first one's clock."""
        if parallel.active() and step % max(state.max_steps // STEP_ROWS, 1):
            return False
        return parallel.agreed(time.monotonic() - self.saved >= self.tuner.params.checkpoint_seconds)

    def _is_evaluation(self, step: int, state: TrainerState) -> bool:
        if step == state.max_steps:
            return True
        per_epoch = state.max_steps / self.tuner.params.epochs
        interval = per_epoch / self.tuner.params.evaluations_per_epoch
        return math.floor(step / interval + 1e-9) > math.floor((step - 1) / interval + 1e-9)
