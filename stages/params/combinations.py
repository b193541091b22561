"""What sections of `params.yaml` say together: combinations that cannot work, refused before anything runs.

One function per rule; each looks at checked sections and gives the problems that it finds, with what would work instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from stages.errors import Problem
from stages.params import regimen
from stages.params.data import DataParams
from stages.params.objectives import ObjectivesParams
from stages.params.section import Section
from stages.params.task import MARKED, PROBED, VALIDATED, TaskParams
from stages.params.training import TrainingParams

Sections = dict[str, Section]


def problems(sections: Sections) -> list[Problem]:
    """Everything that does not go together."""
    return [problem for rule in RULES for problem in rule(sections)]


def metric_of_kind(sections: Sections) -> Iterator[Problem]:
    """Training can only choose by a metric that the kind of task has."""
    task, training = cast("TaskParams", sections["task"]), cast("TrainingParams", sections["training"])
    known = ("auto", "loss", *VALIDATED[task.kind])
    if training.metric not in known:
        what = f"task.kind: {task.kind} has no metric '{training.metric}'; use one of {', '.join(known)}"
        yield Problem(what, field="training.metric")


def head_start_of_kind(sections: Sections) -> Iterator[Problem]:
    """A head can be fitted beforehand where it is linear on pooled features."""
    task, training = cast("TaskParams", sections["task"]), cast("TrainingParams", sections["training"])
    if training.head_start == "probe" and task.kind not in PROBED:
        what = f"task.kind: {task.kind} has no head that could be fitted on frozen features; set it to random"
        yield Problem(what, field="training.head_start")
    if training.head_start == "probe" and task.kind == "pair_regression" and task.regression.loss == "ordinal":
        what = "task.regression.loss: ordinal has no head that could be fitted on frozen features; set it to random"
        yield Problem(what, field="training.head_start")


def loss_of_a_crf(sections: Sections) -> Iterator[Problem]:
    """A CRF's likelihood is of whole sequences: single tags can neither be weighed nor smoothed in it."""
    task, training = cast("TaskParams", sections["task"]), cast("TrainingParams", sections["training"])
    if task.kind != "tagging" or task.tagging.head == "linear":
        return
    remedy = f"task.tagging.head: {task.tagging.head} scores whole sequences; {{}}, or set that to linear"
    if training.label_smoothing:
        yield Problem(remedy.format("set it to 0"), field="training.label_smoothing")
    if training.class_weights != "none":
        yield Problem(remedy.format("set it to none"), field="training.class_weights")


def weights_of_kind(sections: Sections) -> Iterator[Problem]:
    """Smoothing moves mass between classes that exclude each other; weights need labels, and a loss that takes them."""
    task, training = cast("TaskParams", sections["task"]), cast("TrainingParams", sections["training"])
    if training.label_smoothing > 0 and task.kind in {"multilabel", "pair_regression"}:
        what = f"task.kind: {task.kind} has no classes that exclude each other; set it to 0"
        yield Problem(what, field="training.label_smoothing")
    if training.class_weights != "none":
        if task.kind in {"pair_regression", "question_answering"}:
            yield Problem(f"task.kind: {task.kind} has no classes; set it to none", field="training.class_weights")
        if task.kind == "multilabel" and task.multilabel.loss == "asymmetric":
            what = "task.multilabel.loss: asymmetric has weights of its own (gamma_negative, clip); set it to none, or use bce"
            yield Problem(what, field="training.class_weights")


def budget_of_balanced(sections: Sections) -> Iterator[Problem]:
    """Classes are drawn equally often in batches of so many records."""
    training, extra = cast("TrainingParams", sections["training"]), cast("ObjectivesParams", sections["objectives"])
    if training.batch_tokens is not None and extra.sampling == "balanced":
        what = "objectives.sampling: balanced fills batches by records; set it to null, or use sampling: shuffled"
        yield Problem(what, field="training.batch_tokens")


def paraphrases_have_no_spans(sections: Sections) -> Iterator[Problem]:
    """Nobody knows where a marked span lies in another wording of its text."""
    task, data = cast("TaskParams", sections["task"]), cast("DataParams", sections["data"])
    if data.augmentation.back_translation.copies and task.kind in MARKED:
        what = (
            f"task.kind: {task.kind} marks spans, which have no place in another wording; set it to 0, or use word_dropout, "
            "word_swap, typos or synonyms, which leave marked words alone"
        )
        yield Problem(what, field="data.augmentation.back_translation.copies")


RULES: tuple[Callable[[Sections], Iterator[Problem]], ...] = (
    metric_of_kind,
    head_start_of_kind,
    weights_of_kind,
    loss_of_a_crf,
    budget_of_balanced,
    paraphrases_have_no_spans,
    *regimen.RULES,
)
