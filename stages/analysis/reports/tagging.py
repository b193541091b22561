"""Tagging: which types are taken for which, F1 by type, what became of every gold entity, learning curves.

There is no baseline that costs as little as TF-IDF does for texts; what stands in its place is the split into entities that
train has marked somewhere and those that are new (`f1_seen`, `f1_unseen`).
"""

from __future__ import annotations

from collections.abc import Mapping

from stages import artifacts
from stages.analysis.comparison import Comparison
from stages.analysis.plots import canvas, confusion_matrix, entity_matches, learning_curves, per_class
from stages.analysis.reports.protocol import Evaluated
from stages.metrics import span_matches
from stages.tasks.protocol import Scores
from stages.tasks.tagging import spans_in

NONE = "(none)"
"""How pictures call what was missed, and what was found where nothing is."""


class TaggingReport:
    """One text, many spans."""

    single_label = False

    def baselines(self, given: Evaluated) -> dict[str, Comparison]:  # noqa: ARG002
        """None; see the module's docstring."""
        return {}

    def calibration(self, given: Evaluated) -> dict[str, float]:  # noqa: ARG002
        """None: a span has no probability of its own here."""
        return {}

    def write(self, given: Evaluated, scores: Mapping[str, Scores]) -> None:
        """Confusion of types, F1 by type, kinds of matches, learning curves, and every wrong sentence of test."""
        test, labels = given.predictions["test"], given.schema.labels
        gold, predicted = spans_in(test["gold"], given.schema), spans_in(test["predicted"], given.schema)
        found = span_matches.match(gold, predicted)
        names = [*labels, NONE]
        counts = span_matches.confusion(gold, predicted, found, len(labels))
        confusion_matrix.draw(counts, names, artifacts.plot("confusion.png"), what="entities")
        cells = [(g, p) for g in range(len(names)) for p in range(len(names)) for _ in range(int(counts[g, p]))]
        canvas.write_csv(
            artifacts.plot("confusion.csv"), ("gold", "predicted"), ((names[g], names[p]) for g, p in cells)
        )
        rows = [{**row, "label": row["type"]} for row in scores["test"].details["per_type"]]
        per_class.draw(rows, artifacts.plot("per_class_f1.png"))
        per_class.write(rows, artifacts.plot("per_class_f1.csv"))
        entity_matches.draw(gold, found, labels, artifacts.plot("matches.png"))
        learning_curves.draw(artifacts.CURVES, artifacts.plot("learning_curves.png"))
        texts = given.prepared("test")["text"].to_pylist()
        wrong = zip(test["id"].to_pylist(), texts, test["gold"].to_pylist(), test["predicted"].to_pylist(), strict=True)
        lines = [(number, text, _shown(g), _shown(p)) for number, text, g, p in wrong if g != p]
        file = artifacts.DETAILS.parent / "wrong_sentences.csv"
        canvas.write_csv(file, ("id", "text", "gold", "predicted"), lines[: given.params.confident_errors])


def _shown(spans: list[dict[str, str]]) -> str:
    """Spans as a reader sees them."""
    return "; ".join(f"{one['text']} [{one['label']}]" for one in spans)
