"""The stages in this process, inside a project's folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

from stages import evaluate, export, finetune, prepare, tokenize
from stages.harness import Stage
from stages.params import whole
from stages.tracking import Record

STAGES = {"prepare": prepare, "tokenize": tokenize, "finetune": finetune, "evaluate": evaluate, "export": export}


def run(folder: Path, *names: str) -> None:
    """Run some stages, or all."""
    for name in names or tuple(STAGES):
        with chdir(folder):
            module = STAGES[name]
            everything = whole.check(Path("params.yaml"))
            sections = {section.section: everything[section.section] for section in module.SECTIONS}
            work: Callable[[Stage], None] = module.work
            work(Stage(name, sections, Record(None)))
