"""What prepare, tokenize and finetune cost against the number and the length of records.

    python -m benchmarks.memory --rows 10000 100000 1000000 --words 24

Each stage runs in a process of its own on generated messages; its seconds and the peak of its resident memory are printed.
finetune takes `--steps` optimizer steps, so that its memory is that of a whole run and its time is not.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
CLASSES = 10
WORDS = (
    "card",
    "transfer",
    "refund",
    "late",
    "parcel",
    "where",
    "is",
    "my",
    "the",
    "please",
    "account",
    "fee",
    "again",
    "why",
)


def corpus(folder: Path, rows: int, words: int) -> None:
    """Write train, validation and test; no two messages are the same."""
    folder.mkdir(parents=True)
    chance = random.Random(0)
    for split, count in (("train", rows), ("validation", 200), ("test", 200)):
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["text", "label"])
            for i in range(count):
                text = " ".join(chance.choices(WORDS, k=max(words - 3, 1)))
                writer.writerow([f"{split} {i} {text}", f"class {i % CLASSES}"])


def project(folder: Path, rows: int, words: int, steps: int, batch: int) -> None:
    """Write params and data."""
    corpus(folder / "corpus", rows, words)
    yaml = YAML()
    content = yaml.load(ROOT / "params.yaml")
    content["data"]["path"] = "corpus"
    content["data"]["columns"].update({"text": "text", "label": "label", "keep": []})
    content["data"]["cleaning"]["near_duplicates"] = "keep"
    content["training"].update({"epochs": steps * batch / rows, "batch_size": batch, "head_start": "random"})
    content["tracking"]["enabled"] = False
    yaml.dump(content, folder / "params.yaml")


def measured(stage: str, folder: Path) -> tuple[float, float]:
    """Seconds and peak MiB of a stage's process."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    began = time.perf_counter()
    with (folder / f"{stage}.log").open("w") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", f"stages.{stage}"], cwd=folder, env=env, stdout=out, stderr=out
        )
        _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit((folder / f"{stage}.log").read_text())
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--words", type=int, nargs="+", default=[24])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--stages", nargs="+", default=["prepare", "tokenize", "finetune"])
    options = parser.parse_args()
    print("| rows | words | stage | seconds | peak MiB |\n| --- | --- | --- | --- | --- |")
    for words in options.words:
        for rows in options.rows:
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                project(folder, rows, words, options.steps, options.batch)
                for stage in options.stages:
                    seconds, peak = measured(stage, folder)
                    print(f"| {rows:,} | {words} | {stage} | {seconds:.1f} | {peak:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
