"""One file per kind of task; the table below is how the rest of the project finds them.

A task is made from its params: `TASKS[params.kind](params)`.
"""

from __future__ import annotations

from collections.abc import Callable

from stages.params.task import TaskParams
from stages.tasks.classification import Classification
from stages.tasks.protocol import Task

TASKS: dict[str, Callable[[TaskParams], Task]] = {"classification": Classification}


def make(params: TaskParams) -> Task:
    """The task that params ask for."""
    return TASKS[params.kind](params)
