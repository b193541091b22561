"""Which of several base models suits the prepared data best, before any of them is tuned.

``python -m stages.alignment.ranking packaged:all-MiniLM-L6-v2 ./some-folder`` (or ``make rank-models MODELS="..."``) reads
train and validation with each model and prints accuracy of a linear probe, LogME and H-score.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from stages import artifacts
from stages.alignment import readers, sampling
from stages.alignment.readers import Reader
from stages.artifacts import Schema
from stages.encoding import base_model, tokenizer
from stages.errors import DataError, ParamsError, UserError
from stages.metrics import linear, transferability
from stages.metrics.intervals import Bootstrap, Estimate
from stages.params.model import ModelParams
from stages.training import assembly
from stages.training.precision import device

MOST = 2000
SEED = 11
LONGEST = 128
log = logging.getLogger("stages.alignment")


@dataclass(frozen=True)
class Rank:
    """A model and what its features are worth: accuracy of a probe on validation, LogME and H-score on train."""

    name: str
    probe: Estimate
    log_me: float
    h_score: float


def rank(name: str, revision: str | None) -> Rank:
    """Read the prepared data with one model.

    Raises:
        DataError: records have not one label each.
        ModelError: there is no such model.
        ParamsError: the revision is no commit.
    """
    schema = Schema.read()
    if schema.task != "classification":
        raise DataError(f"a probe is fitted on texts with one label each, and task.kind: {schema.task} has none.")
    labels = schema.labels
    try:
        params = ModelParams(base=name, revision=revision)
    except ValidationError:
        raise ParamsError(
            f"{name}@{revision}: the commit has to have 40 hexadecimal digits, since a branch can move."
        ) from None
    folder = base_model.locate(params)
    words = tokenizer.load(folder)
    encoder = assembly.load_encoder(folder, params, device()).to(device()).eval()
    longest = min(LONGEST, tokenizer.longest_input(folder))
    reader = Reader(encoder, words, base_model.pooling_of(folder) or "mean", longest, tokenizer.pad_id(folder, words))
    (learned, ids), (held, gold) = (_read(reader, split, labels) for split in ("train", "validation"))
    right = linear.Ridge(learned, ids, len(labels)).predict(held) == gold
    return Rank(
        name,
        Bootstrap(seed=SEED).of_means(right[None].astype(float))[0],
        transferability.log_me(learned, ids, len(labels)),
        transferability.h_score(learned, ids, len(labels)),
    )


def _read(reader: readers.Reader, split: str, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    table = artifacts.read_table(artifacts.prepared(split), ["text", "label"])
    chosen = sampling.rows(table.num_rows, MOST, SEED)
    place = {label: i for i, label in enumerate(labels)}
    records = table.take(chosen)
    return reader.vectors(records["text"].to_pylist()), np.array([place[one] for one in records["label"].to_pylist()])


def _named(model: str) -> tuple[str, str | None]:
    """Name and commit; the name of a folder may hold any sign."""
    name, _, revision = (model, "", "") if Path(model).expanduser().is_dir() else model.partition("@")
    return name, revision or None


def main(words: Sequence[str]) -> int:
    """Rank and print, best probe first."""
    parser = argparse.ArgumentParser(prog="python -m stages.alignment.ranking", description="Rank base models.")
    parser.add_argument("models", nargs="+", help="packaged:NAME, a folder, or ID@COMMIT of the hub")
    chosen = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    found = []
    try:
        for model in chosen.models:
            found.append(rank(*_named(model)))
            log.info("%s read", found[-1].name)
    except UserError as error:
        log.error("%s", error)
        return error.exit_code
    sys.stdout.write(f"{'model':40} {'probe on validation':28} {'LogME':>8} {'H-score':>8}\n")
    for one in sorted(found, key=lambda each: -each.probe.value):
        interval = f"{one.probe.value:.3f} ({one.probe.low:.3f} to {one.probe.high:.3f})"
        sys.stdout.write(f"{one.name:40} {interval:28} {one.log_me:8.3f} {one.h_score:8.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
