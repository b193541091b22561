"""Every kind of task against the stock Hugging Face Trainer: same records, base model, epochs, learning rate and scorer.

    python -m benchmarks.tasks DATA WORK [--tasks wnut17 goemotions] [--seeds 1 2 3] [--epochs 3] [--limit 100]
    python -m benchmarks.tasks DATA WORK --heads

DATA is the folder of public data sets, one folder each; WORK gets scratch and finished runs, and a call with the same options
goes on where another one ended. Ours (prepare, tokenize, finetune and evaluate as processes) and the peer (`benchmarks.peers`)
run in turn; epochs, learning rate and batch are the recipe's for both. `whole` seconds are those of all processes, start-up
and predictions on test included; `training` is the training loop alone, with ours' head start and readings of validation.
`--heads` compares ours' three heads of a tagger instead. Run it on an idle machine: the seconds are the clock's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from benchmarks.contest import projects, said, scoring, tables
from benchmarks.contest.jobs import HEADS, JOBS, TAGGING
from benchmarks.contest.rounds import OURS, PEER, Machine, Rounds
from benchmarks.contest.tables import Line
from stages.metrics.intervals import Bootstrap

RESAMPLES = Bootstrap(2000, 0.95, 7)


def options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tasks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of public data sets")
    parser.add_argument("work", type=Path, help="folder for scratch and finished runs")
    parser.add_argument("--tasks", nargs="+", choices=tuple(JOBS), help="all by default")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--epochs", type=float, help="instead of the recipe's, for both")
    parser.add_argument("--learning-rate", type=float, help="likewise")
    parser.add_argument("--batch-size", type=int, help="likewise")
    parser.add_argument("--limit", type=int, help="records per split, for trial runs")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="of ours' params")
    parser.add_argument("--heads", action="store_true", help="linear, CRF and BiLSTM-CRF on " + " and ".join(TAGGING))
    chosen = parser.parse_args(words)
    chosen.tasks = chosen.tasks or list(TAGGING if chosen.heads else JOBS)
    if chosen.heads and set(chosen.tasks) - set(TAGGING):
        parser.error(f"--heads: expected --tasks among {', '.join(TAGGING)}")
    return chosen


def changes(chosen: argparse.Namespace) -> dict[str, Any]:
    """Of the recipe's params, by dotted path."""
    named = {
        "training.epochs": chosen.epochs,
        "training.learning_rate": chosen.learning_rate,
        "training.batch_size": chosen.batch_size,
        "data.limit": chosen.limit,
    }
    found = {path: value for path, value in named.items() if value is not None}
    for one in chosen.set:
        path, _, value = one.partition("=")
        found[path] = YAML(typ="safe", pure=True).load(value)
    return found


def machine(params: Mapping[str, Any]) -> Machine:
    """The recipe's base model, and ours' own choice of precision here."""
    from stages.encoding import base_model, tokenizer
    from stages.params.model import ModelParams
    from stages.training.precision import device, use_bf16

    folder = base_model.locate(ModelParams.model_validate(params["model"]))
    bf16 = use_bf16(params["training"]["precision"], device())
    return Machine(folder, tokenizer.longest_input(folder), bf16)


def compete(rounds: Rounds, seeds: Sequence[int]) -> Iterator[Line]:
    """Play a data set; its lines."""
    runs: dict[str, list[dict[str, Any]]] = {OURS: [], PEER: []}
    for seed in seeds:
        for who in (OURS, PEER):
            runs[who].append(run(rounds, who, seed))
    gold, other = said.records(rounds.gold), rounds.params["task"]["relation"]["other"]
    seconds = {(of, who): [one["seconds"][of] for one in runs[who]] for of in ("train", "whole") for who in runs}

    def side(who: str, key: str) -> scoring.Side:
        predicted = [one["answers"][key] for one in runs[who]]
        return scoring.side(gold, predicted, rounds.schema, other, RESAMPLES)

    ours = side(OURS, "predicted")
    variants = (
        {said.HALF: "predicted", said.CHOSEN: "chosen"} if rounds.schema.task == "multilabel" else {"": "predicted"}
    )
    for variant, key in variants.items():
        peer = side(PEER, key)
        for figure in rounds.job.figures:
            gap = scoring.difference(ours, peer, figure, RESAMPLES)
            own, theirs = ours.figures[figure], peer.figures[figure]
            yield Line(rounds.name, gold.num_rows, figure, variant, own, theirs, gap, seconds)


def heads(rounds: Rounds, seeds: Sequence[int]) -> Iterator[str]:
    """Compare the heads of a tagger; a row each. The recipe's own head is the contest's run."""
    own = rounds.params["task"]["tagging"]["head"]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in HEADS}
    for seed in seeds:
        for name in HEADS:
            runs[name].append(run(rounds, OURS if name == own else name, seed, {"task.tagging.head": name}))
    gold = said.records(rounds.gold)
    for name, found in runs.items():
        side = scoring.side(gold, [one["answers"]["predicted"] for one in found], rounds.schema, None, RESAMPLES)
        broken = [float(np.mean(one["answers"]["malformed"])) for one in found]
        seconds = ([one["seconds"][of] for one in found] for of in ("train", "whole"))
        yield tables.head(rounds.name, name, side.figures["f1"], broken, *seconds)


def run(rounds: Rounds, who: str, seed: int, further: dict[str, Any] | None = None) -> dict[str, Any]:
    """One run, and a line about it."""
    found, new = rounds.run(who, seed, further)
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in found["seconds"].items())
    print(f"{rounds.name} {who} seed {seed}: {seconds}{'' if new else ' (kept)'}", flush=True)
    return found


def main(words: Sequence[str]) -> None:
    chosen = options(words)
    changed = changes(chosen)
    lines: list[Line] = []
    rows: list[str] = []
    for name in chosen.tasks:
        where = machine(projects.settings(JOBS[name], chosen.data, changed))
        rounds = Rounds(name, JOBS[name], chosen.data, chosen.work, changed, where)
        if chosen.heads:
            rows += heads(rounds, chosen.seeds)
        else:
            lines += compete(rounds, chosen.seeds)
    if chosen.heads:
        print("\n".join(["", tables.HEADS, *rows]))
    else:
        print("\n".join(["", tables.HEADER, *(line.markdown() for line in lines), "", *tables.verdict(lines)]))


if __name__ == "__main__":
    main(sys.argv[1:])
