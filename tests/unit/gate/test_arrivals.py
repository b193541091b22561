"""What is new in train data: planted labels, planted shares, planted texts, and nothing where nothing is new."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from stages import artifacts
from stages.alignment import ranking
from stages.artifacts import Schema
from stages.gate import arrivals
from stages.gate.arrivals import Corpus
from stages.params.gate import NewData

WORDS = {
    "billing": ["invoice", "charge", "refund", "发票", "amount", "paid"],
    "delivery": ["parcel", "courier", "late", "快递", "address", "door"],
}
FOREIGN = ["telescope", "galaxy", "星系", "orbit", "comet", "dust"]


def corpus(seed: int, counts: dict[str, int], words: dict[str, list[str]] | None = None, test: str = "t") -> Corpus:
    generator = np.random.default_rng(seed)
    texts, labels = [], []
    for label, count in counts.items():
        vocabulary = (words or WORDS)[label]
        for _ in range(count):
            texts.append(" ".join(generator.choice(vocabulary, 5)) + f" {generator.integers(10**6)}")
            labels.append(label)
    return Corpus(texts, labels, test)


def joined(one: Corpus, other: Corpus) -> Corpus:
    return Corpus(one.texts + other.texts, one.labels + other.labels, one.test)


BEFORE = corpus(0, {"billing": 150, "delivery": 150})


def test_the_same_data_has_nothing_new() -> None:
    found = arrivals.compare(BEFORE, BEFORE, 0)
    assert (found.came, found.went, found.new, found.gone, found.distance) == (0, 0, [], [], 0.0)
    assert found.separation is None
    assert found.same_test
    assert arrivals.stops(found, NewData(new_labels="stop", label_distance=0.0, text_auc=0.5)) == []


def test_more_of_the_same_is_not_told_apart() -> None:
    false_alarms = 0
    for seed in range(1, 11):
        found = arrivals.compare(BEFORE, joined(BEFORE, corpus(seed, {"billing": 60, "delivery": 60})), seed)
        assert (found.came, found.went, found.distance) == (120, 0, 0.0)
        assert found.separation is not None
        false_alarms += found.separation.low > 0.55
    assert false_alarms <= 1


def test_foreign_texts_are_told_apart_and_stop() -> None:
    foreign = corpus(3, {"billing": 60}, {"billing": FOREIGN})
    found = arrivals.compare(BEFORE, joined(BEFORE, foreign), 0)
    assert found.separation is not None
    assert found.separation.auc > 0.98
    assert found.separation.low > 0.8
    assert found.separation.n == 60
    (reason,) = arrivals.stops(found, NewData(text_auc=0.8))
    assert reason.startswith("gate.data.text_auc")
    assert arrivals.stops(found, NewData()) == []


def test_a_new_label_is_named_and_stops_when_asked() -> None:
    found = arrivals.compare(BEFORE, joined(BEFORE, Corpus(["hello 你好"], ["问候"], "t")), 0)
    assert (found.new, found.gone) == (["问候"], [])
    assert "labels that are new: 问候" in arrivals.told(found, "main")
    assert arrivals.stops(found, NewData()) == []
    assert arrivals.stops(found, NewData(new_labels="stop")) == ["gate.data.new_labels: 问候"]


def test_shares_that_moved_are_measured_as_total_variation() -> None:
    found = arrivals.compare(BEFORE, corpus(0, {"billing": 90, "delivery": 10}), 0)
    assert found.distance == pytest.approx(0.4)
    assert found.went > 0
    assert arrivals.stops(found, NewData(label_distance=0.4001)) == []
    assert len(arrivals.stops(found, NewData(label_distance=0.39))) == 1


def test_labels_that_are_gone_and_another_test_split_are_said() -> None:
    found = arrivals.compare(BEFORE, corpus(0, {"billing": 150}, test="other"), 0)
    said = "\n".join(arrivals.told(found, "main"))
    assert "labels that are gone: delivery" in said
    assert "the test split is another one" in said


def test_few_new_texts_are_not_tested() -> None:
    found = arrivals.compare(BEFORE, joined(BEFORE, corpus(9, {"billing": arrivals.LEAST - 1})), 0)
    assert found.separation is None
    assert "too few to compare" in "\n".join(arrivals.told(found, "main"))


def test_other_kinds_of_task_stop_nothing_and_are_not_ranked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(Path(__file__).resolve().parents[2] / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert arrivals.data(["--baseline", "main"]) == 2, "nothing was prepared"
    artifacts.write_json(artifacts.SCHEMA, vars(Schema("tagging", ["person"], {"train": 3})))
    assert arrivals.data(["--baseline", "main"]) == 0
    assert "task.kind tagging" in capsys.readouterr().out
    assert ranking.main(["packaged:all-MiniLM-L6-v2"]) == 2
