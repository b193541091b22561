"""What the peers do by themselves: labels of pieces, markers in texts, answers from scores, and predictions in order."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

from benchmarks.peers import __main__ as command
from benchmarks.peers import question_answering, relation, stock, tagging
from tests import tiny

CLS: list[int] = []
"""Places of what is not of the context."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.base(tmp_path_factory.mktemp("base"))


def options(base: Path, **changed: Any) -> stock.Options:
    usual: dict[str, Any] = {
        "model": str(base), "epochs": 1, "learning_rate": 1e-3, "batch_size": 4, "warmup": 0.1,
        "weight_decay": 0.01, "seed": 3, "bf16": False, "max_length": 32, "stride": 8,
    }  # fmt: skip
    return stock.Options(**{**usual, **changed})


def test_a_word_is_taught_at_its_first_piece() -> None:
    assert tagging.taught([None, 0, 0, 1, 2, 2, 2, None], [5, 0, 7]) == [-100, 5, -100, 0, 7, -100, -100, -100]


def test_a_word_without_a_piece_and_one_behind_the_row_are_outside() -> None:
    first = tagging.first_pieces([None, 0, 2, 2, None], 4)
    assert first == [1, tagging.MISSING, 2, tagging.MISSING]
    scores = np.eye(3)[[0, 1, 2, 1, 0]]
    assert tagging.named(scores, first, ["B-A", "I-A", "O"]) == ["I-A", "O", "O", "O"]


@pytest.mark.parametrize(
    ("head", "tail", "expected"),
    [
        ((0, 1), (2, 3), " [E1] a [/E1]   [E2] b [/E2] "),
        ((2, 3), (0, 1), " [E2] a [/E2]   [E1] b [/E1] "),
        ((0, 2), (2, 3), " [E1] a  [/E1]  [E2] b [/E2] "),
        ((0, 3), (2, 3), None),
    ],
)
def test_markers_stand_around_head_and_tail(head: Sequence[int], tail: Sequence[int], expected: str | None) -> None:
    said = relation.mark("a b", head, tail)
    assert expected is None or said == expected
    for (start, end), (opening, closing) in zip(
        (head, tail), (relation.MARKERS[:2], relation.MARKERS[2:]), strict=True
    ):
        inner = said.split(opening)[1].split(closing)[0]
        for sign in relation.MARKERS:
            inner = inner.replace(sign, "")
        assert inner.split() == "a b"[start:end].split()


def test_an_answer_is_taught_where_the_window_holds_it_whole() -> None:
    places = [CLS, CLS, [0, 3], [4, 7], [7, 9], CLS]
    assert question_answering.positions(places, 4, 9) == (3, 4)
    assert question_answering.positions(places, 5, 6) == (3, 3)
    assert question_answering.positions(places, 4, 12) == (0, 0)
    assert question_answering.positions([CLS, [8, 9], CLS], 4, 9) == (0, 0)
    assert question_answering.positions([CLS, CLS], 0, 1) == (0, 0)


def test_the_best_answer_is_that_of_all_pairs() -> None:
    """Against every pair of tokens: where the best ones are among the 20 best of each side, both have to agree."""
    generator = np.random.default_rng(4)
    for _ in range(20):
        windows = [[CLS, *([i, i + 1] for i in range(8)), CLS], [CLS, *([i, i + 1] for i in range(6, 14)), CLS]]
        start, end = generator.normal(size=(2, 2, 10))
        best, expected = -np.inf, (0, 0)
        for places, starts, ends in zip(windows, start, end, strict=True):
            for first, last in itertools.combinations_with_replacement(range(1, 9), 2):
                if starts[first] + ends[last] > best:
                    best, expected = starts[first] + ends[last], (places[first][0], places[last][1])
        assert question_answering.answers([7, 7], windows, start, end) == {7: expected}


def test_an_answer_is_no_longer_than_it_may_be_and_never_of_the_question() -> None:
    places = [CLS, *([i, i + 1] for i in range(40))]
    start, end = np.zeros(41), np.zeros(41)
    start[0], start[2], end[40], end[5] = 9, 5, 9, 1
    found = list(question_answering.candidates(places, start, end))
    assert all(1 <= stop - begin <= question_answering.LONGEST for _, (begin, stop) in found)
    # 18 would begin at a token of the question, and 14 would be too long.
    assert max(score for score, _ in found) == 9


