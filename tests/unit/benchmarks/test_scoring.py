"""One scorer that agrees with the project's own figures, honest differences, and what the table comes to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import f1_score

from benchmarks.contest import projects, said, scoring, tables
from benchmarks.contest.jobs import JOBS, Job
from benchmarks.contest.scoring import Difference
from benchmarks.contest.tables import Line
from stages.artifacts import Schema
from stages.metrics.intervals import Bootstrap
from stages.params.task import TaskParams
from stages.tasks import make
from stages.tasks.multilabel import indicators
from stages.tasks.protocol import Scoring

HOW = Bootstrap(300, 0.95, 5)
N = 60
LABELS = {
    "tagging": ["LOC", "PER"],
    "relation": ["Cause(e1,e2)", "Cause(e2,e1)", "Other", "Part(e1,e2)", "Part(e2,e1)"],
    "multilabel": ["joy", "love", "never", "rare"],
    "pair_regression": [],
    "question_answering": [],
}
GOLD = {
    "tagging": "spans",
    "relation": "label",
    "multilabel": "labels",
    "pair_regression": "score",
    "question_answering": "answers",
}


def draw(kind: str, generator: np.random.Generator) -> list[Any]:
    """Random answers to N records."""
    if kind == "tagging":
        return [
            [(s, s + 2, str(generator.choice(LABELS[kind]))) for s in (0, 3, 6) if generator.random() < 0.6]
            for _ in range(N)
        ]
    if kind == "relation":
        return [str(one) for one in generator.choice(LABELS[kind], N)]
    if kind == "multilabel":
        return [
            [label for label, p in zip(LABELS[kind], (0.5, 0.4, 0.0, 0.1), strict=True) if generator.random() < p]
            for _ in range(N)
        ]
    if kind == "pair_regression":
        return [float(one) for one in generator.integers(0, 11, N) / 2]
    return [str(generator.choice(["the red car", "a car", "red", "他去北京", "北京"])) for _ in range(N)]


def records(kind: str, answers: Sequence[Any]) -> pa.Table:
    """Prepared records with such answers as gold."""
    gold = list(answers)
    if kind == "tagging":
        gold = [[{"start": s, "end": e, "label": name} for s, e, name in row] for row in gold]
    elif kind == "question_answering":
        gold = [[{"text": text, "start": 0}] for text in gold]
    ids = [str(i) for i in range(len(gold))]
    return pa.table({"id": ids, "text": ["a b c d e"] * len(gold), GOLD[kind]: gold})


def predictions(kind: str, gold: pa.Table, answers: Sequence[Any]) -> pa.Table:
    """As the task's own `decode` writes them."""
    own = gold[GOLD[kind]].to_pylist()
    columns: dict[str, Any] = {"id": gold["id"], "gold": own, "predicted": list(answers)}
    size = len(LABELS[kind])
    if kind == "tagging":
        columns["gold"] = [[{**one, "text": ""} for one in row] for row in own]
        columns["predicted"] = [[{"start": s, "end": e, "label": n, "text": ""} for s, e, n in row] for row in answers]
        columns["malformed"] = pa.array([0] * N, pa.int32())
    elif kind == "question_answering":
        columns["gold"] = [[one["text"] for one in row] for row in own]
    if size and kind != "tagging":
        columns["probabilities"] = pa.array([[1 / size] * size] * N, pa.list_(pa.float32()))
    return pa.table(columns)


@pytest.mark.parametrize("kind", sorted(scoring.KINDS))
def test_figures_are_those_of_evaluate(kind: str) -> None:
    generator = np.random.default_rng(8)
    gold, answers = records(kind, draw(kind, generator)), draw(kind, generator)
    schema = Schema(kind, LABELS[kind], {"test": N})
    ours = scoring.side(gold, [answers], schema, "Other", HOW)
    task = make(TaskParams(kind=kind))  # type: ignore[arg-type]
    expected = task.score(predictions(kind, gold, answers), schema, Scoring(HOW)).headline
    for name, values in ours.figures.items():
        assert values[0] == pytest.approx(expected[name].value, abs=1e-12)
    figures = {figure for job in JOBS.values() for figure in job.figures if kind in kinds_of(job)}
    assert figures <= set(ours.figures)
    assert figures


def kinds_of(job: Job) -> set[str]:
    return {projects.settings(job, Path(), {})["task"]["kind"]}


