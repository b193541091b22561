"""Tables and pictures of relations and answers: what the baseline reads, paired gains, lengths."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stages.analysis.plots import answer_lengths
from stages.analysis.reports import relation
from stages.metrics import question_answering
from stages.metrics.intervals import Bootstrap
from stages.metrics.relation import Relations
from stages.tasks.relation import SPAN

LABELS = ["A(e1,e2)", "A(e2,e1)", "Other"]


def test_the_baseline_reads_which_words_are_asked_about() -> None:
    spans = {"head": [{"start": 0, "end": 4}] * 2, "tail": [{"start": 12, "end": 17}, {"start": 0, "end": 11}]}
    records = pa.table(
        {
            "text": ["Rain caused flood", "Rain caused flood"],
            **{name: pa.array(one, SPAN) for name, one in spans.items()},
        }
    )
    first, second = relation.marked(records)["text"].to_pylist()
    assert first == "@Rain@ caused #flood#"
    assert second.replace("@", "").replace("#", "") == "Rain caused flood"
    assert (second.count("@"), second.count("#")) == (2, 2)


def test_a_gain_is_measured_on_the_same_resamples() -> None:
    generator = np.random.default_rng(0)
    gold, ours = generator.integers(0, 3, (2, 120))
    theirs = np.where(generator.random(120) < 0.5, ours, generator.integers(0, 3, 120))
    metric = Relations(LABELS, "Other").metrics()
    same = relation.paired_gain(gold, ours, ours, 3, metric, Bootstrap(200))
    assert (same.value, same.low, same.high) == (0, 0, 0)
    found = relation.paired_gain(gold, ours, theirs, 3, metric, Bootstrap(200))
    by_hand = []
    for weights in np.concatenate(list(Bootstrap(200).weights(120))):
        values = []
        for said in (ours, theirs):
            counts = np.zeros((3, 3))
            np.add.at(counts, (gold, said), weights)
            values.append(float(metric(counts)[0]))
        by_hand.append(values[0] - values[1])
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high


def test_lengths_of_answers_are_counted_in_words_and_characters(tmp_path: Path) -> None:
    predicted = ["one", "北京市", "", "a b c d e"]
    gold = [["one two", "one"], ["北京市", "北京"], [], ["a b c d"]]
    table = question_answering.by_length(predicted, gold)
    assert sum(row["gold"] for row in table) == sum(row["predicted"] for row in table) == 4
    rows = {row["words"]: row for row in table}
    assert rows["0"]["exact_match"] == 1
    assert rows["2"] == {"words": "2", "gold": 1, "predicted": 0, "exact_match": 1, "f1": 1}
    assert rows["3"]["gold"] == 1
    assert rows["4-5"]["f1"] == pytest.approx(question_answering.f1("a b c d e", ["a b c d"]))
    assert rows["41+"]["f1"] is None
    for name in ("one.png", "two.png"):
        answer_lengths.draw(table, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    answer_lengths.write(table, tmp_path / "lengths.csv")
    with (tmp_path / "lengths.csv").open(encoding="utf-8") as stream:
        written = list(csv.DictReader(stream))
    assert [row["words"] for row in written] == [row["words"] for row in table]
    assert written[-1]["f1"] == ""
