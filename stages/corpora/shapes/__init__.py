"""One file per shape of record; the table below maps a kind of task to the shape that it reads."""

from __future__ import annotations

from stages.corpora.shapes.answers import Answered
from stages.corpora.shapes.label import Labelled, LabelledPair
from stages.corpora.shapes.label_set import LabelSet
from stages.corpora.shapes.relation import Related
from stages.corpora.shapes.score import ScoredPair
from stages.corpora.shapes.shape import Shape
from stages.corpora.shapes.spans import Spans

SHAPES: dict[str, Shape] = {
    "classification": Labelled(),
    "multilabel": LabelSet(),
    "pair_classification": LabelledPair(),
    "pair_regression": ScoredPair(),
    "question_answering": Answered(),
    "relation": Related(),
    "tagging": Spans(),
}