@pytest.mark.parametrize("kind", sorted(scoring.KINDS))
def test_a_weight_of_two_is_a_record_that_stands_there_twice(kind: str) -> None:
    generator = np.random.default_rng(9)
    first, answers = draw(kind, generator), draw(kind, generator)
    schema = Schema(kind, LABELS[kind], {"test": N})
    weights = generator.integers(0, 3, N)
    again = np.repeat(np.arange(N), weights)
    measure = scoring.KINDS[kind](records(kind, first), answers, schema, "Other")
    twice = scoring.KINDS[kind](records(kind, [first[i] for i in again]), [answers[i] for i in again], schema, "Other")
    weighted, written_out = measure(weights[None].astype(float)), twice(np.ones((1, len(again))))
    for name, values in weighted.items():
        assert values[0] == pytest.approx(written_out[name][0], abs=1e-12)


def test_f1_of_labels_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(10)
    first, answers = draw("multilabel", generator), draw("multilabel", generator)
    labels = LABELS["multilabel"]
    found = scoring.side(records("multilabel", first), [answers], Schema("multilabel", labels, {}), None, HOW).figures
    both = [indicators(pa.chunked_array([pa.array(rows, pa.list_(pa.string()))]), labels) for rows in (first, answers)]
    for average in ("macro", "micro"):
        assert found[f"{average}_f1"][0] == pytest.approx(f1_score(*both, average=average, zero_division=0))


def test_a_difference_is_paired_and_of_means_over_seeds() -> None:
    generator = np.random.default_rng(11)
    first = draw("relation", generator)
    gold, schema = records("relation", first), Schema("relation", LABELS["relation"], {})
    half = [one if i % 2 else "Other" for i, one in enumerate(first)]
    good, poor = (scoring.side(gold, runs, schema, "Other", HOW) for runs in ([first, half], [half, half]))
    same = scoring.difference(good, good, "macro_f1", HOW)
    assert (same.value, same.low, same.high, same.verdict) == (0, 0, 0, "equal")
    gap = scoring.difference(good, poor, "macro_f1", HOW)
    assert gap.value == pytest.approx(good.figures["macro_f1"].mean() - poor.figures["macro_f1"].mean())
    assert good.figures["macro_f1"].tolist() == [1.0, poor.figures["macro_f1"][0]]
    assert gap.low < gap.value < gap.high
    assert gap.verdict == "clearly higher"
    assert scoring.difference(poor, good, "macro_f1", HOW).verdict == "clearly lower"


def line(data: str, value: float, low: float, high: float, *, variant: str = "", train: float = 1.0) -> Line:
    seconds = {("train", "ours"): [train, train], ("train", "peer"): [2.0, 2.0]}
    seconds |= {("whole", "ours"): [3.0, 5.0], ("whole", "peer"): [4.0, 4.0]}
    ours, peer = np.array([0.5, 0.52]) + value, np.array([0.5, 0.52])
    return Line(data, 1234, "f1", variant, ours, peer, Difference(value, low, high), seconds)


def test_the_sum_counts_figures_and_data_sets_but_no_second_way_of_deciding() -> None:
    lines = [
        line("a", 0.1, 0.05, 0.15),
        line("b", -0.01, -0.05, 0.03),
        line("c", 0.1, -0.05, 0.2, variant=said.HALF, train=3.0),
        line("c", -0.1, -0.2, -0.05, variant=said.HALF, train=3.0),
        line("c", -0.1, -0.2, -0.05, variant=said.CHOSEN, train=3.0),
    ]
    assert tables.verdict(lines) == [
        "No lower than the peer minus the interval: 3 of 4 figures.",
        "Higher: 1 of 3 data sets.",
        "Less time: training on 2 and the whole on 0 of 3 data sets.",
    ]
    row = lines[3].markdown()
    assert "F1, peer's thresholds one half" in row
    assert "-0.1000 (-0.2000 to -0.0500) | clearly lower | 3.0 | 2.0 | 1.50 | 4.0 | 4.0 | 1.00 |" in row
    assert all(one.count("|") == tables.HEADER.splitlines()[0].count("|") for one in (row, lines[0].markdown()))
    assert tables.spread(np.array([0.4])) == "0.4000"
    assert tables.spread(np.array([0.4, 0.6])) == "0.5000 ± 0.1414"
