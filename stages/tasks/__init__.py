"""One file per kind of task; the table below is how the rest of the project finds them."""

from __future__ import annotations

from stages.tasks.classification import Classification
from stages.tasks.protocol import Task

TASKS: dict[str, Task] = {"classification": Classification()}
