"""What a run remembers while it trains: losses since the last row, the curves, and the best weights so far.

All of it is part of a checkpoint, so that a resumed run writes the same curves and picks the same epoch. Sums are kept in
float64 and JSON keeps every digit of them.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from stages.params.training import TrainingParams
from stages.training.shares import gathered

STATE = "history.json"
BEST = "best.safetensors"


@dataclass
class History:
    """The record of a run.

    Attributes:
        metric: name of the validation metric that picks the best evaluation (`loss`: smaller is better).
        patience: evaluations without improvement after which to stop; None for never.
        min_delta: smallest improvement that counts.
        steps: a row per so many steps: step, loss, learning_rate.
        evaluations: a row per evaluation of validation.
        best_value: of the metric.
        best_step: where it was reached; None before there is one.
        waited: evaluations since then.
        diverged: step of the first evaluation at which losses were no numbers; None where there is none.
        head_start: C of the head that training began with; None where it began with noise.
        loss_sum: of losses since the last row of `steps`, and `loss_count` of them; likewise since the last evaluation.
    """

    metric: str
    patience: int | None
    min_delta: float
    steps: list[dict[str, float]] = field(default_factory=list)
    evaluations: list[dict[str, float]] = field(default_factory=list)
    best_value: float | None = None
    best_step: int | None = None
    waited: int = 0
    diverged: int | None = None
    head_start: float | None = None
    loss_sum: float = 0.0
    loss_count: int = 0
    window_sum: float = 0.0
    window_count: int = 0

    @classmethod
    def begin(cls, params: TrainingParams, default: str) -> History:
        """An empty record for these params; `default` is the metric that `metric: auto` means."""
        return cls(
            default if params.metric == "auto" else params.metric,
            params.early_stopping.patience,
            params.early_stopping.min_delta,
        )

    def observe(self, loss: float) -> None:
        """Take in the mean loss of one batch."""
        self.loss_sum += loss
        self.loss_count += 1
        self.window_sum += loss
        self.window_count += 1

    def add_steps_row(self, step: int, learning_rate: float) -> dict[str, float]:
        """Close a row of the step curve."""
        row = {"step": step, "loss": _mean(self.loss_sum, self.loss_count), "learning_rate": learning_rate}
        self.loss_sum, self.loss_count = 0.0, 0
        self.steps.append(row)
        return row

    def add_evaluation(
        self,
        step: int,
        epoch: float,
        learning_rate: float,
        values: dict[str, float],
        *,
        counts: bool = True,
        waits: bool = True,
    ) -> bool:
        """Close a row of the learning curve.

        Args:
            step: optimizer steps done.
            epoch: passes over train done.
            learning_rate: of the base's weights.
            values: validation's metrics, `loss` among them.
            counts: whether these weights may be the best ones; if not, patience does not wait either.
            waits: whether patience counts this evaluation if it is not the best.

        Returns:
            Whether this is the best evaluation so far.
        """
        row = {"step": step, "epoch": epoch, "train_loss": _mean(self.window_sum, self.window_count)}
        row.update({f"validation_{name}": value for name, value in values.items()})
        row["learning_rate"] = learning_rate
        seen = (values["loss"], self.window_sum)
        if self.diverged is None and not all(math.isfinite(loss) for loss in seen):
            self.diverged = step
        self.window_sum, self.window_count = 0.0, 0
        self.evaluations.append(row)
        if not counts:
            return False
        value = values[self.metric] if self.metric != "loss" else -values["loss"]
        if math.isfinite(value) and (self.best_value is None or value > self.best_value + self.min_delta):
            self.best_value, self.best_step, self.waited = value, step, 0
            return True
        self.waited += waits
        return False

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self.waited >= self.patience

    def summary(self) -> dict[str, float | str | int]:
        """What was chosen, for reports: metric, its value, where, and how far training went.

        Where no evaluation counted, or none gave a number, the last weights are what there is.
        """
        last = self.evaluations[-1] if self.evaluations else None
        best = next((row for row in self.evaluations if row["step"] == self.best_step), last)
        return {
            "metric": self.metric,
            "best_step": int(best["step"]) if best else 0,
            "best_epoch": best["epoch"] if best else 0.0,
            "last_step": int(self.evaluations[-1]["step"]) if self.evaluations else 0,
            "evaluations": len(self.evaluations),
            **({} if self.head_start is None else {"head_start_strength": self.head_start}),
            **(
                {name: round(value, 6) for name, value in best.items() if name.startswith("validation_")}
                if best
                else {}
            ),
        }

    def save(self, folder: Path, best: dict[str, torch.Tensor] | None) -> None:
        """Put the record and the best weights into a checkpoint."""
        (folder / STATE).write_text(json.dumps(asdict(self)), encoding="utf-8")
        if best is not None:
            save_file(best, folder / BEST)

    @classmethod
    def load(cls, folder: Path) -> tuple[History, dict[str, torch.Tensor] | None]:
        """Take the record and the best weights from a checkpoint."""
        history = cls(**json.loads((folder / STATE).read_text(encoding="utf-8")))
        return history, load_file(folder / BEST) if (folder / BEST).is_file() else None


def write_curve(file: Path, rows: list[dict[str, float]]) -> None:
    """Write rows as CSV with up to 8 significant digits; columns in the order they first occur."""
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["step"]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.8g}" for name, value in row.items()} for row in rows)


def snapshot(model: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of a model's weights on the CPU; of shared ones all processes have to ask for it."""
    return {name: gathered(value).to("cpu", copy=True).contiguous() for name, value in model.state_dict().items()}


def _mean(total: float, count: int) -> float:
    return total / count if count else math.nan
