"""What ten messages of each class are enough for: BANKING77 with few examples, by method and objective.

    python -m benchmarks.few_shot DATA WORK [--shots 10] [--draws 1 2 3] [--rows "head first" ...]

DATA is the folder of public data sets (`banking77`), WORK gets scratch and finished runs, and a call with the same options goes
on where another one ended. Each draw takes so many messages of each class from train, and the pipeline sees no other label: a
fifth of them (a tenth in a row of `9 + 1`) becomes the validation that chooses the epoch. Rows are compared on draw 0, by 2,000
further messages of train; the best one there is the one to use, and what it and the others get right on test is read on the
other draws.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contest import projects
from benchmarks.contest.jobs import Job
from stages.artifacts import METRICS, read_json, write_json

JOB = Job("banking77", "banking77", ("accuracy",))
COMPARED = 2000
"""Messages of train, none of them drawn, that rows are compared on."""
COMMON: dict[str, Any] = {
    "data.split.validation": 0.2,
    "training.epochs": 10,
    "training.batch_size": 32,
    "training.batch_tokens": None,
    "training.learning_rate": 1.0e-4,
    "evaluation.bootstrap": 500,
}
R_DROP: dict[str, Any] = {"objectives.r_drop": 1.0}
FOURS: dict[str, Any] = {
    "objectives.contrastive.weight": 0.5,
    "objectives.contrastive.temperature": 0.1,
    "objectives.contrastive.together": 4,
}
NINE = {"data.split.validation": 0.1}
FIVE: dict[str, Any] = {"training.seeds": [1, 2, 3, 4, 5], "training.keep": "ensemble"}
ROWS: dict[str, dict[str, Any]] = {
    "head on frozen features": {"adaptation.method": "frozen"},
    "new head, 2e-4": {"training.head_start": "random", "training.learning_rate": 2.0e-4},
    "head first": {},
    "head first, 2e-4": {"training.learning_rate": 2.0e-4},
    "head first, contrastive": {"objectives.contrastive.weight": 0.5},
    "head first, contrastive, batch of 128": {
        "objectives.contrastive.weight": 0.5,
        "objectives.contrastive.temperature": 0.1,
        "training.batch_size": 128,
        "training.learning_rate": 2.0e-4,
    },
    "head first, contrastive, in fours": FOURS,
    "head first, R-Drop": R_DROP,
    "head first, R-Drop, contrastive, in fours": {**R_DROP, **FOURS, "objectives.contrastive.weight": 0.3},
    "head first, R-Drop, 9 + 1": {**R_DROP, **NINE},
    "head first, contrastive, in fours, 9 + 1": {**FOURS, **NINE},
    "head first, R-Drop, 9 + 1, ensemble of five": {**R_DROP, **NINE, **FIVE},
    "head first, contrastive, in fours, 9 + 1, ensemble of five": {**FOURS, **NINE, **FIVE},
    "head first, mixup": {"objectives.mixup": 0.3},
    "head first, word dropout and typos": {
        "data.augmentation.word_dropout.copies": 1,
        "data.augmentation.typos.copies": 1,
    },
}
Row = dict[str, str]


def drawn(rows: Sequence[Row], shots: int, seed: int) -> tuple[list[Row], list[Row]]:
    """Some rows of each class, by seed, and all others, in a seeded order."""
    order = np.random.default_rng(seed).permutation(len(rows))
    taken: list[Row] = []
    others: list[Row] = []
    counts: dict[str, int] = {}
    for row in (rows[int(i)] for i in order):
        counts[row["category"]] = counts.get(row["category"], 0) + 1
        (taken if counts[row["category"]] <= shots else others).append(row)
    return taken, others


def write(file: Path, rows: Sequence[Row]) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read(file: Path) -> list[Row]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def run(data: Path, work: Path, name: str, shots: int, draw: int) -> float:
    """Accuracy of a row on a draw: on further messages of train for draw 0, else on test."""
    changes = {**COMMON, **ROWS[name], "training.seed": draw}
    kept = work / "results" / f"{name}, {shots} shots, draw {draw}.json"
    if kept.is_file():
        found = read_json(kept)
        if found["changes"] == changes:
            return float(found["accuracy"])
    folder = work / "scratch"
    shutil.rmtree(folder, ignore_errors=True)
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    taken, others = drawn(read(data / "banking77/train.csv"), shots, draw)
    write(corpus / "train.csv", taken)
    write(corpus / "test.csv", others[:COMPARED] if draw == 0 else read(data / "banking77/test.csv"))
    project = folder / "project"
    projects.begin(project, projects.settings(JOB, data, {**changes, "data.path": str(corpus)}))
    projects.run_all(project)
    accuracy = float(read_json(project / METRICS)["test"]["accuracy"])
    write_json(kept, {"changes": changes, "accuracy": accuracy})
    return accuracy


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.few_shot", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of public data sets")
    parser.add_argument("work", type=Path, help="folder for scratch and finished runs")
    parser.add_argument("--shots", type=int, default=10, help="messages of each class")
    parser.add_argument("--draws", type=int, nargs="*", default=[1, 2, 3], help="whose figures on test are shown")
    parser.add_argument("--rows", nargs="+", choices=tuple(ROWS), default=list(ROWS))
    chosen = parser.parse_args(words)
    data, work = chosen.data.resolve(), chosen.work.resolve()
    print(
        "| row | further messages of train, draw 0 | test, mean of draws | lowest to highest |\n| --- | --- | --- | --- |"
    )
    compared: dict[str, float] = {}
    for name in chosen.rows:
        compared[name] = run(data, work, name, chosen.shots, 0)
        found = [run(data, work, name, chosen.shots, draw) for draw in chosen.draws]
        shown = f"{statistics.mean(found):.3f} | {min(found):.3f} to {max(found):.3f}" if found else " | "
        print(f"| {name} | {compared[name]:.3f} | {shown} |", flush=True)
    print(f"\nBest on draw 0: {max(compared, key=lambda name: compared[name])}")


if __name__ == "__main__":
    main(sys.argv[1:])
