"""What sections of `params.yaml` say together: combinations that cannot work, refused before anything runs.

One function per rule; each looks at checked sections and gives the problems that it finds, with what would work instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from stages.errors import Problem
from stages.params.adaptation import AdaptationParams
from stages.params.evaluation import EvaluationParams
from stages.params.objectives import ObjectivesParams
from stages.params.section import Section
from stages.params.task import PROBED, VALIDATED, TaskParams
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


ONE_CLASS = ("classification",)
"""Kinds whose records have one class each, and whose outputs are logits of classes."""
OWN_WEIGHTS = ("full", "frozen", "bitfit")
"""Methods that move the base model's own weights."""


def objectives_of_kind(sections: Sections) -> Iterator[Problem]:
    """Some objectives compare classes of records."""
    task, extra = cast("TaskParams", sections["task"]), cast("ObjectivesParams", sections["objectives"])
    asked = {
        "r_drop": extra.r_drop > 0,
        "mixup": extra.mixup > 0,
        "contrastive.weight": extra.contrastive.weight > 0,
        "focal": extra.focal > 0,
        "sampling": extra.sampling == "balanced",
    }
    if task.kind not in ONE_CLASS:
        for name in (name for name, on in asked.items() if on):
            what = f"needs records of one class each, and task.kind: {task.kind} has none; switch it off"
            yield Problem(what, field=f"objectives.{name}")


def focal_is_not_smoothed(sections: Sections) -> Iterator[Problem]:
    """Focal loss has one right class per record."""
    training, extra = cast("TrainingParams", sections["training"]), cast("ObjectivesParams", sections["objectives"])
    if extra.focal > 0 and training.label_smoothing > 0:
        what = "focal loss asks how probable the one right class is, which label_smoothing has none of; set one of them to 0"
        yield Problem(what, field="objectives.focal")


def weights_to_hold(sections: Sections) -> Iterator[Problem]:
    """What holds the base model's weights, or mixes them, needs a method that moves them."""
    method = cast("AdaptationParams", sections["adaptation"]).method
    extra = cast("ObjectivesParams", sections["objectives"])
    asked = {
        "l2_sp": extra.l2_sp > 0,
        "ewc.weight": extra.ewc.weight > 0,
        "wise_ft.shares": bool(extra.wise_ft.shares),
    }
    if method not in OWN_WEIGHTS:
        for name in (name for name, on in asked.items() if on):
            what = (
                f"is about the base model's own weights, which adaptation.method: {method} leaves as they are; "
                f"use one of {', '.join(OWN_WEIGHTS)}, or replay"
            )
            yield Problem(what, field=f"objectives.{name}")


def something_moves(sections: Sections) -> Iterator[Problem]:
    """With the head alone, nothing of the base model can be forgotten."""
    adaptation = cast("AdaptationParams", sections["adaptation"])
    extra = cast("ObjectivesParams", sections["objectives"])
    if adaptation.method != "frozen" or adaptation.frozen.layers != "all":
        return
    asked = {
        "replay.weight": extra.replay.weight > 0,
        "ewc.weight": extra.ewc.weight > 0,
        "l2_sp": extra.l2_sp > 0,
        "wise_ft.shares": bool(extra.wise_ft.shares),
    }
    for name in (name for name, on in asked.items() if on):
        what = "the base model is frozen as a whole (adaptation.frozen.layers: all), so that it forgets nothing; switch it off"
        yield Problem(what, field=f"objectives.{name}")


def replay_of_the_base(sections: Sections) -> Iterator[Problem]:
    """Virtual tokens change the features of every text from the start, before anything is learned."""
    method = cast("AdaptationParams", sections["adaptation"]).method
    extra = cast("ObjectivesParams", sections["objectives"])
    if extra.replay.weight > 0 and method in ("prefix", "prompt", "p-tuning"):
        what = (
            f"adaptation.method: {method} begins away from the base model, whose features replay keeps; "
            "without the virtual tokens the base model is unchanged anyway. Switch it off"
        )
        yield Problem(what, field="objectives.replay.weight")


def references_are_held_out(sections: Sections) -> Iterator[Problem]:
    """Text that training looks at says nothing about forgetting."""
    evaluation = cast("EvaluationParams", sections["evaluation"])
    extra = cast("ObjectivesParams", sections["objectives"])
    if extra.reads_references and extra.references == evaluation.references:
        what = (
            f"{extra.references} is what evaluation.references measures retention on, and training on it would flatter "
            "that; name other general text"
        )
        yield Problem(what, field="objectives.references")


def averages_within_the_budget(sections: Sections) -> Iterator[Problem]:
    """A mean of cut and uncut singular values is not cut."""
    method = cast("AdaptationParams", sections["adaptation"]).method
    if method == "adalora" and cast("ObjectivesParams", sections["objectives"]).averaging.kind != "none":
        what = "averaged weights would not keep adalora's rank budget; use lora, or averaging.kind: none"
        yield Problem(what, field="objectives.averaging.kind")


def prefix_keeps_its_activations(sections: Sections) -> Iterator[Problem]:
    """A layer that is computed twice would add its keys to the cache twice."""
    method = cast("AdaptationParams", sections["adaptation"]).method
    if method == "prefix" and cast("TrainingParams", sections["training"]).gradient_checkpointing:
        what = "adaptation.method: prefix cannot recompute layers; use prompt, or gradient_checkpointing: false"
        yield Problem(what, field="training.gradient_checkpointing")


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


RULES: tuple[Callable[[Sections], Iterator[Problem]], ...] = (
    metric_of_kind,
    head_start_of_kind,
    objectives_of_kind,
    focal_is_not_smoothed,
    weights_to_hold,
    something_moves,
    replay_of_the_base,
    references_are_held_out,
    averages_within_the_budget,
    prefix_keeps_its_activations,
    weights_of_kind,
    loss_of_a_crf,
)
