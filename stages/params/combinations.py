"""What sections of `params.yaml` say together: combinations that cannot work, refused before anything runs.

One function per rule; each looks at checked sections and gives the problems that it finds, with what would work instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

from stages.errors import Problem
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


RULES: tuple[Callable[[Sections], Iterator[Problem]], ...] = (metric_of_kind, head_start_of_kind)
