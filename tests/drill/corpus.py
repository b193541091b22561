"""A small corpus whose difficulty is known: each message speaks of one topic of its class, among words that mean nothing.

A model has to see a topic to know its class, so that data which lack topics, or have some under a wrong class, cost exactly
the accuracy on those. Some messages mention a topic of another class as well and stay ambiguous.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_WORDS = {
    "account": "password login username profile email avatar signature language session privacy",
    "billing": "invoice charge refund discount tax receipt payment balance deposit subscription",
    "delivery": "parcel courier address tracking driver doorstep warehouse shipment postcode customs",
    "repair": "screen battery charger keyboard speaker camera button cable hinge microphone",
}
_FILLERS = (
    "please hello again today my the with about have problem need help since week still now thanks there is something"
)
TOPICS = {label: words.split() for label, words in _WORDS.items()}
AMBIGUOUS = 0.08
Row = dict[str, str]


def messages(count: int, seed: int, topics: dict[str, list[str]] | None = None, prefix: str = "") -> list[Row]:
    """Messages of all classes, as many of each.

    Args:
        count: of each class.
        seed: of all choices.
        topics: which ones of each class; all by default.
        prefix: of the records' ids.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for label, own in (topics or TOPICS).items():
        others = [topic for other, those in TOPICS.items() if other != label for topic in those]
        for i in range(count):
            words = [str(word) for word in generator.choice(_FILLERS.split(), generator.integers(3, 7))]
            words.append(str(generator.choice(own)))
            if generator.random() < AMBIGUOUS:
                words.append(str(generator.choice(others)))
            text = " ".join(words[j] for j in generator.permutation(len(words)))
            rows.append({"id": f"{prefix}{label}-{i}", "text": f"{text} {generator.integers(1000)}", "label": label})
    return rows


def mislabelled(rows: Sequence[Row], label: str, wrong: str, share: float) -> tuple[list[Row], list[str]]:
    """Give a share of one class another label, topic by topic, as somebody would who misread what belongs where.

    Returns:
        All rows, and the topics that were taken for the other class.
    """
    own = [row for row in rows if row["label"] == label]
    taken: list[str] = []
    flipped: set[str] = set()
    for topic in TOPICS[label]:
        if len(flipped) >= share * len(own):
            break
        taken.append(topic)
        flipped |= {row["id"] for row in own if topic in row["text"].split()}
    return [{**row, "label": wrong} if row["id"] in flipped else row for row in rows], taken


def write(folder: Path, split: str, rows: Sequence[Row]) -> None:
    """Write one split as JSONL."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")


def append(folder: Path, split: str, rows: Sequence[Row]) -> None:
    """Add records to a split."""
    write(folder, split, [*read(folder, split), *rows])


def read(folder: Path, split: str) -> list[Row]:
    """The records of a split."""
    return [json.loads(line) for line in (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]
