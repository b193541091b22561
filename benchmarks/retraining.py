"""A real retraining of BANKING77, two seeds at two learning rates, and what the gate says of each pair.

``python -m benchmarks.retraining DATA CLONE OUT`` makes the four experiments with `benchmarks.forgetting` (those that are there
are not run again), turns each into a branch of the clone, and lets the gate compare them: another seed, another learning
rate, and both. OUT gets a table of all verdicts and the whole report of the last pair, as Markdown with pictures and as a page.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import forgetting

RUNS = ("2e-4", "2e-4, seed 1", "2e-5", "2e-5, seed 1")
PAIRS = ((0, 1), (2, 3), (2, 0), (1, 0), (0, 2))
"""Which run replaces which, as (before, after)."""
WORDS = {0: "PASS", 1: "FAIL", 2: "cannot judge", 3: "INCONCLUSIVE"}


def branch(name: str) -> str:
    return "run-" + name.replace(",", "").replace(" ", "-")


def keep(clone: Path, name: str) -> None:
    """A branch that holds an experiment's commit."""
    exists = subprocess.run(
        ["git", "rev-parse", "-q", "--verify", branch(name)], cwd=clone, check=False, capture_output=True
    )
    if exists.returncode != 0:
        words = [sys.executable, "-m", "dvc", "exp", "branch", branch(name).removeprefix("run-"), branch(name)]
        subprocess.run(words, cwd=clone, check=True)


def compare(clone: Path, before: str, after: str, out: Path | None) -> tuple[str, str]:
    """The gate's verdict on a pair, and the line that says what decided."""
    subprocess.run(["git", "checkout", "-qf", branch(after)], cwd=clone, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "checkout", "-q", "-f"], cwd=clone, check=True)
    words = [sys.executable, "-m", "stages.gate", "compare", "--baseline", branch(before)]
    if out is not None:
        words += ["--out", str(out.resolve())]
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True, check=False)
    if done.returncode not in WORDS:
        raise SystemExit(done.stderr[-2000:])
    said = (out / "report.md").read_text(encoding="utf-8") if out is not None else done.stdout
    rule = next((line for line in said.splitlines() if line.startswith("| `margins.accuracy`")), done.stderr.strip())
    return WORDS[done.returncode], rule.strip("| ").split("|")[-1].strip()


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.retraining", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("data", type=Path, help="folder of public data sets")
    parser.add_argument("clone", type=Path, help="folder for the clone")
    parser.add_argument("out", type=Path, help="folder for the report")
    chosen = parser.parse_args(words)
    forgetting.main([str(chosen.data), str(chosen.clone), "--rows", *RUNS])
    for name in RUNS:
        keep(chosen.clone, name)
    print("\n| before | after | gate | accuracy |\n| --- | --- | --- | --- |")
    for i, (before, after) in enumerate(PAIRS):
        out = chosen.out if i == len(PAIRS) - 1 else None
        verdict, why = compare(chosen.clone, RUNS[before], RUNS[after], out)
        print(f"| {RUNS[before]} | {RUNS[after]} | {verdict} | {why} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
