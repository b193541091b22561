"""Ours and a peer's fine-tuning in turn, A B A B, on the same files and the same base model.

    python -m benchmarks.finetune --peer PATH --train train.csv --test test.csv --pairs 5 \
        --peer-options "--mode tuned --batch-size 16 --lr 2e-4 --epochs 3" --set training.epochs=3 --set training.batch_size=16

Prints a line per run and a table of medians with their ratio. Ours are whole seconds of a process that does what
`python -m stages.finetune` does, imports and all; prepare and tokenize, which the peer does within its own run, are measured
beside it. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ("train_samples_per_second", "total_seconds", "test_accuracy")


def project(folder: Path, options: argparse.Namespace) -> None:
    """Write params and data."""
    (folder / "corpus").mkdir(parents=True)
    shutil.copyfile(options.train, folder / "corpus/train.csv")
    shutil.copyfile(options.test, folder / "corpus/test.csv")
    yaml = YAML()
    content = yaml.load(options.params)
    content["data"]["path"] = "corpus"
    content["data"]["columns"].update({"text": options.text, "label": options.label, "keep": []})
    content["tracking"]["enabled"] = False
    for one in options.set:
        name, value = one.split("=", 1)
        section, key = name.split(".", 1)
        content[section][key] = YAML(typ="safe", pure=True).load(value)
    yaml.dump(content, folder / "params.yaml")


def run(words: list[str], folder: Path) -> tuple[float, str]:
    """Seconds that a process took, and what it said."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    began = time.perf_counter()
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.perf_counter() - began, done.stdout


def ours(folder: Path) -> dict[str, float]:
    """One run of finetune, and its model's accuracy on test, which is not timed."""
    seconds, said = run([sys.executable, "-m", "benchmarks.finetune", "--child"], folder)
    found: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    return {**found, "total_seconds": seconds - found.pop("test_seconds")}


def child() -> None:
    """Within the project: finetune, then predict test."""
    from stages import artifacts, finetune
    from stages.artifacts import Schema
    from stages.harness import Stage
    from stages.params import whole
    from stages.tracking import Record
    from stages.training.prediction import load_tuned

    class Kept(Record):
        def __init__(self) -> None:
            super().__init__(None)
            self.values: dict[str, float] = {}

        def metrics(self, values: Any, step: int | None = None) -> None:
            if step is None:
                self.values.update(values)

    everything = whole.check(Path("params.yaml"))
    record = Kept()
    finetune.work(Stage("finetune", {one.section: everything[one.section] for one in finetune.SECTIONS}, record))
    steps = artifacts.read_json(artifacts.SUMMARY)["last_step"]
    epochs = float(everything["training"].model_dump()["epochs"])
    learned = Schema.read().rows["train"] * epochs
    began = time.perf_counter()
    tuned, rows = load_tuned(artifacts.FINETUNED), artifacts.read_table(artifacts.tokenized("test"))
    logits: Any = tuned.outputs(rows, 64)
    right = float((logits.argmax(axis=1) == rows["label"].to_numpy()).mean())
    told = {
        "train_samples_per_second": learned / (record.values["seconds_per_step"] * steps),
        "test_accuracy": right,
        "test_seconds": time.perf_counter() - began,
    }
    print(json.dumps(told))


def peer(options: argparse.Namespace, model: Path, folder: Path) -> dict[str, float]:
    """One run of the peer, which prints one JSON line."""
    columns = ["--text", options.text, "--label", options.label]
    files = ["--train", str(options.train.resolve()), "--test", str(options.test.resolve()), "--model", str(model)]
    words = [sys.executable, str(options.peer.resolve()), *files, *columns, *shlex.split(options.peer_options)]
    seconds, said = run(words, folder)
    return {**json.loads(said.strip().splitlines()[-1]), "total_seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--peer-options", default="--mode tuned --batch-size 16 --lr 2e-4 --epochs 3")
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--text", default="text")
    parser.add_argument("--label", default="category")
    parser.add_argument("--params", type=Path, default=ROOT / "recipes/banking77.params.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child()
        return
    if None in (options.peer, options.train, options.test):
        parser.error("--peer, --train and --test are needed")
    from stages.encoding import base_model
    from stages.params.model import ModelParams

    model = base_model.locate(ModelParams())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        project(folder, options)
        before = sum(run([sys.executable, "-m", f"stages.{stage}"], folder)[0] for stage in ("prepare", "tokenize"))
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
        for _ in range(options.pairs):
            for name, one in (("ours", lambda: ours(folder)), ("peer", lambda: peer(options, model, folder))):
                runs[name].append(one())
                print(name, json.dumps({key: round(runs[name][-1][key], 4) for key in SHOWN}), flush=True)
    print(f"\nprepare and tokenize: {before:.1f} s\n\n| | ours | peer | ours / peer |\n| --- | --- | --- | --- |")
    for key in SHOWN:
        a, b = (statistics.median(one[key] for one in runs[name]) for name in ("ours", "peer"))
        print(f"| {key.replace('_', ' ')} | {a:.4g} | {b:.4g} | {a / b:.3f} |")


if __name__ == "__main__":
    main()
