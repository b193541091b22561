"""How far the exported graphs are from the tuned model, on the test split, and whether that is near enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stages.artifacts import Schema
from stages.encoding.ragged import Outputs, Ragged
from stages.errors import GateError, Problem, report
from stages.params.export import Parity
from stages.tasks.protocol import Task


@dataclass(frozen=True)
class Distance:
    """A graph against the tuned model in float32.

    Attributes:
        records: compared.
        agreement: share of records with the same decision.
        largest_logit_difference: of any output, as a share of the tuned model's largest where that is above 1: what float32
            rounds off grows with the numbers, and a score may be of any size.
        metric: name of the kind's first headline figure.
        value: of that metric, by the graph.
        drop: of that metric, against the tuned model.
    """

    records: int
    agreement: float
    largest_logit_difference: float
    metric: str
    value: float
    drop: float

    @property
    def differing(self) -> int:
        """Records with another decision."""
        return round(self.records * (1 - self.agreement))

    def rounded(self) -> dict[str, Any]:
        """As JSON values; differences of float32 sums keep one significant digit, since more would be noise."""
        return {
            "records": self.records,
            "agreement": round(self.agreement, 4),
            "largest_logit_difference": float(f"{self.largest_logit_difference:.0e}"),
            self.metric: round(self.value, 4),
            f"{self.metric}_drop": round(self.drop, 4),
        }


@dataclass(frozen=True)
class Said:
    """Outputs, and the predictions that they decode to."""

    outputs: Outputs
    predictions: pa.Table


def measure(task: Task, schema: Schema, reference: Said, other: Said) -> Distance:
    """Compare a graph with the tuned model.

    Args:
        task: decides what is the same decision, and what quality is.
        schema: of the corpus.
        reference: of the tuned model.
        other: of the graph, on the same records.
    """
    value = task.quality(other.predictions, schema)
    ours, theirs = _values(reference.outputs), _values(other.outputs)
    return Distance(
        other.predictions.num_rows,
        float(task.agree(reference.predictions, other.predictions, schema).mean()),
        float(np.abs(ours - theirs).max(initial=0.0) / np.abs(ours).max(initial=1.0)),
        task.figures.headline[0],
        value,
        task.quality(reference.predictions, schema) - value,
    )


def _values(outputs: Outputs) -> np.ndarray:
    return outputs.values if isinstance(outputs, Ragged) else outputs


def check(onnx: Distance, int8: Distance | None, limits: Parity) -> None:
    """Hold the distances against the limits.

    Raises:
        GateError: with every limit that is not kept.
    """
    problems = _agreement("onnx_agreement", onnx, limits.onnx_agreement)
    problems += _most("onnx_logit_difference", onnx.largest_logit_difference, limits.onnx_logit_difference)
    if int8 is not None:
        problems += _agreement("int8_agreement", int8, limits.int8_agreement)
        problems += _most("int8_metric_drop", int8.drop, limits.int8_metric_drop)
    if problems:
        remedy = "Nothing was released. Widen the limits that you can live with, or set export.int8: false."
        raise GateError(report("the exported graphs are too far from the tuned model", problems, remedy))


def _agreement(name: str, found: Distance, least: float) -> list[Problem]:
    """A share alone could not tell one record in a million from none: how many differ is said too."""
    if found.agreement >= least:
        return []
    said = f"expected at least {least:g}, found {found.agreement:.5g} ({found.differing:,} of {found.records:,} differ)"
    return [Problem(said, field=f"export.parity.{name}")]


def _most(name: str, found: float, most: float) -> list[Problem]:
    if found <= most:
        return []
    return [Problem(f"expected at most {most:g}, found {found:.5g}", field=f"export.parity.{name}")]
