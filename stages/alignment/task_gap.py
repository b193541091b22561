"""How far the base model was from the task, and how much of that distance tuning closed.

Linear probes on frozen features say what the base model already separates: ridge for choosing layer and pooling on
validation, logistic regression for the figure on test. Floors say what anybody would reach without it: words alone, the same
architecture with random weights, and labels that mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.alignment.readers import Reader
from stages.metrics import linear
from stages.metrics.intervals import Bootstrap, Estimate

NEIGHBOURS = 10
FLOOR_RECORDS = 2000
"""Most train records that the floor of random weights is fitted on: reading them costs as much as the base model's."""
FLOOR_ASKED = 1000
"""Test records that this floor is asked first; all of them where it comes within `CLEARLY` standard errors of another."""
CLEARLY = 4.0
NEIGHBOUR_RECORDS = 2000
"""Most train records among which neighbours are sought: cost grows with their square."""


@dataclass(frozen=True)
class Labelled:
    """Texts and their class ids `(texts,)`."""

    texts: Sequence[str]
    labels: np.ndarray


@dataclass(frozen=True)
class TaskGap:
    """What was measured, on records of test.

    Attributes:
        probe: accuracy of a linear probe on the base model's best layer, which validation chose.
        floors: accuracy by floor.
        pretraining_gain: probe less the best floor, paired over records.
        adaptation_gap: tuned model less probe, paired over records.
        neighbours: leave-one-out accuracy of nearest neighbours among train's records, without any fitting.
        layers: validation accuracy of a probe on each layer, embeddings first.
        poolings: validation accuracy of a probe on the last layer by pooling.
        best_layer: that validation chose; 0 is the embeddings.
        pooling: the head's own.
        records: of train that the probes were fitted on.
    """

    probe: Estimate
    floors: dict[str, Estimate]
    pretraining_gain: Estimate
    adaptation_gap: Estimate
    neighbours: Estimate
    layers: list[float]
    poolings: dict[str, float]
    best_layer: int
    pooling: str
    records: int

    @property
    def best_pooling(self) -> str:
        """The one whose probe was best on validation; the head's own when it is among the best."""
        top = max(self.poolings.values())
        return (
            self.pooling if self.poolings[self.pooling] == top else max(self.poolings, key=lambda k: self.poolings[k])
        )

    def details(self, decimals: int) -> dict[str, Any]:
        """Everything, as JSON."""
        return {
            "probe": self.probe.rounded(decimals),
            "floors": {name: one.rounded(decimals) for name, one in self.floors.items()},
            "pretraining_gain": self.pretraining_gain.rounded(decimals),
            "adaptation_gap": self.adaptation_gap.rounded(decimals),
            "nearest_neighbours": self.neighbours.rounded(decimals),
            "validation_accuracy_by_layer": [round(value, decimals) for value in self.layers],
            "validation_accuracy_by_pooling": {name: round(value, decimals) for name, value in self.poolings.items()},
            "best_layer": self.best_layer,
            "best_pooling": self.best_pooling,
            "pooling": self.pooling,
            "train_records": self.records,
        }


def measure(
    base: Reader,
    random: Reader,
    data: dict[str, Labelled],
    right: dict[str, np.ndarray],
    bootstrap: Bootstrap,
    seed: int,
) -> TaskGap:
    """Probe the base model and its floors.

    Args:
        base: the base model.
        random: its architecture with random weights.
        data: train, validation and test.
        right: whether a system was right on test's records, by name: `tuned`, and `tfidf` where it was fitted.
        bootstrap: how intervals are made.
        seed: of the shuffled labels.
    """
    train, validation, test = data["train"], data["validation"], data["test"]
    classes = int(max(part.labels.max() for part in data.values())) + 1
    learned, held, asked = (base.states(part.texts) for part in (train, validation, test))

    def on_validation(features: np.ndarray, of_held: np.ndarray) -> float:
        return _share(linear.Ridge(features, train.labels, classes).predict(of_held), validation.labels)

    layers = [on_validation(*pair) for pair in zip(learned.layers, held.layers, strict=True)]
    poolings = {how: on_validation(learned.poolings[how], held.poolings[how]) for how in learned.poolings}
    best = len(layers) - 1 - int(np.argmax(layers[::-1]))
    choose = (held.layers[best], validation.labels)
    probe = linear.logistic(learned.layers[best], train.labels, choose).predict(asked.layers[best]) == test.labels
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(train.labels)
    few = np.sort(generator.permutation(len(train.texts))[:FLOOR_RECORDS])
    knowing_nothing = linear.Ridge(learned.layers[best], shuffled, classes).predict(asked.layers[best]) == test.labels
    floors = {"shuffled labels": knowing_nothing, **({"TF-IDF": right["tfidf"]} if "tfidf" in right else {})}
    rival = max(float(found.mean()) for found in floors.values())
    sample = Labelled([train.texts[i] for i in few], train.labels[few])
    untrained = _untrained(random, sample, test, rival, classes, generator)
    apart = {}
    if len(untrained) == len(test.texts):
        floors["random weights"] = untrained
    else:
        apart["random weights"] = bootstrap.of_means(untrained[None].astype(float))[0]
    highest = max(floors.values(), key=lambda found: float(found.mean()))
    rows = [probe, *floors.values(), probe.astype(float) - highest, right["tuned"].astype(float) - probe]
    estimates = bootstrap.of_means(np.stack(rows).astype(float))
    some = few[:NEIGHBOUR_RECORDS]
    near = linear.nearest_class(learned.layers[-1][some], train.labels[some], NEIGHBOURS) == train.labels[some]
    return TaskGap(
        probe=estimates[0],
        floors={**dict(zip(floors, estimates[1:-2], strict=True)), **apart},
        pretraining_gain=estimates[-2],
        adaptation_gap=estimates[-1],
        neighbours=bootstrap.of_means(near[None].astype(float))[0],
        layers=layers,
        poolings=poolings,
        best_layer=best,
        pooling=base.pooling,
        records=len(train.texts),
    )


def _untrained(
    random: Reader, train: Labelled, test: Labelled, rival: float, classes: int, generator: np.random.Generator
) -> np.ndarray:
    """Whether a probe on random weights is right, on a sample of test, or on all of it where it might be the best floor."""
    probe = linear.Ridge(random.vectors(train.texts), train.labels, classes)
    some = np.sort(generator.permutation(len(test.texts))[:FLOOR_ASKED])
    right = probe.predict(random.vectors([test.texts[i] for i in some])) == test.labels[some]
    reach = CLEARLY * float(right.std()) / np.sqrt(len(some))
    if len(some) < len(test.texts) and float(right.mean()) + reach < rival:
        return right
    return probe.predict(random.vectors(test.texts)) == test.labels


def _share(predicted: np.ndarray, gold: np.ndarray) -> float:
    return float((predicted == gold).mean())
