"""Span metrics against a walk over tags in the manner of `conlleval`, sets of tuples, and cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.corpora.tag_schemes import Tagset, parse
from stages.metrics import span_matches, spans
from stages.metrics.intervals import Bootstrap
from stages.metrics.span_matches import KINDS
from stages.metrics.spans import Spans

TYPES = ["LOC", "PER", "公司"]
TAGS = Tagset("BIO", tuple(TYPES)).tags
Row = list[tuple[int, int, int]]


@st.composite
def rows(draw: st.DrawFn) -> Row:
    found, at = [], 0
    for _ in range(draw(st.integers(0, 4))):
        start = at + draw(st.integers(0, 2))
        at = start + draw(st.integers(1, 3))
        found.append((start, at, draw(st.integers(0, 2))))
    return found


SPLIT = st.lists(st.tuples(rows(), rows()), min_size=1, max_size=6)


def walk(gold: list[str], predicted: list[str]) -> tuple[int, int, int]:
    """Right, gold and predicted chunks, counted word by word as the CoNLL scorer does: a chunk is right when both sides begin
    together, go on together and end together."""
    right = count = said = 0
    together = False
    before = ("O", "O")
    for pair in [*zip(gold, predicted, strict=True), ("O", "O")]:
        (one, kind), (other, other_kind) = parse(pair[0]), parse(pair[1])
        (last, last_kind), (last_other, last_other_kind) = parse(before[0]), parse(before[1])
        ends = bool(last) and (one in ("", "B") or kind != last_kind)
        other_ends = bool(last_other) and (other in ("", "B") or other_kind != last_other_kind)
        begins = bool(one) and (one == "B" or not last or kind != last_kind)
        other_begins = bool(other) and (other == "B" or not last_other or other_kind != last_other_kind)
        if together:
            if ends and other_ends:
                right += 1
                together = False
            elif ends != other_ends:
                together = False
        if begins and other_begins and kind == other_kind:
            together = True
        count, said, before = count + begins, said + other_begins, pair
    return right, count, said


def by_types(gold: list[Row], predicted: list[Row], kind: int) -> tuple[int, int, int]:
    one = {(i, *span) for i, row in enumerate(gold) for span in row if span[2] == kind}
    other = {(i, *span) for i, row in enumerate(predicted) for span in row if span[2] == kind}
    return len(one & other), len(one), len(other)


def f1(right: int, gold: int, predicted: int) -> float:
    return 2 * right / (gold + predicted) if gold + predicted else 0.0


@given(st.lists(st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), max_size=10), min_size=1, max_size=5))
def test_figures_of_any_tags_equal_the_conll_scorers(sentences: list[list[tuple[str, str]]]) -> None:
    tagset = Tagset("BIO", tuple(TYPES))
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in sentences])]).astype(np.int64)
    sides = []
    for side in range(2):
        flat = np.array([tagset.ids[pair[side]] for one in sentences for pair in one], dtype=np.int64)
        sides.append(Spans(*tagset.spans(flat, offsets)))
    walked = np.sum([walk([a for a, _ in one], [b for _, b in one]) for one in sentences], axis=0)
    right, gold, predicted = walked.tolist()
    found = spans.micro_f1(sides[0], sides[1], len(TYPES))
    assert (len(sides[0]), len(sides[1])) == (gold, predicted)
    assert found["precision"] == pytest.approx(right / predicted if predicted else 0)
    assert found["recall"] == pytest.approx(right / gold if gold else 0)
    assert found["f1"] == pytest.approx(f1(right, gold, predicted))


@settings(max_examples=50)
@given(SPLIT)
def test_tables_equal_sets_of_tuples(split: list[tuple[Row, Row]]) -> None:
    gold, predicted = [one for one, _ in split], [other for _, other in split]
    headline, details = spans.evaluate(Spans.of(gold), Spans.of(predicted), len(split), TYPES, Bootstrap(100))
    counts = [by_types(gold, predicted, kind) for kind in range(len(TYPES))]
    for row, (right, support, said) in zip(details["per_type"], counts, strict=True):
        assert (row["support"], row["predicted"]) == (support, said)
        assert row["f1"] == pytest.approx(f1(right, support, said))
        assert row["f1_low"] <= row["f1_high"]
    present = [f1(*one) for one in counts if one[1] + one[2]]
    assert headline["macro_f1"].value == pytest.approx(np.mean(present) if present else 0)
    cheap = spans.micro_f1(Spans.of(gold), Spans.of(predicted), len(TYPES))
    assert {name: headline[name].value for name in cheap} == pytest.approx(cheap)


def test_a_resample_is_the_metric_of_its_records() -> None:
    generator = np.random.default_rng(0)
    gold = [[(0, 2, int(generator.integers(3))), (4, 5, 1)] for _ in range(30)]
    predicted = [[(0, 2, int(generator.integers(3))), (int(generator.integers(3, 5)), 5, 1)] for _ in range(30)]
    bootstrap = Bootstrap(200, 0.9, 3)
    draws = []
    for block in bootstrap.weights(30):
        for weights in block:
            chosen = np.repeat(np.arange(30), weights)
            one, other = Spans.of([gold[i] for i in chosen]), Spans.of([predicted[i] for i in chosen])
            draws.append(spans.micro_f1(one, other, 3))
    headline, _ = spans.evaluate(Spans.of(gold), Spans.of(predicted), 30, TYPES, bootstrap)
    for name in ("f1", "precision", "recall", "macro_f1"):
        expected = bootstrap.interval(np.array([draw[name] for draw in draws]))
        assert (headline[name].low, headline[name].high) == pytest.approx(expected)
    gain = spans.gain(Spans.of(gold), Spans.of(gold), Spans.of(predicted), 30, bootstrap)
    assert gain.value == pytest.approx(1 - headline["f1"].value)
    expected = bootstrap.interval(1 - np.array([draw["f1"] for draw in draws]))
    assert (gain.low, gain.high) == pytest.approx(expected)


@given(SPLIT)
def test_every_span_is_of_one_kind_and_pairs_are_one_to_one(split: list[tuple[Row, Row]]) -> None:
    gold, predicted = Spans.of([one for one, _ in split]), Spans.of([other for _, other in split])
    found = span_matches.match(gold, predicted)
    paired = found.partner[found.partner >= 0]
    assert len(set(paired.tolist())) == len(paired)
    for i, (kind, j) in enumerate(zip(found.gold, found.partner, strict=True)):
        if j < 0:
            assert KINDS[kind] == "alone"
            continue
        same = gold.start[i] == predicted.start[j] and gold.end[i] == predicted.end[j]
        right = gold.kind[i] == predicted.kind[j]
        assert (
            KINDS[kind]
            == {(1, 1): "exact", (1, 0): "type_wrong", (0, 1): "ends_wrong", (0, 0): "both_wrong"}[
                int(same), int(right)
            ]
        )
        assert found.predicted[j] == kind
        assert gold.record[i] == predicted.record[j]
        assert max(gold.start[i], predicted.start[j]) < min(gold.end[i], predicted.end[j])
    exact = KINDS.index("exact")
    assert (found.gold == exact).tolist() == spans.exact_hits(gold, predicted).tolist()
    counts = span_matches.confusion(gold, predicted, found, len(TYPES))
    assert counts[:-1].sum() == len(gold)
    assert counts[:, :-1].sum() == len(predicted)


def test_partial_matches_by_hand() -> None:
    gold = Spans.of([[(0, 2, 0), (3, 5, 1), (6, 9, 0)], [(0, 1, 2)], [(4, 6, 1)]])
    predicted = Spans.of([[(0, 2, 0), (3, 5, 0), (7, 9, 0)], [(0, 2, 0)], [(0, 2, 1)]])
    found = span_matches.describe(gold, predicted, TYPES)
    kinds = {"exact": 1, "type_wrong": 1, "ends_wrong": 1, "both_wrong": 1}
    assert found["matches"] == {"gold": {**kinds, "missed": 1}, "predicted": {**kinds, "invented": 1}}
    assert {row["match"]: row["right"] for row in found["partial"]} == {
        "both right": 1,
        "ends right": 2,
        "type right": 2,
        "any overlap": 4,
    }
    assert all(row["f1"] == pytest.approx(row["right"] / 5) for row in found["partial"])
    assert {(row["gold"], row["predicted"]) for row in found["confusions"]} == {
        ("PER", "LOC"),
        ("公司", "LOC"),
        ("PER", None),
        (None, "PER"),
    }


def test_seen_and_unseen_entities_divide_gold_and_predictions_alike() -> None:
    gold = Spans.of([[(0, 9, 0), (16, 19, 1)], [(0, 2, 2), (6, 8, 0)]])
    predicted = Spans.of([[(0, 9, 0)], [(0, 2, 2), (6, 8, 1)]])
    known = {"new york", "北京"}
    words = (["New  York", "Ana", "小米", "北京"], ["New  York", "小米", "北京"])
    seen = tuple(spans.stands_in(known, [spans.surface(one) for one in side]) for side in words)
    headline, details = spans.evaluate(gold, predicted, 2, TYPES, Bootstrap(100), seen=(seen[0], seen[1]))
    assert headline["f1_seen"].value == pytest.approx(f1(1, 2, 2))
    assert headline["f1_unseen"].value == pytest.approx(f1(1, 2, 1))
    assert [(row["entities"], row["support"], row["predicted"]) for row in details["seen"]] == [
        ("seen", 2, 2),
        ("unseen", 2, 1),
    ]


def test_nothing_marked_and_nothing_found_is_zero_and_no_error() -> None:
    empty = Spans.of([[], []])
    headline, details = spans.evaluate(
        empty, empty, 2, TYPES, Bootstrap(100), seen=(np.array([], bool), np.array([], bool))
    )
    assert {one.value for one in headline.values()} == {0.0}
    assert span_matches.describe(empty, empty, TYPES)["confusions"] == []
    assert [row["support"] for row in details["per_type"]] == [0, 0, 0]
