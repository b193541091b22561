"""`task`: what the model is to do with a record."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stages.params.section import Section

VALIDATED: dict[str, tuple[str, ...]] = {
    "classification": ("accuracy", "macro_f1"),
    "question_answering": ("span_f1", "span_exact"),
    "relation": ("class_macro_f1", "accuracy"),
}
"""Metrics of validation by kind of task, besides `loss`; the first one is what `training.metric: auto` chooses by."""
PROBED = ("classification", "relation")
"""Kinds whose head is linear on pooled features, so that it can be fitted before training (`training.head_start: probe`)."""


class TaskParams(Section):
    """The `task` section.

    Attributes:
        kind: the kind of task; names follow the hub's.
        top_k: evaluation also counts a record as right when its label is among so many best guesses (one label per record).
        other: the class that means that there is no relation, which the official score leaves out (relation).
        overlap: tokens that neighbouring windows of a long text share, at most half a window (question_answering).
        longest_answer: most tokens of an answer (question_answering).
    """

    section: ClassVar[str] = "task"
    kind: Literal["classification", "question_answering", "relation"] = "classification"
    top_k: Annotated[int, Field(ge=2)] = 3
    other: str | None = "Other"
    overlap: Annotated[int, Field(ge=0)] = 128
    longest_answer: Annotated[int, Field(ge=1)] = 30
