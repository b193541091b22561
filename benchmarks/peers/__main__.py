"""Run one peer and print its seconds, whole process excluded, as a JSON line; see the package."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from transformers import set_seed

from benchmarks.peers import multilabel, pair_regression, question_answering, relation, stock, tagging

PEERS = {
    "multilabel": multilabel.run,
    "pair_regression": pair_regression.run,
    "question_answering": question_answering.run,
    "relation": relation.run,
    "tagging": tagging.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description="The stock Trainer on one task.")
    parser.add_argument("kind", choices=tuple(PEERS))
    parser.add_argument("data", type=Path, help="folder with train.jsonl, validation.jsonl and test.jsonl")
    parser.add_argument("out", type=Path, help="folder for the answers")
    parser.add_argument("--model", required=True, help="folder of the base model")
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--warmup", type=float, default=0.1, help="share of the steps")
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--max-length", type=int, default=128, help="tokens of a row")
    parser.add_argument("--stride", type=int, default=128, help="tokens that windows share")
    chosen = vars(parser.parse_args())
    kind, data, out = chosen.pop("kind"), chosen.pop("data"), chosen.pop("out")
    options = stock.Options(**chosen)
    out.mkdir(parents=True, exist_ok=True)
    set_seed(options.seed)
    print(json.dumps(PEERS[kind](data, out, options)))


if __name__ == "__main__":
    main()
