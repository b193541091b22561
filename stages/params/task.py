"""`task`: what the model is to do with a record."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stages.params.section import Section

VALIDATED: dict[str, tuple[str, ...]] = {
    "classification": ("accuracy", "macro_f1"),
}
"""Metrics of validation by kind of task, besides `loss`; the first one is what `training.metric: auto` chooses by."""
PROBED = ("classification",)
"""Kinds whose head is linear on pooled features, so that it can be fitted before training (`training.head_start: probe`)."""


class TaskParams(Section):
    """The `task` section.

    Attributes:
        kind: the kind of task; names follow the hub's.
        top_k: evaluation also counts a record as right when its label is among so many best guesses (one label per record).
    """

    section: ClassVar[str] = "task"
    kind: Literal["classification"] = "classification"
    top_k: Annotated[int, Field(ge=2)] = 3
