"""Shifts that were planted are found, in their order; records of the same kind are not called foreign."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.alignment.distribution_shift import Answers, Known, Reference, plain
from stages.alignment.verdict import on_shift
from stages.metrics.intervals import Bootstrap
from stages.params.alignment import Thresholds
from tests.unit.alignment.readers_made_up import MadeUp


def messages(n: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    words = [
        "order",
        "parcel",
        "refund",
        "bill",
        "phone",
        "data",
        "plan",
        "late",
        "please",
        "help",
        "my",
        "the",
        "is",
        "where",
    ]
    return [" ".join(generator.choice(words, 7)) for _ in range(n)]


def foreign(n: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    words = ["glacier", "violin", "recipe", "planet", "river", "butter", "castle", "poem", "the", "is"]
    return [" ".join(generator.choice(words, 7)) for _ in range(n)]


def answers(n: int, seed: int) -> Answers:
    generator = np.random.default_rng(seed)
    gold = generator.integers(0, 3, n)
    predicted = np.where(generator.random(n) < 0.8, gold, generator.integers(0, 3, n))
    return Answers(predicted, generator.uniform(0.4, 1, n), gold)


@pytest.fixture(scope="module")
def reference() -> Reference:
    labels = np.random.default_rng(0).integers(0, 3, 400)
    return Reference(
        MadeUp(), messages(400, 1), messages(150, 2), answers(150, 3), labels,
        classes=3, most=300, permutations=100, seed=1, bootstrap=Bootstrap(300, 0.95, 1),
    )  # fmt: skip


def test_planted_shares_are_ranked_and_judged(reference: Reference) -> None:
    found = []
    for share in (0.0, 0.05, 0.2, 0.5):
        count = int(200 * share)
        found.append(reference.against(messages(200 - count, 5) + foreign(count, 6), answers(200, 7)))
    ratios = [one.distance_ratio.value for one in found]
    assert ratios == sorted(ratios)
    assert [one.new_words[0] for one in found] == sorted(one.new_words[0] for one in found)
    states = [on_shift("split", one, Thresholds()).state for one in found]
    assert states[0] == "ALIGNED"
    assert states[-1] in {"WATCH", "MISALIGNED"}
    assert found[-1].raw.p < 0.02
    assert len({row for row, _ in found[1].foreign} & set(range(190, 200))) >= 9


def test_case_and_punctuation_alone_are_no_shift_of_content(reference: Reference) -> None:
    shouted = [text.upper().replace(" ", ", ") + "!!!" for text in messages(200, 8)]
    found = reference.against(shouted, answers(200, 9))
    assert found.normalised.auc < 0.6
    assert found.true_accuracy is not None
    assert found.expected_accuracy is not None
    assert 0 <= found.expected_accuracy <= 1


def test_texts_that_stand_in_train_are_counted_exactly_and_nearly(reference: Reference) -> None:
    known = messages(400, 1)
    split = [*(text.upper() + "!" for text in known[:20]), *(text + "s" for text in known[20:50]), *foreign(50, 12)]
    found = reference.against(split, answers(100, 7))
    assert found.leaked == pytest.approx(0.2)
    assert found.nearly_leaked == pytest.approx(0.5, abs=0.02)
    assert found.details(["a", "b", "c"], split, 2)["leakage"]["exact"] == 0.2


def test_details_name_texts_and_labels(reference: Reference) -> None:
    texts = messages(60, 10)
    found = reference.against(texts, Answers(np.zeros(60, dtype=int), np.full(60, 0.9)))
    details = found.details(["a", "b", "c"], texts, 4)
    assert set(details["labels"]["shares"]) == {"a", "b", "c"}
    assert all(one["text"] in texts for one in details["most_foreign"])
    assert details["true_accuracy"] is None


def test_a_reference_needs_labels() -> None:
    with pytest.raises(ValueError, match="labels"):
        Reference(
            MadeUp(), ["a"], ["b"], Answers(np.zeros(1, int), np.ones(1)), np.zeros(1, int),
            classes=1, most=10, permutations=50, seed=1, bootstrap=Bootstrap(100, 0.95, 1),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Hello, World!", "hello world"), ("你好，世界！", "你好 世界"), ("!!!", "!!!"), ("a_b", "a b")],
)
def test_plain_text_keeps_words(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_raw_messages_are_read_or_refused(tmp_path: Path) -> None:
    from stages.alignment import incoming
    from stages.errors import DataError

    file = tmp_path / "in.jsonl"
    file.write_text("\n".join(f'{{"text": "message {i}"}}' for i in range(25)), encoding="utf-8")
    assert len(incoming.texts(file)) == 25
    (tmp_path / "in.txt").write_text("一条消息\n\n" * 20, encoding="utf-8")
    assert incoming.texts(tmp_path / "in.txt") == ["一条消息"] * 20
    (tmp_path / "in.csv").write_text("text\n" + "hello\n" * 20, encoding="utf-8")
    assert len(incoming.texts(tmp_path / "in.csv")) == 20
    with pytest.raises(DataError, match="text and text_b"):
        incoming.texts(file, paired=True)
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("\n".join(f'{{"text": "{i}", "text_b": "other"}}' for i in range(25)), encoding="utf-8")
    assert incoming.texts(pairs, paired=True)[0] == "0 | other"
    file.write_text('{"txt": 1}\n{"text": "a"}', encoding="utf-8")
    with pytest.raises(DataError, match=r"in\.jsonl:1: text"):
        incoming.texts(file)
    (tmp_path / "in.txt").write_bytes(b"caf\xe9\n" * 30)
    with pytest.raises(DataError, match="UTF-8"):
        incoming.texts(tmp_path / "in.txt")
    (tmp_path / "in.txt").write_text("only one", encoding="utf-8")
    with pytest.raises(DataError, match="at least 20"):
        incoming.texts(tmp_path / "in.txt")
    with pytest.raises(DataError, match="not found"):
        incoming.texts(tmp_path / "none.txt")


def test_classes_that_train_lacks_are_counted(reference: Reference) -> None:
    known = Known.of(answers(150, 3), np.array([0, 1, 1, 2]), 5)
    assert known.shares.tolist() == [0.25, 0.5, 0.25, 0, 0]
    shares, *_ = known.against(Answers(np.array([4, 0]), np.array([0.9, 0.8])))
    assert shares.shape == (5,)


def test_foreign_records_are_named_by_their_place_among_all_texts() -> None:
    train, split = messages(300, 1), messages(400, 5)
    planted = [7, 50, 130, 222, 399]
    for row, text in zip(planted, foreign(5, 6), strict=True):
        split[row] = text
    compared = Reference(
        MadeUp(), train, messages(150, 2), None, None,
        classes=3, most=350, permutations=20, seed=1, bootstrap=Bootstrap(50, 0.95, 1),
    )  # fmt: skip
    found = compared.against(split, None)
    assert found.n == 350
    rows = [row for row, _ in found.foreign[:3]]
    assert set(rows) <= set(planted), "rows of the split, not of the sample"
