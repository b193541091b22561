"""Known answers with real messages and the packaged model: false alarms on equal samples, and shifts that were planted.

``python -m benchmarks.known_answers DATA [DRAWS]`` takes `banking77` and `snips_nlu` from the folder DATA. It reads 4,000 and
1,000 messages once (15 s on two cores), and then

- draws equal samples of BANKING77, again and again (200 times), and counts how often a test at .05 calls them different, and
  how often the verdict is anything but ALIGNED;
- plants 0, 5, 20 and 50 % of SNIPS messages, and the class shares that label shift has to find without labels.

Cost: a second per draw.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import torch

from stages.alignment.distribution_shift import NEIGHBOURS, Answers, Reference, Shift
from stages.alignment.readers import Reader
from stages.alignment.verdict import on_shift
from stages.encoding import base_model, tokenizer
from stages.metrics import label_shift, linear
from stages.metrics.intervals import Bootstrap
from stages.params.alignment import Thresholds
from stages.params.model import ModelParams
from stages.training import assembly

RECORDS = 300
SHARES = (0.0, 0.05, 0.2, 0.5)
PERMUTATIONS = 200


def reader() -> Reader:
    params = ModelParams()
    folder = base_model.locate(params)
    encoder = assembly.load_encoder(folder, params, torch.device("cpu")).eval()
    return Reader(encoder, tokenizer.load(folder), "mean", 64, 0)


def shift(base: Reader, train: list[str], validation: list[str], split: list[str], seed: int) -> Shift:
    """A split against train; what the model answers does not matter here."""
    said = Answers(np.zeros(len(validation), int), np.ones(len(validation)), np.zeros(len(validation), int))
    reference = Reference(
        base, train, validation, said, np.zeros(len(train), int),
        classes=1, most=RECORDS, permutations=PERMUTATIONS, seed=seed, bootstrap=Bootstrap(500, 0.95, seed),
    )  # fmt: skip
    return reference.against(split, Answers(np.zeros(len(split), int), np.ones(len(split))))


def false_alarms(base: Reader, texts: list[str], draws: int) -> dict[str, float]:
    """Shares of draws of equal samples in which something is said to be different."""
    found = {
        "two-sample test, p < .05": 0,
        "MMD, p < .05": 0,
        "verdict WATCH or MISALIGNED": 0,
        "verdict not ALIGNED": 0,
    }
    for draw in range(draws):
        order = np.random.default_rng([draw, 1]).permutation(len(texts))
        parts = [[texts[i] for i in order[k * RECORDS : (k + 1) * RECORDS]] for k in range(3)]
        one = shift(base, parts[0], parts[1], parts[2], draw)
        state = on_shift("split", one, Thresholds()).state
        found["two-sample test, p < .05"] += one.normalised.p < 0.05
        found["MMD, p < .05"] += one.discrepancy.p < 0.05
        found["verdict WATCH or MISALIGNED"] += state in {"WATCH", "MISALIGNED"}
        found["verdict not ALIGNED"] += state != "ALIGNED"
    return {name: count / draws for name, count in found.items()}


def planted(base: Reader, texts: list[str], foreign: list[str]) -> list[str]:
    lines = ["| foreign | AUC (95 %) | distance ratio (95 %) | MMD², p | new words | verdict |", "|" + " --- |" * 6]
    parts = [texts[k * RECORDS : (k + 1) * RECORDS] for k in range(3)]
    for share in SHARES:
        count = int(share * RECORDS)
        one = shift(base, parts[0], parts[1], parts[2][: RECORDS - count] + foreign[:count], 1)
        test, ratio = one.normalised, one.distance_ratio
        lines.append(
            f"| {share:.0%} | {test.auc:.3f} ({test.low:.3f} to {test.high:.3f}) | {ratio.value:.3f} ({ratio.low:.3f} to "
            f"{ratio.high:.3f}) | {one.discrepancy.squared:.4f}, {one.discrepancy.p:.3f} | {one.new_words[0]:.3f} | "
            f"{on_shift('split', one, Thresholds()).state} |"
        )
    return lines


def label_shares(base: Reader, texts: list[str], labels: list[str]) -> list[str]:
    """Class shares that were planted, and those found without labels by a probe on the frozen model."""
    names = sorted(set(labels))
    vectors, gold = base.vectors(texts), np.searchsorted(names, labels)
    half = len(texts) // 2
    probe = linear.Ridge(vectors[:half], gold[:half], len(names))
    held = slice(half, half + half // 2)
    confusion = np.zeros((len(names), len(names)))
    np.add.at(confusion, (gold[held], probe.predict(vectors[held])), 1)
    rest, lines = np.arange(half + half // 2, len(texts)), []
    for seed in range(3):
        generator = np.random.default_rng(seed)
        wanted = generator.dirichlet(np.full(len(names), 0.5))
        drawn = generator.choice(rest, 1000, p=wanted[gold[rest]] / wanted[gold[rest]].sum())
        true = np.bincount(gold[drawn], minlength=len(names)) / len(drawn)
        said = probe.predict(vectors[drawn])
        found = label_shift.shares(confusion, said)
        counted = np.bincount(said, minlength=len(names)) / len(said)
        r, plain = (np.corrcoef(one, true)[0, 1] for one in (found, counted))
        away = np.abs(true - np.bincount(gold[:half], minlength=len(names)) / half).sum() / 2
        lines.append(f"| {away:.2f} | {r:.3f} | {plain:.3f} |")
    return ["| total variation from train | r of BBSE | r of counted predictions |", "| --- | --- | --- |", *lines]


def main(data: Path, draws: int) -> None:
    with (data / "banking77/train.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    chosen = np.random.default_rng(0).permutation(len(rows))[:4000]
    texts = [rows[i]["text"] for i in chosen]
    with (data / "snips_nlu/train.jsonl").open(encoding="utf-8") as stream:
        intents = {row["text"]: row["intent"] for row in map(json.loads, stream)}
    foreign = list(intents)[:1000]
    base = reader()
    base.vectors(texts + foreign)
    print(f"n = {RECORDS} of each sample, {NEIGHBOURS} neighbours, {PERMUTATIONS} permutations\n")
    print("\n".join(planted(base, texts, foreign)), "\n")
    some = list(intents)[:: max(1, len(intents) // 2000)]
    print("\n".join(label_shares(base, some, [intents[one] for one in some])), "\n")
    print(f"equal samples of BANKING77, {draws} draws:\n")
    for name, share in false_alarms(base, texts, draws).items():
        print(f"| {name} | {100 * share:.1f} % |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200)
