"""The profile in numbers, on a corpus small enough to count by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages.corpora import profile
from tests.unit.corpora.preparing import csv, put, run


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("two words", 2), ("don't-split this", 2), ("我的卡", 3), ("我的 iPhone坏了", 5), ("カード です", 5)],
)
def test_words_are_blanks_or_ideographs(text: str, words: int) -> None:
    assert profile.count_words(text) == words


def test_the_profile_counts() -> None:
    train = csv(("one two", "a"), ("three", "a"), ("four", "a"), ("five", "b"), ("Five!", "a"))
    put(
        {
            "raw/train.csv": train,
            "raw/validation.csv": csv(("six", "a")),
            "raw/test.csv": csv(("six", "b"), ("seven", "b")),
        }
    )
    run("raw")
    found = json.loads(Path("reports/data/profile.json").read_text(encoding="utf-8"))
    own = found["splits"]["train"]
    assert own["classes"] == {"a": 4, "b": 1}
    assert own["balance"] == 0.7219, "entropy of 4 to 1, in bits"
    assert own["largest_to_smallest"] == 4.0
    assert own["characters"] == {"mean": 5.0, "max": 7, "p5": 4, "p50": 5, "p95": 7}
    assert own["words"]["mean"] == 1.2
    assert found["overlaps"] == {"test in validation": 1}
    assert [one["label"] for one in found["conflicts"]] == ["b", "a"]
    assert found["conflicts"][0] == {"id": "train-5", "text": "five", "label": "b"}
