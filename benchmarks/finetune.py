"""Ours and a peer's fine-tuning in turn, on the same files and the same base model, a round for each seed.

    python -m benchmarks.finetune --peer PATH --train train.csv --test test.csv --seeds 42 1 2 3 4 \
        --peer-options "--mode tuned --batch-size 16 --lr 2e-4 --epochs 3" \
        --ours "recipe" --ours "batch16 training.batch_tokens=null training.batch_size=16 training.epochs=1"

Each `--ours` is a name and settings that differ from `--params`; a round runs each of them and then the peer. A line is printed
for each run, and a table in the end: medians, their ratio to the peer's, and the mean of test accuracy with its standard
deviation over seeds. Ours are whole seconds of a process that does what `python -m stages.finetune` does, imports and all;
prepare and tokenize, which the peer does within its own run, are measured beside it. The rate at which bf16 matrices are
multiplied is measured in each round, on the shapes of the model, to say which share of it training reaches. Run it on an idle
machine.
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


def project(folder: Path, options: argparse.Namespace, settings: list[str]) -> None:
    """Write params and data."""
    (folder / "corpus").mkdir(parents=True)
    shutil.copyfile(options.train, folder / "corpus/train.csv")
    shutil.copyfile(options.test, folder / "corpus/test.csv")
    yaml = YAML()
    content = yaml.load(options.params)
    content["data"]["path"] = "corpus"
    content["data"]["columns"].update({"text": options.text, "label": options.label, "keep": []})
    content["tracking"]["enabled"] = False
    for one in settings:
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
    from torch import nn

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
            if not step:  # of the whole run
                self.values.update(values)

    everything = whole.check(Path("params.yaml"))
    record = Kept()
    finetune.work(Stage("finetune", {one.section: everything[one.section] for one in finetune.SECTIONS}, record))
    schema = Schema.read()
    steps = artifacts.read_json(artifacts.SUMMARY)["last_step"]
    epochs = float(everything["training"].model_dump()["epochs"])
    began = time.perf_counter()
    tuned, rows = load_tuned(artifacts.FINETUNED), artifacts.read_table(artifacts.tokenized("test"))
    logits: Any = tuned.outputs(rows, 64)
    right = float((logits.argmax(axis=1) == rows["label"].to_numpy()).mean())
    seconds = record.values["seconds_per_step"] * steps
    told = {
        "train_samples_per_second": schema.rows["train"] * epochs / seconds,
        "test_accuracy": right,
        "test_seconds": time.perf_counter() - began,
    }
    if everything["adaptation"].model_dump()["method"] == "full":
        # 6 operations for each weight of a product and each real token; products within attention are left out.
        tokens = int(artifacts.read_table(artifacts.tokenized("train"))["length"].to_numpy().sum()) * epochs
        weights = sum(one.weight.numel() for one in tuned.model.modules() if isinstance(one, nn.Linear))
        told |= {"teraflops": 6 * weights * tokens / seconds / 1e12, "matrix_teraflops": matrix_rate()}
        told["test_seconds"] = time.perf_counter() - began
    print(json.dumps(told))


def matrix_rate(tokens: int = 4096, repeats: int = 20) -> float:
    """The most that bf16 products of this machine reach, in teraflops: the best of a few shapes, each at its fastest."""
    import torch

    best = 0.0
    for wide, out in ((384, 1536), (1536, 384), (768, 3072), (4096, 4096)):
        x, weights = torch.randn(tokens, wide).bfloat16(), torch.randn(out, wide).bfloat16()
        for _ in range(repeats):
            began = time.perf_counter()
            torch.nn.functional.linear(x, weights)
            best = max(best, 2 * tokens * wide * out / (time.perf_counter() - began) / 1e12)
    return best


def peer(options: argparse.Namespace, model: Path, folder: Path, seed: int) -> dict[str, float]:
    """One run of the peer, which prints one JSON line."""
    columns = ["--text", options.text, "--label", options.label, "--seed", str(seed)]
    files = ["--train", str(options.train.resolve()), "--test", str(options.test.resolve()), "--model", str(model)]
    words = [sys.executable, str(options.peer.resolve()), *files, *columns, *shlex.split(options.peer_options)]
    seconds, said = run(words, folder)
    return {**json.loads(said.strip().splitlines()[-1]), "total_seconds": seconds}


def table(runs: dict[str, list[dict[str, float]]]) -> str:
    """Medians of each variant, with their ratio to the peer's, and accuracy's mean and deviation."""
    lines = ["| | records/s | to the peer | whole seconds | to the peer | test accuracy | of the matrix rate |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    middle = {
        name: {key: statistics.median(one[key] for one in found) for key in SHOWN} for name, found in runs.items()
    }
    for name, found in runs.items():
        right = [one["test_accuracy"] for one in found]
        spread = f" ± {statistics.stdev(right):.4f}" if len(right) > 1 else ""
        shares = [one["teraflops"] / one["matrix_teraflops"] for one in found if "teraflops" in one]
        cells = [name]
        for key in SHOWN[:2]:
            cells += [f"{middle[name][key]:.1f}", f"{middle[name][key] / middle['peer'][key]:.3f}"]
        cells += [f"{statistics.mean(right):.4f}{spread}", f"{statistics.median(shares):.3f}" if shares else ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--peer-options", default="--mode tuned --batch-size 16 --lr 2e-4 --epochs 3")
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--text", default="text")
    parser.add_argument("--label", default="category")
    parser.add_argument("--params", type=Path, default=ROOT / "recipes/banking77.params.yaml")
    parser.add_argument("--ours", action="append", metavar="NAME [SECTION.KEY=VALUE ...]")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 1, 2, 3, 4])
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
    variants = {name: settings for name, *settings in (shlex.split(one) for one in options.ours or ["ours"])}
    if "peer" in variants:
        parser.error("--ours peer: the peer's own row has that name; take another")
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in (*variants, "peer")}
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as temporary:
            for name, settings in variants.items():
                folder = Path(temporary) / name
                project(folder, options, [*settings, f"training.seed={seed}"])
                before = [run([sys.executable, "-m", f"stages.{one}"], folder)[0] for one in ("prepare", "tokenize")]
                runs[name].append({**ours(folder), "before_seconds": sum(before)})
                print(f"{name}, seed {seed}", json.dumps(rounded(runs[name][-1])), flush=True)
            runs["peer"].append(peer(options, model, Path(temporary), seed))
            print(f"peer, seed {seed}", json.dumps(rounded(runs["peer"][-1])), flush=True)
    print("\n" + table(runs))


def rounded(found: dict[str, float]) -> dict[str, float]:
    """Numbers to print."""
    return {key: round(value, 4) for key, value in found.items() if isinstance(value, int | float)}


if __name__ == "__main__":
    main()
