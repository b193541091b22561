"""A number for two texts: both in one row, `AutoModelForSequenceClassification` with one output and the squared error.

A record: ``{"id": "test-1", "text": "A man plays.", "text_b": "Someone plays.", "score": 3.8}``; the answer has its `score`
alone. Scores are learned as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

from benchmarks.peers import stock


def run(data: Path, out: Path, options: stock.Options) -> dict[str, float]:
    """Tune, score the test pairs, and say how long it took."""
    train, test = stock.read(data, "train"), stock.read(data, "test")
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=1, problem_type="regression")

    def encode(batch: dict[str, list[Any]]) -> Any:
        made = tokenizer(batch["text"], batch["text_b"], truncation=True, max_length=options.max_length)
        if "score" in batch:
            made["labels"] = [float(score) for score in batch["score"]]
        return made

    tuned = stock.tune(
        model,
        tokenizer,
        DataCollatorWithPadding(tokenizer),
        stock.encoded(train, encode),
        {"test": stock.encoded(test, encode)},
        out,
        options,
    )
    rows = zip(test, tuned.outputs["test"].reshape(-1).tolist(), strict=True)
    stock.write(out, "test", ({"id": row["id"], "score": one} for row, one in rows))
    return tuned.seconds
