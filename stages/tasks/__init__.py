"""One file per kind of task; the table below is how the rest of the project finds them.

A task is made from its params: `TASKS[params.kind](params)`.
"""

from __future__ import annotations

from collections.abc import Callable

from stages.params.task import TaskParams
from stages.tasks.classification import Classification
from stages.tasks.multilabel import Multilabel
from stages.tasks.pair_classification import PairClassification
from stages.tasks.pair_regression import PairRegression
from stages.tasks.protocol import Task
from stages.tasks.question_answering import QuestionAnswering
from stages.tasks.relation import Relation
from stages.tasks.tagging import Tagging

TASKS: dict[str, Callable[[TaskParams], Task]] = {
    "classification": Classification,
    "multilabel": Multilabel,
    "pair_classification": PairClassification,
    "pair_regression": PairRegression,
    "question_answering": QuestionAnswering,
    "relation": Relation,
    "tagging": Tagging,
}


def make(params: TaskParams) -> Task:
    """The task that params ask for."""
    return TASKS[params.kind](params)
