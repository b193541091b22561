"""How long a stage takes before it does its work, and what the record costs it.

    python -m benchmarks.startup --rounds 5

In a scratch copy of the default project, by turns: seconds from the start of the process until the modules of each stage are
there; until finetune takes its first step of the optimizer, with a head that begins with noise and with one that is fitted
first; and prepare and tokenize with and without their record in MLflow. Medians, and lowest to highest. Run it on an idle
machine: the seconds are the clock's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("prepare", "tokenize", "finetune", "evaluate", "export")
AS_A_STAGE = "import sys; sys.orig_argv.append('stages.{name}')"
"""Imports then go as `python -m stages.NAME` has them; see `stages.__init__`."""
FIRST_STEP = f"""
{AS_A_STAGE.format(name="finetune")}
import os
from stages import finetune, harness
from stages.training.optimizer import ClippedAdamW
ClippedAdamW.step = lambda *_, **__: os._exit(0)
harness.main("finetune", finetune.work, finetune.SECTIONS)
os._exit(1)
"""


def importing(name: str) -> str:
    """A program that imports a stage's module as the stage does, and ends."""
    return f"{AS_A_STAGE.format(name=name)}; from stages import {name}; import atexit, gc; atexit.register(gc.freeze)"


def seconds(words: list[str], folder: Path) -> float:
    """That a Python process took, from start to exit."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
    passed = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return passed


def settings(folder: Path, path: str, value: Any) -> None:
    """Change one param of a project, `section.key`."""
    yaml, file = YAML(), folder / "params.yaml"
    content = yaml.load(file)
    section, key = path.split(".")
    content[section][key] = value
    yaml.dump(content, file)


def settle(folder: Path) -> None:
    """Wait for the process that hands a record on, so that it does not work beside the next measurement."""
    while any(one.info["cwd"] == str(folder) for one in psutil.process_iter(["cwd"])):
        time.sleep(0.1)


def measured(folder: Path) -> dict[str, Callable[[], float]]:
    """What is measured, by name."""

    def first_step(head: str) -> float:
        settings(folder, "training.head_start", head)
        shutil.rmtree(folder / ".checkpoints", ignore_errors=True)
        return seconds(["-c", FIRST_STEP], folder)

    def stage(name: str, *, record: bool) -> float:
        settings(folder, "tracking.enabled", record)
        passed = seconds(["-m", f"stages.{name}"], folder)
        settle(folder)
        return passed

    found: dict[str, Callable[[], float]] = {
        f"import stages.{name}": lambda name=name: seconds(["-c", importing(name)], folder)  # type: ignore[misc]
        for name in STAGES
    }
    for head in ("random", "probe"):
        found[f"finetune's first step, head_start: {head}"] = lambda head=head: first_step(head)  # type: ignore[misc]
    for name in ("prepare", "tokenize"):
        for record in (False, True):
            title = f"{name} {'with' if record else 'without'} its record"
            found[title] = lambda name=name, record=record: stage(name, record=record)  # type: ignore[misc]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        shutil.copy(ROOT / "params.yaml", folder)
        shutil.copytree(ROOT / "data/raw", folder / "data/raw")
        for name in ("prepare", "tokenize"):
            seconds(["-m", f"stages.{name}"], folder)
        kinds = measured(folder)
        times: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(rounds):
            for name, measure in kinds.items():
                times[name].append(measure())
        print("| what | seconds, median | lowest to highest |\n| --- | --- | --- |")
        for name, found in times.items():
            print(f"| {name} | {statistics.median(found):.2f} | {min(found):.2f} to {max(found):.2f} |", flush=True)


if __name__ == "__main__":
    main()
