"""What `adaptation` and `objectives` say together with other sections, and with each other.

The rules are asked by `stages.params.combinations`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from stages.errors import Problem
from stages.params.adaptation import AdaptationParams
from stages.params.evaluation import EvaluationParams
from stages.params.model import ModelParams
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
    whole = "the base model is frozen as a whole (adaptation.frozen.layers: all)"
    for name in (name for name, on in asked.items() if on):
        yield Problem(f"{whole}, so that it forgets nothing; switch it off", field=f"objectives.{name}")
    if extra.contrastive.weight > 0:
        what = f"{whole}, and the features that it compares never change; switch it off"
        yield Problem(what, field="objectives.contrastive.weight")


def classes_are_evened_out_once(sections: Sections) -> Iterator[Problem]:
    """Weights by train's counts are wrong where batches no longer have train's shares."""
    training, extra = cast("TrainingParams", sections["training"]), cast("ObjectivesParams", sections["objectives"])
    if extra.sampling == "balanced" and training.class_weights == "balanced":
        what = (
            "balanced makes rare classes frequent, and training.class_weights: balanced weighs them up besides; use one"
        )
        yield Problem(what, field="objectives.sampling")


def passes_differ_by_dropout(sections: Sections) -> Iterator[Problem]:
    """R-Drop compares two passes, FreeLB several changes."""
    extra, model = cast("ObjectivesParams", sections["objectives"]), cast("ModelParams", sections["model"])
    adaptation = cast("AdaptationParams", sections["adaptation"])
    still = adaptation.method == "frozen" and adaptation.frozen.layers == "all"
    own = {"lora": adaptation.lora.dropout, "adalora": adaptation.adalora.dropout}.get(adaptation.method, 0.0)
    if extra.r_drop > 0 and model.head_dropout == own == 0 and (model.dropout == 0 or still):
        what = "frozen base models have none" if still else "model.dropout and model.head_dropout are 0"
        yield Problem(f"two passes are the same without dropout ({what}); switch it off", field="objectives.r_drop")
    if extra.adversarial.kind == "freelb" and extra.adversarial.steps == 1:
        what = "freelb's first change is random noise, and its second the first that is sought; set it to 2 or more, or use fgm"
        yield Problem(what, field="objectives.adversarial.steps")


def freezing_does_something(sections: Sections) -> Iterator[Problem]:
    """A method or a rate that changes nothing is a mistake."""
    adaptation = cast("AdaptationParams", sections["adaptation"])
    training, own = cast("TrainingParams", sections["training"]), adaptation.frozen
    if adaptation.method == "frozen":
        if own.layers == 0 and not own.patterns and own.gradual is None:
            what = "nothing is frozen; set it to all or to a number of layers, name patterns, or use adaptation.method: full"
            yield Problem(what, field="adaptation.frozen.layers")
        if own.gradual is not None and own.gradual >= training.epochs:
            what = f"the first layer would thaw when training.epochs: {training.epochs:g} are over; set it lower"
            yield Problem(what, field="adaptation.frozen.gradual")
        if own.layers == "all" and own.patterns:
            what = (
                "adaptation.frozen.layers: all freezes everything already; set layers to a number (0: patterns alone)"
            )
            yield Problem(what, field="adaptation.frozen.patterns")
        if own.layers == "all" and adaptation.layer_decay < 1:
            what = (
                "the base model is frozen as a whole (adaptation.frozen.layers: all), so no layer learns; set it to 1"
            )
            yield Problem(what, field="adaptation.layer_decay")
    if adaptation.method in ("prefix", "prompt", "p-tuning") and adaptation.layer_decay < 1:
        what = f"adaptation.method: {adaptation.method} has no weights in the layers to tell apart; set it to 1"
        yield Problem(what, field="adaptation.layer_decay")


def groups_make_the_batches(sections: Sections) -> Iterator[Problem]:
    """Where records of a class come as groups, nothing else says who comes with whom."""
    training, extra = cast("TrainingParams", sections["training"]), cast("ObjectivesParams", sections["objectives"])
    if extra.contrastive.weight == 0 or extra.contrastive.together == 1:
        return
    field = "objectives.contrastive.together"
    if extra.sampling == "balanced":
        yield Problem("sampling: balanced draws records one by one; set it to shuffled, or together to 1", field=field)
    if training.batch_tokens is not None:
        what = "training.batch_tokens makes batches of similar length; set it to null, or together to 1"
        yield Problem(what, field=field)
    if 2 * extra.contrastive.together > training.batch_size:
        what = f"leaves no room for another class in training.batch_size: {training.batch_size}; set it to half of that or less"
        yield Problem(what, field=field)


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
    if extra.reads_references and _holds(Path(evaluation.references), Path(extra.references)):
        what = (
            f"{extra.references} is what evaluation.references measures retention on, and training on it would flatter "
            "that; name other general text"
        )
        yield Problem(what, field="objectives.references")


def _holds(place: Path, file: Path) -> bool:
    """Whether a file, or one of a folder's, is another file, by its name or by its bytes."""
    files = [one for one in place.glob("*") if one.is_file()] if place.is_dir() else [place]
    if file.resolve() in {one.resolve() for one in files}:
        return True
    if not file.is_file():
        return False
    size = file.stat().st_size
    return any(one.is_file() and one.stat().st_size == size and one.read_bytes() == file.read_bytes() for one in files)


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
    classes_are_evened_out_once,
    passes_differ_by_dropout,
    freezing_does_something,
    groups_make_the_batches,
    replay_of_the_base,
    references_are_held_out,
    averages_within_the_budget,
    prefix_keeps_its_activations,
    soups_share_a_start,
    ensembles_of_records,
    seeds_are_compared,
)
