"""A project in a scratch folder, made of a recipe, and its stages as processes with their seconds.

What a peer does not do is off: record, baselines, alignment report. Early stopping is off too, so that both learn for as many
epochs. Everything else is the recipe's, unless the command line says otherwise.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.contest.jobs import Job

ROOT = Path(__file__).resolve().parents[2]
OFF = {
    "tracking.enabled": False,
    "evaluation.baselines": False,
    "evaluation.alignment.enabled": False,
    "training.early_stopping.patience": None,
}


def settings(job: Job, data: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's params with changes.

    Args:
        job: names recipe and data set.
        data: folder of public data sets.
        changes: dotted path to value.
    """
    content: dict[str, Any] = YAML(typ="safe", pure=True).load(ROOT / f"recipes/{job.recipe}.params.yaml")
    for path, value in {**OFF, "data.path": str((data / job.folder).resolve()), **changes}.items():
        *sections, key = path.split(".")
        inner = content
        for name in sections:
            if not isinstance(inner.get(name), dict):
                raise SystemExit(f"{path}: recipes/{job.recipe}.params.yaml has no such key. Name one that it has.")
            inner = inner[name]
        if key not in inner:
            raise SystemExit(f"{path}: recipes/{job.recipe}.params.yaml has no such key. Name one that it has.")
        inner[key] = value
    return content


def begin(folder: Path, params: Mapping[str, Any]) -> None:
    """Write a project's params into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    YAML().dump(dict(params), folder / "params.yaml")


def run(words: list[str], folder: Path) -> tuple[float, str]:
    """Seconds that a module took in a folder, from start to exit, and what it printed."""
    paths = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep)
    env = {**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1"}
    env.pop("DVC_ROOT", None)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed in {folder}:\n{done.stdout}{done.stderr}")
    return seconds, done.stdout


def run_all(folder: Path) -> dict[str, float]:
    """Seconds of each stage up to evaluate, and of training alone (`train`: head start and readings of validation included)."""
    seconds = {name: run([f"stages.{name}"], folder)[0] for name in ("prepare", "tokenize")}
    seconds["finetune"], said = run(["benchmarks.contest.finetuning"], folder)
    seconds["train"] = json.loads(said.strip().splitlines()[-1])["train"]
    seconds["evaluate"], _ = run(["stages.evaluate"], folder)
    return seconds
