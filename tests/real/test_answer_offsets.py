"""Every gold answer of the public sets, encoded and decoded: the very text again, or counted as lost, with the reason."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from stages.encoding import base_model, tokenizer, windows
from stages.params.model import ModelParams
from tests import small_tokenizers

pytestmark = pytest.mark.real
LONGER = "longer than the windows' overlap"
SPLITS = ("train", "dev", "test")


def records(folder: Path) -> list[dict[str, Any]]:
    lines = (line for split in SPLITS for line in (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines())
    return [json.loads(line) for line in lines]


def packaged(_: list[str]) -> Tokenizer:
    return tokenizer.load(base_model.locate(ModelParams(), verify=False))


@functools.cache
def trained(make: Callable[[list[str]], Tokenizer], folder: Path) -> Tokenizer:
    return make(sorted({row["context"] for row in records(folder)})[::3])


@pytest.mark.parametrize(
    ("name", "make", "max_length", "most_lost"),
    [
        # "7,000,000 square kilometres (2,70" ends in the middle of "2,700,000".
        ("xquad_en", packaged, 384, {"inside a token": 1}),
        ("xquad_en", small_tokenizers.byte_level, 384, {"inside a token": 15}),
        # "30米" of "4530米", "格利泽581" of "格利泽581b", "AXR" of "JAXR"; two answers of 173 and 176 characters.
        ("cmrc2018_small", small_tokenizers.wordpiece, 384, {"inside a token": 10, LONGER: 4}),
        ("cmrc2018_small", small_tokenizers.wordpiece, 64, {"inside a token": 10, LONGER: 280}),
    ],
)
def test_each_answer_comes_back_or_is_counted(
    shared_data: Path, name: str, make: Callable[[list[str]], Tokenizer], max_length: int, most_lost: dict[str, int]
) -> None:
    rows = records(shared_data / name)
    words = trained(make, shared_data / name)
    found: Counter[str] = Counter()
    passages = windows.encode(
        words, [row["question"] for row in rows], [row["context"] for row in rows], max_length, max_length // 3
    )
    for row, passage in zip(rows, passages, strict=True):
        for text, start in zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True):
            bare = text.strip()  # as prepare leaves it
            found[fate(passage, row["context"], start + text.index(bare), bare)] += 1
    assert found.total() == {"xquad_en": 1190, "cmrc2018_small": 2750}[name]
    assert set(found) == {"exact", *most_lost}
    # What a trained vocabulary joins (numbers, mostly) differs a little from version to version.
    assert all(found[reason] <= most for reason, most in most_lost.items())


def fate(passage: windows.Passage, context: str, start: int, text: str) -> str:
    """What becomes of an answer; only `exact` gives its text again."""
    place = passage.find(start, start + len(text))
    if place is None:
        return "without a token"
    holding = [(window, window.positions(place)) for window in passage.windows]
    decoded = {context[w.starts[at[0]] : w.ends[at[1]]] for w, at in holding if at is not None}
    if not decoded:
        return LONGER
    assert decoded == {text} or not place.exact
    return "exact" if place.exact else "inside a token"
