"""Tagging: train's names as a baseline, which types are taken for which, what became of every gold entity, learning curves."""

from __future__ import annotations

from collections.abc import Mapping

from stages import artifacts
from stages.analysis.comparison import Comparison
from stages.analysis.dictionary import Dictionary
from stages.analysis.plots import canvas, confusion_matrix, entity_matches, learning_curves, per_class, unused
from stages.analysis.reports.protocol import Evaluated
from stages.metrics import span_matches, spans
from stages.metrics.spans import Spans
from stages.tasks.protocol import Scores
from stages.tasks.tag_rows import places_of, spans_of
from stages.tasks.tagging import spans_in

NONE = "(none)"
"""How pictures call what was missed, and what was found where nothing is."""


class TaggingReport:
    """One text, many spans."""

    single_label = False
    calibrates = False

    def baselines(self, given: Evaluated) -> dict[str, Comparison]:
        """Train's names wherever they stand; see `stages.analysis.dictionary`."""
        train, types = given.prepared("train"), given.schema.labels
        names = Dictionary(train["text"].to_pylist(), places_of(train), spans_of(train["spans"]))
        kinds = {name: i for i, name in enumerate(types)}
        result = {}
        for split in given.judged:
            records, said = given.prepared(split), given.predictions[split]
            pairs = zip(records["text"].to_pylist(), places_of(records), strict=True)
            theirs = Spans.of([[(s, e, kinds[kind]) for s, e, kind in names.find(*pair)] for pair in pairs])
            gold, ours = (spans_in(said[name], given.schema) for name in ("gold", "predicted"))
            headline, _ = spans.evaluate(gold, theirs, said.num_rows, types, given.bootstrap)
            kept = {name: headline[name] for name in given.task.figures.headline}
            gain = spans.gain(gold, ours, theirs, said.num_rows, given.bootstrap)
            result[split] = Comparison({"dictionary": kept}, gain, {}, None, "dictionary")
        return result

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
        per_class.draw(rows, artifacts.plot("per_class_f1.png"), "spans of test")
        per_class.write(rows, artifacts.plot("per_class_f1.csv"))
        entity_matches.draw(gold, found, labels, artifacts.plot("matches.png"))
        learning_curves.draw(artifacts.CURVES, artifacts.plot("learning_curves.png"), ("nats per word", "share"))
        unused.fill(given.task.kind)
        texts = given.prepared("test")["text"].to_pylist()
        wrong = zip(test["id"].to_pylist(), texts, test["gold"].to_pylist(), test["predicted"].to_pylist(), strict=True)
        lines = [(number, text, _shown(g), _shown(p)) for number, text, g, p in wrong if g != p]
        file = artifacts.DETAILS.parent / "wrong_sentences.csv"
        canvas.write_csv(file, ("id", "text", "gold", "predicted"), lines[: given.params.confident_errors])


def _shown(marked: list[dict[str, str]]) -> str:
    """Spans as a reader sees them."""
    return "; ".join(f"{one['text']} [{one['label']}]" for one in marked)
