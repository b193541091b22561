"""What tuning on BANKING77 costs elsewhere, by learning rate, method and seed: DVC experiments in a clone, one table.

``python -m benchmarks.forgetting DATA CLONE`` takes public data sets from the folder DATA (`banking77`, `snips_nlu`, `stsb_en`,
`tatoeba_en_zh`) and clones the committed project into CLONE, unless it is there already. Each row is one `dvc exp run` of two
epochs, the head new. Retention is read on SNIPS intents (zero-shot, centroids, refitted probe), pairs of STS-B and the
embedded general text, none of which is trained on: replay reads English sentences of Tatoeba.

Cost: per row five minutes of training on two cores without AMX and a minute and a half of evaluation.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.clones import ENVIRONMENT, TASKS, prepared

BASE = {
    "training.epochs": 2,
    "training.head_start": "random",
    "training.batch_tokens": None,
    "training.learning_rate": 2.0e-4,
    "training.head_learning_rate": 2.0e-3,
}
"""What all rows share: batches of 64 and a new head."""
ROWS: dict[str, list[str]] = {
    "2e-5": ["training.learning_rate=2.0e-5"],
    "2e-5, seed 1": ["training.learning_rate=2.0e-5", "training.seed=1"],
    "2e-4": ["training.learning_rate=2.0e-4"],
    "2e-4, seed 1": ["training.learning_rate=2.0e-4", "training.seed=1"],
    "1e-3": ["training.learning_rate=1.0e-3"],
    "1e-4": ["training.learning_rate=1.0e-4"],
    "1e-4, head fitted first": ["training.learning_rate=1.0e-4", "training.head_start=probe"],
    "LoRA of rank 8, 2e-3": ["training.learning_rate=2.0e-3", "adaptation.method=lora"],
    "2e-4, L2-SP": ["training.learning_rate=2.0e-4", "objectives.l2_sp=30.0"],
    "2e-4, seed 1, replay": ["training.learning_rate=2.0e-4", "training.seed=1", "objectives.replay.weight=3.0"],
}
READINGS = {
    "halves": "general: which halves belong together",
    "zero-shot": "snips: zero-shot by label names",
    "centroids": "snips: 5-shot centroids",
    "probe": "snips: refitted probe",
    "pairs": "stsb: similarity of pairs",
}


def run(clone: Path, name: str, settings: Sequence[str]) -> dict[str, Any]:
    """One experiment; its figures are kept beside the clone's reports, under `results`."""
    kept = clone / "results" / f"{name}.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    called = name.replace(",", "").replace(" ", "-")
    # An experiment leaves its settings in the working tree; the next one shall not inherit them.
    subprocess.run(["git", "checkout", "-q", "HEAD", "--", "params.yaml"], cwd=clone, check=True)
    words = [sys.executable, "-m", "dvc", "exp", "run", "-n", called]
    for one in settings:
        words += ["-S", one]
    subprocess.run(words, cwd=clone, check=True, env=ENVIRONMENT)
    found = {
        "target": json.loads((clone / "reports/evaluation/metrics.json").read_text(encoding="utf-8"))["test"],
        "alignment": json.loads((clone / "reports/alignment/details.json").read_text(encoding="utf-8")),
    }
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps(found), encoding="utf-8")
    return found


def table(results: dict[str, dict[str, Any]]) -> list[str]:
    """The runs as Markdown, with the base model and random weights from the first of them."""
    lines = [
        "| run | target accuracy | " + " | ".join(READINGS) + " | CKA, last layer |",
        "| --- |" + " --- |" * (len(READINGS) + 2),
    ]
    first = {one["ability"]: one for one in next(iter(results.values()))["alignment"]["retention"]["readings"]}
    for who in ("base", "floor"):
        cells = [between(first[name][who]) for name in READINGS.values()]
        lines.append(f"| {'base' if who == 'base' else 'random weights'} | | {' | '.join(cells)} | |")
    for name, found in results.items():
        readings = {one["ability"]: one for one in found["alignment"]["retention"]["readings"]}
        target = {end: found["target"][f"accuracy{end}"] for end in ("", "_low", "_high")}
        cells = [between({"value": target[""], "low": target["_low"], "high": target["_high"]})]
        for ability in READINGS.values():
            kept = readings[ability]["retained"]
            share = f"; kept {between(kept)}" if isinstance(kept, dict) else "; uninformative"
            cells.append(f"{readings[ability]['tuned']['value']:.3f}{share}")
        cells.append(f"{found['alignment']['retention']['cka_by_layer'][-1]:.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def between(one: dict[str, float]) -> str:
    return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.forgetting", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("data", type=Path, help="folder of public data sets")
    parser.add_argument("clone", type=Path, help="folder for the clone, on a disk with 2 GB free")
    parser.add_argument("--rows", nargs="*", default=list(ROWS), help="which runs; all by default")
    chosen = parser.parse_args(words)
    prepared(chosen.data, chosen.clone, TASKS["banking77"], BASE)
    results = {name: run(chosen.clone, name, ROWS[name]) for name in chosen.rows}
    print("\n".join(table(results)))


if __name__ == "__main__":
    main(sys.argv[1:])
