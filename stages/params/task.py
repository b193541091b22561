"""`task`: what the model is to do with a record."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stages.params.section import Section

VALIDATED: dict[str, tuple[str, ...]] = {
    "classification": ("accuracy", "macro_f1"),
    "tagging": ("f1", "precision", "recall", "macro_f1"),
}
"""Metrics of validation by kind of task, besides `loss`; the first one is what `training.metric: auto` chooses by."""
PROBED = ("classification",)
"""Kinds whose head is linear on pooled features, so that it can be fitted before training (`training.head_start: probe`)."""


class TaskParams(Section):
    """The `task` section.

    Attributes:
        kind: the kind of task; names follow the hub's.
        top_k: evaluation also counts a record as right when its label is among so many best guesses (one label per record).
        head: what decides on tags: `linear` on each word's state, `crf` on top of that, or `bilstm_crf` with a BiLSTM below
            (tagging).
        scheme: of the tags that the model decides between; the data may follow any other (tagging).
        lstm_hidden: units of the BiLSTM in each direction (tagging).
        repair: whether a predicted inside tag that follows no begin starts an entity, as the CoNLL scorer reads it, or is left
            out together with what continues it; with a CRF there is none (tagging).
        overlap: tokens that neighbouring windows of a long text share, at most half a window (tagging).
    """

    section: ClassVar[str] = "task"
    kind: Literal["classification", "tagging"] = "classification"
    top_k: Annotated[int, Field(ge=2)] = 3
    head: Literal["linear", "crf", "bilstm_crf"] = "crf"
    scheme: Literal["BIO", "BIOES"] = "BIO"
    lstm_hidden: Annotated[int, Field(ge=1)] = 128
    repair: bool = True
    overlap: Annotated[int, Field(ge=0)] = 128
