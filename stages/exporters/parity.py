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
        largest_logit_difference: absolute, of any output.
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
    return Distance(
        other.predictions.num_rows,
        float(task.agree(reference.predictions, other.predictions, schema).mean()),
        float(np.abs(_values(reference.outputs) - _values(other.outputs)).max(initial=0.0)),
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
    rules = [
        (onnx.agreement >= limits.onnx_agreement, "onnx_agreement", "at least", limits.onnx_agreement, onnx.agreement),
        (
            onnx.largest_logit_difference <= limits.onnx_logit_difference,
            "onnx_logit_difference",
            "at most",
            limits.onnx_logit_difference,
            onnx.largest_logit_difference,
        ),
    ]
    if int8 is not None:
        rules += [
            (
                int8.agreement >= limits.int8_agreement,
                "int8_agreement",
                "at least",
                limits.int8_agreement,
                int8.agreement,
            ),
            (
                int8.drop <= limits.int8_metric_drop,
                "int8_metric_drop",
                "at most",
                limits.int8_metric_drop,
                int8.drop,
            ),
        ]
    problems = [
        Problem(f"expected {bound} {limit:g}, found {found:.5g}", field=f"export.parity.{name}")
        for kept, name, bound, limit, found in rules
        if not kept
    ]
    if problems:
        remedy = "Nothing was released. Widen the limits that you can live with, or set export.int8: false."
        raise GateError(report("the exported graphs are too far from the tuned model", problems, remedy))
