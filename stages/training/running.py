"""Losses added up where they are computed, so that no step waits for a number to reach the host.

On a GPU each `float(loss)` stops the queue of work. The sums are read when a row of a curve is due, at an evaluation and at a
checkpoint; until then they are two numbers on the device, in float64, the very sums that Python would have made.
"""

from __future__ import annotations

import torch

from stages.training import parallel
from stages.training.history import History


class Running:
    """The sums of a history, on a device.

    Args:
        history: that they are read from and written to.
        where: the losses are.
    """

    def __init__(self, history: History, where: torch.device) -> None:
        self.history = history
        self.sums = torch.zeros(2, dtype=torch.float64, device=where)
        self.reread()

    def begin(self, loss: float) -> None:
        """Take in the loss of train before the first step, which belongs to the first evaluation and to no step."""
        self.sums[1] += loss
        self.history.window_count += 1

    def observe(self, loss: torch.Tensor) -> None:
        """Take in the mean loss of one batch."""
        self.sums += loss.detach()
        self.history.loss_count += 1
        self.history.window_count += 1

    def settle(self) -> None:
        """Bring the history up to date; of several processes, with the mean of theirs."""
        self.history.loss_sum, self.history.window_sum = parallel.mean(self.sums).tolist()

    def reread(self) -> None:
        """Take over what the history says, after a row of it was closed."""
        self.sums.copy_(torch.tensor([self.history.loss_sum, self.history.window_sum], dtype=torch.float64))
