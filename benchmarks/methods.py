"""Ways to adapt and ways not to forget, on a public data set: a sweep in a clone, and what it says, put into the documents.

``python -m benchmarks.methods DATA CLONE --task banking77`` clones the committed project into CLONE, unless it is there,
runs `benchmarks/sweeps/banking77.yaml` in it, and writes three tables between their marks in docs/adaptation.md: the sweep's
own; what is kept of every ability; how right models are when messages are changed. The figures that they are made of go to
docs/sweeps, and a test holds the document against them. Interrupted, it goes on where it was. `--only-read` runs nothing.

Runs that CLONE lacks are taken from further clones, where they were made by another commit: a method that was mended since
need not take all others along.

Cost on two cores with AMX: 90 to 150 s a run for BANKING77, 75 to 95 s for SNIPS. Readings take 5 to 10 s a model.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import clones
from benchmarks import method_readings as readings
from benchmarks.clones import ROOT, TASKS
from stages.metrics.intervals import Bootstrap
from stages.sweep import fronts, writing
from stages.sweep.harvest import Run

DOCUMENT = ROOT / "docs/adaptation.md"
KEPT = ROOT / "docs/sweeps"


def run(clone: Path, sweep: Path, *, only_read: bool) -> int:
    """Run a sweep in the clone, by the clone's own code; its files are written below the clone's reports.

    Returns:
        Its exit code: 0, or 1 where some runs failed and the others are in the table.
    """
    words = [sys.executable, "-m", "stages.sweep", str(sweep.resolve()), *(["--only-read"] if only_read else [])]
    env = {name: value for name, value in clones.ENVIRONMENT.items() if name != "PYTHONPATH"}
    code = subprocess.run(words, cwd=clone, env=env, check=False).returncode
    if code > 1:
        raise SystemExit(code)
    return code


def together(clones: Sequence[Path]) -> list[Run]:
    """Every run of the sweep, from the first clone that has it; rows that none has begun are left out."""
    found: dict[tuple[str, int], Run] = {}
    for one in (run for clone in clones for run in writing.read_runs(clone / "reports/pareto_runs.csv")):
        known = found.get((one.row, one.seed))
        if known is None or known.commit is None:
            found[one.row, one.seed] = one
    begun = {one.row for one in found.values() if one.commit is not None}
    return [one for one in found.values() if one.row in begun]


def tables(task: str, folder: Path = KEPT) -> dict[str, str]:
    """Every table of a task by the name of its marks, made of what `docs/sweeps` holds alone; empty before that."""
    rows, own = folder / f"{task}.csv", folder / f"{task}_readings.csv"
    found = readings.read(own) if own.is_file() else []
    return {
        task: writing.markdown(writing.read_rows(rows)) if rows.is_file() else "",
        f"{task} {readings.KEPT}": readings.table(found, readings.KEPT) if found else "",
        f"{task} {readings.CHANGED}": readings.table(found, readings.CHANGED) if found else "",
    }


def main(words: Sequence[str]) -> int:
    """Clone, run, read, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.methods", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of public data sets")
    parser.add_argument("clone", type=Path, help="folder for the clone, on a disk with 15 GB free")
    parser.add_argument(
        "further", type=Path, nargs="*", help="clones that have what the first one lacks; nothing is run in them"
    )
    parser.add_argument("--task", choices=sorted(TASKS), default="banking77")
    parser.add_argument("--only-read", action="store_true", help="run nothing; make the tables of what is there")
    chosen = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    task = TASKS[chosen.task]
    clones.prepared(chosen.data, chosen.clone, task, {})
    sweep, clone_of_all = ROOT / f"benchmarks/sweeps/{chosen.task}.yaml", [chosen.clone, *chosen.further]
    code = run(chosen.clone, sweep, only_read=chosen.only_read)
    KEPT.mkdir(exist_ok=True)
    found = together(clone_of_all)
    rows = fronts.rows(found)
    writing.write_rows(KEPT / f"{chosen.task}.csv", rows)
    writing.draw(KEPT / f"{chosen.task}.png", rows)
    readings.write(KEPT / f"{chosen.task}_readings.csv", readings.lines(clone_of_all, found, Bootstrap()))
    for name, said in tables(chosen.task).items():
        writing.put_into(DOCUMENT, name, said)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
