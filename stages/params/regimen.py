"""What `adaptation` and `objectives` say together with other sections, and with each other.

The rules are asked by `stages.params.combinations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from stages.errors import Problem
from stages.params.adaptation import AdaptationParams
from stages.params.evaluation import EvaluationParams
from stages.params.objectives import ObjectivesParams
from stages.params.section import Section
from stages.params.task import BLENDED, TaskParams
from stages.params.training import TrainingParams

Sections = dict[str, Section]
ONE_CLASS = ("classification", "pair_classification", "relation")
"""Kinds whose records have one class each, and whose outputs are logits of classes."""
INSERTED = ("bottleneck", "prefix", "prompt", "p-tuning")
"""Methods whose weights stay beside the base model's."""
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


def draws_are_counted(sections: Sections) -> Iterator[Problem]:
    """Batches of so many tokens would differ in number from epoch to epoch, since other records are drawn."""
    training, extra = cast("TrainingParams", sections["training"]), cast("ObjectivesParams", sections["objectives"])
    if extra.sampling == "balanced" and training.batch_tokens is not None:
        what = (
            "sampling: balanced draws other records in each epoch, whose tokens differ; set training.batch_tokens: null"
        )
        yield Problem(what, field="objectives.sampling")


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


def soups_share_a_start(sections: Sections) -> Iterator[Problem]:
    """A mean of weights means something only between runs that left from the same point (Wortsman et al. 2022)."""
    training = cast("TrainingParams", sections["training"])
    method = cast("AdaptationParams", sections["adaptation"]).method
    if training.keep != "soup":
        return
    if training.head_start != "probe":
        what = (
            "soup averages weights that began alike, and head_start: random begins each seed with another head; "
            "use head_start: probe, or keep: best"
        )
        yield Problem(what, field="training.keep")
    if method in INSERTED:
        what = (
            f"soup averages weights that began alike, and adaptation.method: {method} inserts other random weights for each "
            "seed; use a method whose weights are merged, or keep: best"
        )
        yield Problem(what, field="training.keep")


def ensembles_of_records(sections: Sections) -> Iterator[Problem]:
    """Tags and answers are decided over all of a text's outputs together, whose mean is not a mean of decisions."""
    kind = cast("TaskParams", sections["task"]).kind
    if cast("TrainingParams", sections["training"]).keep == "ensemble" and kind not in BLENDED:
        what = (
            f"task.kind: {kind} has no mean of probabilities per record (only {', '.join(BLENDED)}); use soup or best"
        )
        yield Problem(what, field="training.keep")


def seeds_are_compared(sections: Sections) -> Iterator[Problem]:
    """Members, soup and ensemble are all read by the task's own metrics, which need no objective."""
    training = cast("TrainingParams", sections["training"])
    if training.seeds is not None and training.metric == "loss":
        what = (
            "several seeds are compared by a metric of the task; set it to auto or to one of the task's, or seeds: null"
        )
        yield Problem(what, field="training.metric")


RULES: tuple[Callable[[Sections], Iterator[Problem]], ...] = (
    objectives_of_kind,
    focal_is_not_smoothed,
    weights_to_hold,
    something_moves,
    draws_are_counted,
    replay_of_the_base,
    references_are_held_out,
    averages_within_the_budget,
    prefix_keeps_its_activations,
    soups_share_a_start,
    ensembles_of_records,
    seeds_are_compared,
)
