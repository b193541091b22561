"""`task`: what the model is to do with a record."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stages.params.section import Section, Settings

VALIDATED: dict[str, tuple[str, ...]] = {
    "classification": ("accuracy", "macro_f1"),
    "question_answering": ("span_f1", "span_exact"),
    "relation": ("class_macro_f1", "accuracy"),
}
"""Metrics of validation by kind of task, besides `loss`; the first one is what `training.metric: auto` chooses by."""
PROBED = ("classification", "relation")
"""Kinds whose head is linear on pooled features, so that it can be fitted before training (`training.head_start: probe`)."""


class QuestionAnsweringParams(Settings):
    """Of `question_answering`.

    Attributes:
        overlap: tokens of a long context that neighbouring windows share, at most half of what a window holds of it.
        longest_answer: most tokens of an answer.
    """

    overlap: Annotated[int, Field(ge=0)] = 128
    longest_answer: Annotated[int, Field(ge=1)] = 30


class RelationParams(Settings):
    """Of `relation`.

    Attributes:
        other: the class that means that there is no relation, which the official score leaves out; null for none.
    """

    other: str | None = "Other"


class TaskParams(Section):
    """The `task` section.

    Attributes:
        kind: the kind of task; names follow the hub's.
        top_k: evaluation also counts a record as right when its label is among so many best guesses (one label per record).
        question_answering: of that kind.
        relation: of that kind.
    """

    section: ClassVar[str] = "task"
    kind: Literal["classification", "question_answering", "relation"] = "classification"
    top_k: Annotated[int, Field(ge=2)] = 3
    question_answering: QuestionAnsweringParams = QuestionAnsweringParams()
    relation: RelationParams = RelationParams()
