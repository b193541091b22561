"""The gate's error rates by simulation, and each rule on decisions made up to meet it."""

from __future__ import annotations

import numpy as np
import pytest

from stages.analysis import slices
from stages.gate import drawing, rules
from stages.gate.rules import Decisions
from stages.params.gate import GateParams

PARAMS = GateParams(resamples=300)
ACCURACY = GateParams(margins={"accuracy": 0.01})


def pair(n: int, loss: float, seed: int, classes: int = 20) -> tuple[Decisions, Decisions]:
    """Two models of accuracy about .93 whose decisions differ on 3.2 % of records, the second one worse by `loss`."""
    generator = np.random.default_rng(seed)
    gold = generator.integers(0, classes, n)
    wrong = (gold + generator.integers(1, classes, n)) % classes
    dice = generator.random(n)
    only_first, only_second = 0.016 + loss / 2, 0.016 - loss / 2
    first = dice < 0.93
    second = np.where(dice < only_first, False, first)
    second = np.where((dice > 0.93) & (dice < 0.93 + only_second), True, second)
    sides = [np.where(right, gold, wrong) for right in (first, second)]
    ids = [str(i) for i in range(n)]
    one, other = (Decisions(ids, gold, side, generator.uniform(0.5, 1, n)) for side in sides)
    return one, other


def outcomes(n: int, loss: float, tests: int) -> dict[str, float]:
    counts = {"PASS": 0, "FAIL": 0, "INCONCLUSIVE": 0}
    for seed in range(tests):
        one, other = pair(n, loss, seed)
        counts[rules.verdict(rules.judge(rules.differences(one, other, 20, ACCURACY), ACCURACY))] += 1
    return {name: count / tests for name, count in counts.items()}


@pytest.mark.parametrize("n", [500, 1000, 3080])
def test_a_change_that_changes_nothing_is_not_failed(n: int) -> None:
    assert outcomes(n, 0.0, 1000)["FAIL"] <= 0.05


@pytest.mark.parametrize(("n", "caught"), [(500, 0.75), (1000, 0.90), (3080, 0.99)])
def test_a_true_loss_of_two_points_is_caught(n: int, caught: float) -> None:
    assert outcomes(n, 0.02, 1000)["FAIL"] >= caught


def test_the_bounds_hold_the_true_difference() -> None:
    covered = {"accuracy": 0, "macro_f1": 0}
    for seed in range(200):
        one, other = pair(1000, 0.01, seed, classes=5)
        true_f1 = -0.01
        for found in rules.differences(one, other, 5, PARAMS):
            covered[found.metric] += found.low <= (-0.01 if found.metric == "accuracy" else true_f1)
    assert covered["accuracy"] / 200 >= 0.91
    assert covered["macro_f1"] / 200 >= 0.89


def test_the_same_decisions_pass_and_say_what_could_be_seen() -> None:
    one, _ = pair(3000, 0.0, 1)
    found = rules.differences(one, one, 20, PARAMS)
    assert [one_.value for one_ in found] == [0.0, 0.0]
    judged = rules.judge(found, PARAMS)
    assert rules.verdict(judged) == "PASS"
    assert "ruled out" in judged[0].why


def test_few_records_leave_it_open() -> None:
    one, other = pair(60, 0.0, 3)
    judged = rules.judge(rules.differences(one, other, 20, PARAMS), PARAMS)
    assert rules.verdict(judged) == "INCONCLUSIVE"
    assert "cannot be seen" in " ".join(each.why for each in judged)


def test_the_worst_class_by_chance_is_no_failure() -> None:
    names = [f"c{i}" for i in range(40)]
    failed = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        gold = np.repeat(np.arange(40), 20)
        right = generator.random(800) < 0.8
        said = Decisions([""] * 800, gold, np.where(right, gold, (gold + 1) % 40), np.ones(800))
        failed += rules.worst_class(said, names, 0.8, PARAMS).outcome == "FAIL"
    assert failed / 100 <= 0.11
    right[gold == 7] = False
    said = Decisions([""] * 800, gold, np.where(right, gold, (gold + 1) % 40), np.ones(800))
    found = rules.worst_class(said, names, 0.8, PARAMS)
    assert found.outcome == "FAIL"
    assert "c7" in found.why
    few = Decisions([""] * 3, gold[:3], gold[:3], np.ones(3))
    assert rules.worst_class(few, names, 0.8, PARAMS).outcome == "INCONCLUSIVE"


