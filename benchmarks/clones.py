"""A clone of the committed project that tunes on a public data set and is asked about others.

Retention is read on what tuning never sees: intents and queries of the other data set, pairs of STS-B with people's scores and
the embedded general text. What replay and EWC read is another text still: English sentences of Tatoeba.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages.sweep.plan import changed

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1"}
REPLAYED = 2000
"""Texts that replay and EWC may read."""
OWN = "data/raw/own"
REFERENCES = "data/raw/references"
READ = "data/raw/replayed.txt"


@dataclass(frozen=True)
class Task:
    """A data set that is tuned on.

    Attributes:
        recipe: name of a file in `recipes`, without `.params.yaml`.
        folder: of the data set, within the folder of public data sets.
        other: name of the task whose records are asked about.
        asked: file of labelled records that others are asked about, and its column of labels.
    """

    recipe: str
    folder: str
    other: str
    asked: tuple[str, str]


TASKS = {
    "banking77": Task("banking77", "banking77", "snips", ("test.csv", "category")),
    "snips": Task("snips", "snips_nlu", "banking77", ("train.jsonl", "intent")),
}


def settings(task: Task, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe's params with a clone's places.

    Args:
        task: to tune on.
        changes: dotted path to value, of what else is not the recipe's.
    """
    recipe = YAML(typ="safe", pure=True).load(ROOT / f"recipes/{task.recipe}.params.yaml")
    places = {
        "data.path": OWN,
        "objectives.references": READ,
        "evaluation.references": REFERENCES,
        "gate.baseline": "HEAD",
    }
    return changed(recipe, {**places, **changes})


def prepared(data: Path, clone: Path, task: Task, changes: Mapping[str, Any]) -> None:
    """Make the clone, unless it is there; one that was made for another task, or with other settings, is refused.

    Args:
        data: as for `prepare`.
        clone: likewise.
        task: likewise.
        changes: likewise.
    """
    if not clone.exists():
        prepare(data, clone, task, changes)
        return
    words = ["git", "show", "HEAD:params.yaml"]
    said = subprocess.run(words, cwd=clone, capture_output=True, text=True, check=True).stdout
    if YAML(typ="safe", pure=True).load(said) != settings(task, changes):
        raise SystemExit(
            f"{clone}: its params.yaml is not that of {task.recipe} now. Name a folder that is not there yet."
        )


def prepare(data: Path, clone: Path, task: Task, changes: Mapping[str, Any]) -> None:
    """Clone the project, give it recipe, data and references, and commit them; nothing is left of one that fails.

    Args:
        data: folder of public data sets: the task's and the other's, `stsb_en`, `tatoeba_en_zh`.
        clone: folder to be made.
        task: to tune on.
        changes: as for `settings`.
    """
    made = clone.with_name(f"{clone.name}.partial")
    shutil.rmtree(made, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(made)], check=True)
    _fill(data, made, task, changes)
    made.rename(clone)


def _fill(data: Path, clone: Path, task: Task, changes: Mapping[str, Any]) -> None:
    YAML().dump(settings(task, changes), clone / "params.yaml")
    (clone / OWN).mkdir(parents=True)
    for file in sorted((data / task.folder).glob("t*.*")):  # train and test
        shutil.copyfile(file, clone / OWN / file.name)
    _references(data, clone / REFERENCES, task.other)
    with (data / "tatoeba_en_zh/train.csv").open(encoding="utf-8", newline="") as rows:
        texts = list(dict.fromkeys(row["source"] for row in csv.DictReader(rows)))[:REPLAYED]
    (clone / READ).write_text("\n".join(texts) + "\n", encoding="utf-8")
    person = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org")
    subprocess.run(["git", "add", "-A"], cwd=clone, check=True)
    subprocess.run(["git", *person, "commit", "-qm", f"{task.recipe} with references"], cwd=clone, check=True)


def _references(data: Path, folder: Path, other: str) -> None:
    """What retention is read on."""
    folder.mkdir()
    shutil.copyfile(ROOT / "data/raw/helpdesk/general.txt", folder / "general.txt")
    shutil.copyfile(data / "stsb_en/dev.csv", folder / "stsb.csv")
    task = TASKS[other]
    file, label = task.asked
    with (folder / f"{other}.jsonl").open("w", encoding="utf-8") as out:
        for row in _records(data / task.folder / file):
            out.write(json.dumps({"text": row["text"], "label": row[label]}) + "\n")


def _records(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines) if file.suffix == ".csv" else map(json.loads, lines)
