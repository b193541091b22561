"""Probes, floors and gaps against what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from stages.alignment import task_gap
from stages.alignment.task_gap import Labelled, TaskGap
from stages.metrics.intervals import Bootstrap
from tests.unit.alignment.readers_made_up import MadeUp

TOPICS = ["refund money back", "parcel late order", "phone broken screen"]
FILLER = ["please", "help", "me", "with", "my", "the", "is", "where", "now", "today"]


def labelled(n: int, seed: int) -> Labelled:
    """Messages that two words of their topic tell apart."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, n)
    texts = [
        " ".join([*generator.choice(TOPICS[label].split(), 2), *generator.choice(FILLER, 3), f"n{seed}x{i}"])
        for i, label in enumerate(labels)
    ]
    return Labelled(texts, labels)


@pytest.fixture(scope="module")
def data() -> dict[str, Labelled]:
    return {"train": labelled(300, 1), "validation": labelled(100, 2), "test": labelled(200, 3)}


def measured(data: dict[str, Labelled], tuned: np.ndarray, tfidf: np.ndarray, random: MadeUp | None = None) -> TaskGap:
    right = {"tuned": tuned, "tfidf": tfidf}
    return task_gap.measure(MadeUp(), random or MadeUp(forgets=1.0), data, right, Bootstrap(200, 0.95, 1), 1)


def test_gaps_are_differences_from_the_probe_and_from_the_best_floor(data: dict[str, Labelled]) -> None:
    n = len(data["test"].texts)
    tuned, tfidf = np.arange(n) % 50 > 0, np.arange(n) % 3 > 0
    found = measured(data, tuned, tfidf)
    assert found.probe.value > 0.9
    assert found.floors["TF-IDF"].value == pytest.approx(tfidf.mean())
    assert found.floors["random weights"].value < 0.5
    assert found.floors["shuffled labels"].value < 0.6
    best = max(one.value for one in found.floors.values())
    assert best == found.floors["TF-IDF"].value
    assert found.pretraining_gain.value == pytest.approx(found.probe.value - best)
    assert found.adaptation_gap.value == pytest.approx(tuned.mean() - found.probe.value)
    assert found.pretraining_gain.low is not None
    assert 0 < found.pretraining_gain.low < found.pretraining_gain.value
    # MadeUp's first layer is noise, and so is any pooling but the mean.
    assert found.best_layer == 1
    assert (found.best_pooling, found.pooling) == ("mean", "mean")
    assert found.neighbours.value > 0.8


def test_random_weights_are_the_floor_where_they_know_most(data: dict[str, Labelled]) -> None:
    nothing = np.zeros(len(data["test"].texts), dtype=bool)
    found = measured(data, nothing, nothing, MadeUp(forgets=0.2, seed=4))
    assert found.floors["TF-IDF"].value == 0
    assert found.floors["random weights"].value > 0.8
    assert found.pretraining_gain.value == pytest.approx(found.probe.value - found.floors["random weights"].value)
    assert found.adaptation_gap.value == pytest.approx(-found.probe.value)