def test_a_record_without_a_possible_answer_is_missing() -> None:
    assert question_answering.answers([0], [[CLS, CLS]], np.zeros((1, 2)), np.zeros((1, 2))) == {}


def test_predictions_come_in_the_order_of_the_rows(base: Path, tmp_path: Path) -> None:
    """Grouping by length shuffles what the Trainer predicts; each row alone says what it should be."""
    texts = [" ".join(["parcel"] * (1 + i * 5 % 13)) for i in range(13)]
    tokenizer = AutoTokenizer.from_pretrained(str(base))
    model = AutoModelForSequenceClassification.from_pretrained(str(base), num_labels=2)

    def encode(batch: dict[str, list[Any]]) -> Any:
        return {**tokenizer(batch["text"]), "labels": [0] * len(batch["text"])}

    rows = stock.encoded(({"text": text} for text in texts), encode)
    chosen = options(base)
    tuned = stock.tune(model, tokenizer, DataCollatorWithPadding(tokenizer), rows, {"test": rows}, tmp_path, chosen)
    model.eval()
    with torch.inference_mode():
        alone = [model(**tokenizer(text, return_tensors="pt")).logits[0].numpy() for text in texts]
    np.testing.assert_allclose(tuned.outputs["test"], alone, atol=1e-5)
    assert set(tuned.seconds) == {"train", "predict test"}


RECORDS: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {
    "tagging": [
        ({"words": ["Ana", "saw", "纽", "约"]}, {"tags": ["B-PER", "O", "B-LOC", "I-LOC"]}),
        ({"words": ["nobody", "came"]}, {"tags": ["O", "O"]}),
    ],
    "relation": [
        ({"text": "A virus causes flu.", "head": [2, 7], "tail": [15, 18]}, {"label": "Cause-Effect(e1,e2)"}),
        ({"text": "A cat sees a dog.", "head": [2, 5], "tail": [13, 16]}, {"label": "Other"}),
    ],
    "multilabel": [({"text": "thank you"}, {"labels": ["thanks", "joy"]}), ({"text": "谢谢"}, {"labels": []})],
    "pair_regression": [
        ({"text": "a man plays", "text_b": "someone plays"}, {"score": 3.5}),
        ({"text": "a cat", "text_b": "a bill"}, {"score": 0.0}),
    ],
    "question_answering": [
        (
            {"question": "Who won?", "context": "Ana won " + "it again and " * 20},
            {"answers": [{"text": "Ana", "start": 0}]},
        ),
        ({"question": "谁赢了？", "context": "安娜赢了。"}, {"answers": [{"text": "安娜", "start": 0}]}),
    ],
}


@pytest.mark.parametrize("kind", sorted(command.PEERS))
def test_a_peer_answers_every_record_without_seeing_its_target(kind: str, base: Path, tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        rows = [
            {"id": f"{split}-{i}-{j}", **given, **(told if split != "test" else {})}
            for j in range(3)
            for i, (given, told) in enumerate(RECORDS[kind])
        ]
        stock.write(tmp_path, split, rows)
    asked = stock.read(tmp_path, "test")
    out = tmp_path / "out"
    out.mkdir()
    seconds = command.PEERS[kind](tmp_path, out, options(base))
    said = stock.read(out, "test")
    assert [row["id"] for row in said] == [row["id"] for row in asked]
    assert {"train", "predict test"} <= set(seconds)
    for row, record in zip(said, asked, strict=True):
        if kind == "tagging":
            assert len(row["tags"]) == len(record["words"])
            assert set(row["tags"]) <= {"O", "B-PER", "B-LOC", "I-LOC"}
        elif kind == "multilabel":
            assert set(row["probabilities"]) == {"thanks", "joy"}
            assert all(0 < one < 1 for one in row["probabilities"].values())
        elif kind == "relation":
            assert row["label"] in {"Cause-Effect(e1,e2)", "Other"}
        elif kind == "pair_regression":
            assert np.isfinite(row["score"])
        else:
            assert row["text"]
            assert row["text"] in record["context"]
    assert json.loads((out / "test.jsonl").read_text(encoding="utf-8").splitlines()[0])["id"] == "test-0-0"
