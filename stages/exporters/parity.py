"""How far the exported graphs are from the tuned model, on the test split, and whether that is near enough."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stages.errors import GateError, Problem, report
from stages.params.export import Parity


@dataclass(frozen=True)
class Distance:
    """A graph against the tuned model in float32.

    Attributes:
        records: compared.
        agreement: share of records with the same decision.
        largest_logit_difference: absolute.
        accuracy: of the graph.
        accuracy_drop: of the graph against the tuned model.
    """

    records: int
    agreement: float
    largest_logit_difference: float
    accuracy: float
    accuracy_drop: float

    def rounded(self) -> dict[str, Any]:
        """As JSON values; differences of float32 sums keep one significant digit, since more would be noise."""
        values = {key: round(value, 4) for key, value in asdict(self).items()}
        values["largest_logit_difference"] = float(f"{self.largest_logit_difference:.0e}")
        return values


def measure(reference: np.ndarray, other: np.ndarray, gold: np.ndarray) -> Distance:
    """Compare logits.

    Args:
        reference: of the tuned model `(records, classes)`.
        other: of the graph, likewise.
        gold: class ids `(records,)`.
    """
    decided, said = reference.argmax(axis=1), other.argmax(axis=1)
    accuracy = float((said == gold).mean())
    return Distance(
        len(gold),
        float((decided == said).mean()),
        float(np.abs(reference - other).max()),
        accuracy,
        float((decided == gold).mean()) - accuracy,
    )


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
                int8.accuracy_drop <= limits.int8_metric_drop,
                "int8_metric_drop",
                "at most",
                limits.int8_metric_drop,
                int8.accuracy_drop,
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