def test_the_worst_slice_by_chance_is_no_failure_and_a_bad_channel_is() -> None:
    n = 900
    failed = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        texts = ["x" * int(size) for size in generator.integers(5, 80, n)]
        channels = [f"c{i % 15}" for i in range(n)]
        gold = np.zeros(n, dtype=int)
        said = Decisions([""] * n, gold, (generator.random(n) >= 0.9).astype(int), np.ones(n))
        failed += rules.worst_slice(said, texts, {"channel": channels}, 0.9, PARAMS).outcome == "FAIL"
    assert failed / 100 <= 0.11
    predicted = said.predicted.copy()
    predicted[[i for i in range(n) if channels[i] == "c3"][:25]] = 1
    bad = rules.worst_slice(
        Decisions(said.ids, gold, predicted, said.confidence), texts, {"channel": channels}, 0.9, PARAMS
    )
    assert bad.outcome == "FAIL"
    assert "slice channel: c3" in bad.why
    assert "the worst of 18" in bad.why
    short = rules.worst_slice(Decisions([""] * 6, gold[:6], gold[:6], np.ones(6)), texts[:6], {}, 0.9, PARAMS)
    assert (short.outcome, short.rule) == ("INCONCLUSIVE", "floors.slice_accuracy")


def test_floors_and_verdicts() -> None:
    assert rules.floor("accuracy", 0.9, 0.8).outcome == "PASS"
    assert rules.floor("ece", 0.2, 0.1, at_most=True).outcome == "FAIL"
    missing = rules.floor("retention", None, 0.5)
    assert missing.outcome == "INCONCLUSIVE"
    assert rules.verdict([missing, rules.floor("accuracy", 0.9, 0.8)]) == "INCONCLUSIVE"
    assert rules.verdict([missing, rules.floor("accuracy", 0.7, 0.8)]) == "FAIL"


def test_nothing_asked_is_nothing_passed() -> None:
    assert rules.verdict([]) == "INCONCLUSIVE"
    assert "<svg" in drawing.forest([], -1.0, str)


def test_a_kept_column_does_not_take_the_place_of_a_slice_of_ours() -> None:
    assert list(slices.own({"length": ["a"], "class": ["b"], "channel": ["c"]})) == [
        "column length",
        "column class",
        "channel",
    ]
    gold = np.zeros(600, dtype=int)
    right = Decisions([str(i) for i in range(600)], gold, np.where(np.arange(600) < 200, 1, 0), np.ones(600))
    texts = ["x" * (1 + i // 200) for i in range(600)]
    found = rules.worst_slice(right, texts, {"length": ["same", "other"] * 300}, 0.9, GateParams())
    assert found.outcome == "FAIL"
    assert "length: short" in found.why


def test_what_turned_is_listed_surest_first() -> None:
    gold = np.array([0, 0, 1, 1])
    before = Decisions(list("abcd"), gold, np.array([0, 0, 0, 0]), np.ones(4))
    after = Decisions(list("abcd"), gold, np.array([1, 1, 1, 0]), np.array([0.6, 0.9, 0.7, 0.5]))
    assert rules.turned(before, after)["broke"].tolist() == [1, 0]
    assert rules.turned(before, after)["mended"].tolist() == [2]
    assert rules.changed_classes(before, after, ["x", "y"]) == [("x", 2, 2, 0), ("y", 2, 0, 1)]


def test_a_candidate_that_loses_a_rare_class_fails_by_macro_f1_alone() -> None:
    params = GateParams(margins={"accuracy": 0.02, "macro_f1": 0.02}, resamples=200)
    failed, alarms = 0, 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        gold = np.repeat(np.arange(10), [150] * 8 + [20, 20])
        sides = [np.where(generator.random(len(gold)) < 0.95, gold, (gold + 1) % 8) for _ in range(2)]
        one, same = (Decisions([""] * len(gold), gold, side, np.ones(len(gold))) for side in sides)
        without = np.where(gold == 9, 0, sides[0])
        worse = Decisions([""] * len(gold), gold, without, np.ones(len(gold)))
        found = {each.rule: each.outcome for each in rules.judge(rules.differences(one, worse, 10, params), params)}
        assert found["margins.accuracy"] != "FAIL"
        failed += found["margins.macro_f1"] == "FAIL"
        alarms += rules.verdict(rules.judge(rules.differences(one, same, 10, params), params)) == "FAIL"
    assert failed == 60
    assert alarms <= 6
