"""Two texts and a number that says how they relate (`pair_regression`): similarity, relevance, quality.

One raw record: ``{"text_a": "A man is dancing.", "text_b": "A man dances.", "score": 5.0}``. Prepared:
``{"id": "train-1", "text": "A man is dancing.", "text_b": "A man dances.", "score": 5.0}``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.corpora.records import Draft
from stages.corpora.shapes.shape import Mend, Shape
from stages.corpora.values import as_number

STRATA = 10
"""Quantiles of the scores that splits keep the shares of."""
PERCENTILES = (5, 50, 95)


class ScoredPair(Shape):
    """Two texts and their score."""

    texts = ("text", "text_b")
    target = "score"
    type = pa.float64()

    def convert(self, role: str, value: Any, columns: Any) -> Any:
        """A score is a number, or one written as text."""
        return as_number(value) if role == "score" else super().convert(role, value, columns)

    def mend(self, draft: Draft, function: Mend) -> int:  # noqa: ARG002
        """There is nothing to mend in a number."""
        return 0

    def codes(self, draft: Draft) -> np.ndarray:
        """Equal where the score is."""
        found = pc.index_in(draft.table["score"], value_set=pc.unique(draft.table["score"]).drop_null())
        return pc.fill_null(found, -1).to_numpy().astype(np.int64)

    def labels(self, draft: Draft) -> list[str]:  # noqa: ARG002
        """None: a score is no label."""
        return []

    def strata(self, draft: Draft) -> np.ndarray:
        """Deciles of the scores; -1 without one."""
        scores = draft.table["score"].to_numpy()
        known = np.isfinite(scores)
        if not known.any():
            return np.full(len(scores), -1, dtype=np.int64)
        edges = np.unique(np.quantile(scores[known], np.arange(1, STRATA) / STRATA))
        return np.where(known, np.searchsorted(edges, scores, side="right"), -1).astype(np.int64)

    def counts(self, draft: Draft, labels: list[str]) -> np.ndarray | None:  # noqa: ARG002
        """None: there are no labels."""
        return None

    def with_any(self, draft: Draft, labels: list[str]) -> np.ndarray:  # noqa: ARG002
        """No record has a label."""
        return np.zeros(draft.rows, dtype=bool)

    def strange(self, draft: Draft, labels: list[str]) -> np.ndarray:  # noqa: ARG002
        """No record has a label that train lacks."""
        return np.zeros(draft.rows, dtype=bool)

    def too_little(self, train: Draft) -> str | None:
        """Scores have to differ."""
        found = pc.unique(train.table["score"]).drop_null().to_pylist()
        if len(found) >= 2:
            return None
        shown = f"only {found[0]:g}" if found else "none"
        return (
            f"score: expected at least two different scores in train, found {shown}. "
            "Add records with other scores, or name another column in data.columns.score."
        )

    def numbers(self, draft: Draft) -> np.ndarray | None:
        """The scores."""
        found: np.ndarray = draft.table["score"].to_numpy()
        return found

    def describe(self, draft: Draft) -> dict[str, Any]:
        """How the scores are distributed."""
        scores = draft.table["score"].drop_null().to_numpy()
        if not len(scores):
            return {}
        low, middle, high = (round(float(one), 4) for one in np.percentile(scores, PERCENTILES))
        return {
            "scores": {
                "mean": round(float(scores.mean()), 4),
                "spread": round(float(scores.std()), 4),
                "min": float(scores.min()),
                "max": float(scores.max()),
                "p5": low,
                "p50": middle,
                "p95": high,
            }
        }
