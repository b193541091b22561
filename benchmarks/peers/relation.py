"""Relations of two marked entities: new special tokens around them, then `AutoModelForSequenceClassification`.

These are the "entity markers" of Soares et al. (2019), read off at the first token, as most people have them.

A record: ``{"id": "test-1", "text": "A virus causes flu.", "head": [2, 7], "tail": [15, 18], "label": "Cause-Effect(e1,e2)"}``,
spans in characters; the answer has its `label` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

from benchmarks.peers import stock

MARKERS = ("[E1]", "[/E1]", "[E2]", "[/E2]")


def run(data: Path, out: Path, options: stock.Options) -> dict[str, float]:
    """Tune, classify the test records, and say how long it took."""
    train, test = stock.read(data, "train"), stock.read(data, "test")
    labels = sorted({row["label"] for row in train})
    ids = {label: i for i, label in enumerate(labels)}
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    tokenizer.add_tokens(list(MARKERS), special_tokens=True)
    model = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=len(labels))
    model.resize_token_embeddings(len(tokenizer))

    def encode(batch: dict[str, list[Any]]) -> Any:
        texts = [mark(*record) for record in zip(batch["text"], batch["head"], batch["tail"], strict=True)]
        made = tokenizer(texts, truncation=True, max_length=options.max_length)
        if "label" in batch:
            made["labels"] = [ids[label] for label in batch["label"]]
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
    best = tuned.outputs["test"].argmax(axis=1)
    rows = zip(test, best, strict=True)
    stock.write(out, "test", ({"id": row["id"], "label": labels[one]} for row, one in rows))
    return tuned.seconds


def mark(text: str, head: Sequence[int], tail: Sequence[int]) -> str:
    """The text with markers around head and tail (first character, and the one after the last of each)."""
    before = [(head[0], MARKERS[0]), (tail[0], MARKERS[2])]
    behind = [(head[1], MARKERS[1]), (tail[1], MARKERS[3])]
    # At one place, what ends there comes before what begins there.
    places = [*((at, 1, sign) for at, sign in before), *((at, 0, sign) for at, sign in behind)]
    for at, _, sign in sorted(places, reverse=True):
        text = f"{text[:at]} {sign} {text[at:]}"
    return text
