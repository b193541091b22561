"""Measure a file of incoming messages against the data that the current model was tuned on.

``python -m stages.alignment.shift --incoming messages.jsonl`` prints the shift and its verdict; `--out` keeps all figures.
A `.jsonl` file holds records with `text`, a `.csv` file a column `text`, a `.txt` file one message per line.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from stages import artifacts
from stages.alignment import incoming, measuring, readers, verdict
from stages.alignment.distribution_shift import Answers
from stages.analysis.reports import REPORTS
from stages.encoding import tokenizer
from stages.errors import UserError
from stages.metrics.intervals import Bootstrap
from stages.params.evaluation import EvaluationParams
from stages.params.loading import load
from stages.training.prediction import Tuned, load_tuned

log = logging.getLogger("stages.alignment")


def main(words: Sequence[str]) -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.alignment.shift", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--incoming", type=Path, required=True, help="messages: .jsonl, .csv or .txt")
    parser.add_argument("--out", type=Path, help="where to write all figures as JSON")
    chosen = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        params = cast("EvaluationParams", load((EvaluationParams,))["evaluation"])
        columns = artifacts.read_table(artifacts.prepared("train")).column_names
        texts = incoming.texts(chosen.incoming, paired="text_b" in columns)
        tuned = load_tuned(artifacts.FINETUNED)
        bootstrap = Bootstrap(params.bootstrap, params.confidence, params.seed)
        labelled, most = REPORTS[tuned.task.kind].single_label, params.alignment.budget.records
        base = readers.of_base(tuned)
        reference = measuring.reference(tuned, base, bootstrap, params.alignment, most, labelled=labelled)
        found = reference.against(texts, answers(tuned, texts) if labelled else None)
        judged = verdict.on_shift(chosen.incoming.name, found, params.alignment.thresholds)
        details = found.details(tuned.schema.labels, texts, params.decimals)
    except UserError as error:
        log.error("%s", error)
        return error.exit_code
    sys.stdout.write(f"{judged.state}. {judged.evidence} {judged.remedy}\n")
    for one in details["most_foreign"]:
        sys.stdout.write(f"  {one['distance']:.2f} times as far: {one['text']}\n")
    if chosen.out:
        artifacts.write_json(chosen.out, {"verdict": vars(judged), **details})
    return 0


def answers(tuned: Tuned, texts: Sequence[str]) -> Answers:
    """What the tuned model says of raw texts."""
    records = tuned.task.records(texts, tuned.schema.normalize)
    words, longest = tokenizer.load(artifacts.FINETUNED), tuned.facts.encoding.max_length
    encoded = tuned.task.encode(records, words, longest, tuned.schema).rows
    return measuring.answers_of(tuned.predict(encoded, records, readers.BATCH), tuned.schema.labels, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
