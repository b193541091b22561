"""Signs of life: a bar in a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from tqdm.auto import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stages.training import parallel

INTERVAL = 5.0
"""Seconds between plain lines."""
log = logging.getLogger(__name__)


class Progress(TrainerCallback):
    """Shows how far training is, how fast it goes, and how long it will take."""

    def __init__(self, records_per_step: float) -> None:
        self.records_per_step = records_per_step
        self.bar: tqdm[Any] | None = None
        self.began = self.spoke = time.monotonic()
        self.first = 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clock, at the step that a resumed run begins with."""
        self.began = self.spoke = time.monotonic()
        self.first = state.global_step
        if self.first:
            log.info("resuming at step %d of %d", self.first, state.max_steps)
        if sys.stderr.isatty() and parallel.is_first():
            self.bar = tqdm(total=state.max_steps, initial=self.first, unit="step", dynamic_ncols=True, leave=False)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Move the bar, or speak when the last line is old enough."""
        if self.bar is not None:
            self.bar.update()
        elif time.monotonic() - self.spoke >= INTERVAL:
            self.spoke = time.monotonic()
            pace = (state.global_step - self.first) / (self.spoke - self.began)
            left = (state.max_steps - state.global_step) / pace
            log.info(
                "step %d/%d, epoch %.2f, %.0f records/s, %d:%02d left",
                state.global_step,
                state.max_steps,
                state.epoch or 0.0,
                pace * self.records_per_step,
                *divmod(round(left), 60),
            )

    def say(self, line: str) -> None:
        """Print a line without tearing the bar."""
        if self.bar is not None:
            self.bar.write(line, file=sys.stderr)
        else:
            log.info(line)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
