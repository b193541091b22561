"""`task`: what the model is to do with a record. What only one kind needs stands in a group of its own."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stages.params.section import Section, Settings

Kind = Literal[
    "classification",
    "multilabel",
    "pair_classification",
    "pair_regression",
    "question_answering",
    "relation",
    "tagging",
]
VALIDATED: dict[str, tuple[str, ...]] = {
    "classification": ("accuracy", "macro_f1"),
    "multilabel": ("map", "macro_f1", "micro_f1"),
    "pair_classification": ("accuracy", "macro_f1", "mcc"),
    "pair_regression": ("spearman", "pearson"),
    "question_answering": ("span_f1", "span_exact"),
    "relation": ("class_macro_f1", "accuracy"),
    "tagging": ("f1", "precision", "recall", "macro_f1"),
}
"""Metrics of validation by kind of task, besides `loss`; the first one is what `training.metric: auto` chooses by."""
PROBED = ("classification", "multilabel", "pair_classification", "pair_regression", "relation")
"""Kinds whose head is linear on pooled features, so that it can be fitted before training (`training.head_start: probe`)."""
BLENDED = PROBED
"""Kinds whose outputs are one per record, so that probabilities of several models have a mean (`training.keep: ensemble`)."""
MARKED = ("question_answering", "relation", "tagging")
"""Kinds whose records have places in their texts."""


class MultilabelParams(Settings):
    """Of `multilabel`.

    Attributes:
        loss: `bce`, binary cross-entropy, or `asymmetric` (Ridnik et al. 2021), which forgets easy negatives.
        gamma_positive: of the asymmetric loss: how fast easy positives fade.
        gamma_negative: likewise for negatives.
        clip: of the asymmetric loss: negatives less probable than this do not count.
        thresholds: `per_label` takes each label's best on validation, `one` the best for all of them, `half` is 0.5.
    """

    loss: Literal["bce", "asymmetric"] = "bce"
    gamma_positive: Annotated[float, Field(ge=0)] = 0.0
    gamma_negative: Annotated[float, Field(ge=0)] = 4.0
    clip: Annotated[float, Field(ge=0, lt=1)] = 0.05
    thresholds: Literal["per_label", "one", "half"] = "per_label"


class RegressionParams(Settings):
    """Of `pair_regression`.

    Attributes:
        loss: `mse`, the squared error, or `ordinal`, how much of each of `levels` - 1 steps the score has climbed.
        range: lowest and highest score there can be; null learns scores on their own scale (only `mse` can).
        levels: of the ordinal loss, both ends of the range included.
    """

    loss: Literal["mse", "ordinal"] = "mse"
    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    levels: Annotated[int, Field(ge=2)] = 6

    @model_validator(mode="after")
    def _range_is_one(self) -> RegressionParams:
        if self.range is not None and self.range[0] >= self.range[1]:
            msg = "range must be the lowest and the highest score, in this order"
            raise ValueError(msg)
        if self.loss == "ordinal" and self.range is None:
            msg = "loss: ordinal needs range, the lowest and the highest score, to cut it into steps"
            raise ValueError(msg)
        return self


class QuestionAnsweringParams(Settings):
    """Of `question_answering`.

    Attributes:
        longest_answer: most tokens of an answer.
    """

    longest_answer: Annotated[int, Field(ge=1)] = 30


class RelationParams(Settings):
    """Of `relation`.

    Attributes:
        other: the class that means that there is no relation, which the official score leaves out; null for none.
    """

    other: str | None = "Other"


class TaggingParams(Settings):
    """Of `tagging`.

    Attributes:
        head: what decides on tags: `linear` on each word's state, `crf` on top of that, or `bilstm_crf` with a BiLSTM below.
        scheme: of the tags that the model decides between; the data may follow any other.
        lstm_hidden: units of the BiLSTM in each direction.
        repair: whether a predicted inside tag that follows no begin starts an entity, as the CoNLL scorer reads it, or is left
            out together with what continues it; with a CRF there is none.
    """

    head: Literal["linear", "crf", "bilstm_crf"] = "crf"
    scheme: Literal["BIO", "BIOES"] = "BIO"
    lstm_hidden: Annotated[int, Field(ge=1)] = 128
    repair: bool = True


class TaskParams(Section):
    """The `task` section.

    Attributes:
        kind: the kind of task; names follow the hub's.
        top_k: evaluation also counts a record as right when its label is among so many best guesses (one label per record).
        multilabel: of that kind.
        regression: of `pair_regression`.
        question_answering: of that kind.
        relation: of that kind.
        tagging: of that kind.
        overlap: tokens that neighbouring windows of a long text share, at most half a window (tagging,
            question_answering).
    """

    section: ClassVar[str] = "task"
    kind: Kind = "classification"
    top_k: Annotated[int, Field(ge=2)] = 3
    multilabel: MultilabelParams = MultilabelParams()
    regression: RegressionParams = RegressionParams()
    question_answering: QuestionAnsweringParams = QuestionAnsweringParams()
    relation: RelationParams = RelationParams()
    tagging: TaggingParams = TaggingParams()
    overlap: Annotated[int, Field(ge=0)] = 128
