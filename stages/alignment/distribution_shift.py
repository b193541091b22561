"""How far records are from those that the model was tuned on: held-out splits, another channel, incoming messages.

All distances are between vectors of the *base* model, which has not learned to tell train from the rest. Every statistic
rests on the same number of records of train and at most as many of the split, so that figures compare between runs.

``python -m stages.alignment.shift --incoming FILE`` measures a file of raw messages against the tuned model's train split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stages.alignment import sampling
from stages.alignment.abilities import pieces
from stages.alignment.readers import Reader
from stages.corpora.duplicates import normal_form
from stages.corpora.near_duplicates import near_repeats
from stages.corpora.words import unpunctuated
from stages.metrics import label_shift, two_sample
from stages.metrics.intervals import Bootstrap, Estimate

LEAST = 20
"""Records below which nothing can be measured."""
NEIGHBOURS = 5
FOREIGN = 10
NEARLY = 0.8
"""Jaccard similarity of 5-character pieces from which on a text nearly stands in train."""


@dataclass(frozen=True)
class Answers:
    """What the tuned model says of some records.

    Attributes:
        predicted: class ids `(records,)`.
        confidence: probability of the predicted class `(records,)`.
        gold: class ids; None where nobody has given any.
    """

    predicted: np.ndarray
    confidence: np.ndarray
    gold: np.ndarray | None = None


@dataclass(frozen=True)
class Shift:
    """A split against train.

    Attributes:
        raw: classifier two-sample test on texts as they are.
        normalised: the same in lower case without punctuation: what is left when only the form differs is no shift of content.
        discrepancy: MMD.
        distance_ratio: mean distance to the nearest train records over that of validation; 1 is no farther.
        new_words: share of running words that train does not have, and the same share in validation.
        label_shares: estimated share of each class (BBSE), in the order of the class names; empty where records have not one
            label each.
        label_distance: total variation between these and train's shares, in [0, 1]; None likewise.
        expected_accuracy: of the tuned model, estimated without labels (ATC); beside the true one where labels exist; None
            likewise.
        leaked: share of the used records that stand in train, but for case and punctuation.
        nearly_leaked: share of the different ones among them that stand there so or nearly so.
        foreign: the records that look least like train: row number and distance over validation's mean.
        n: records of the split that were used, and as many of train in two-sample tests.
    """

    raw: two_sample.Separation
    normalised: two_sample.Separation
    discrepancy: two_sample.Discrepancy
    distance_ratio: Estimate
    new_words: tuple[float, float]
    label_shares: np.ndarray
    label_distance: float | None
    expected_accuracy: float | None
    true_accuracy: float | None
    leaked: float
    nearly_leaked: float
    foreign: list[tuple[int, float]]
    n: int

    def details(self, labels: Sequence[str], texts: Sequence[str], decimals: int) -> dict[str, Any]:
        """Everything, as JSON."""
        return {
            "records": self.n,
            "classifier_test": {name: _test(one, decimals) for name, one in self._tests().items()},
            "mmd": {"squared": round(self.discrepancy.squared, 6), "p": round(self.discrepancy.p, 4), "n": self.discrepancy.n},
            "distance_ratio": self.distance_ratio.rounded(decimals),
            "new_words": {"split": round(self.new_words[0], decimals), "validation": round(self.new_words[1], decimals)},
            "labels": None if self.label_distance is None else {
                "distance": round(self.label_distance, decimals),
                "shares": {name: round(float(v), decimals) for name, v in zip(labels, self.label_shares, strict=True)},
            },
            "expected_accuracy": None if self.expected_accuracy is None else round(self.expected_accuracy, decimals),
            "true_accuracy": None if self.true_accuracy is None else round(self.true_accuracy, decimals),
            "leakage": {"exact": round(self.leaked, decimals), "near": round(self.nearly_leaked, decimals)},
            "most_foreign": [{"text": texts[row], "distance": round(far, decimals)} for row, far in self.foreign],
        }  # fmt: skip

    def _tests(self) -> dict[str, two_sample.Separation]:
        return {"raw": self.raw, "normalised": self.normalised}


@dataclass(frozen=True)
class Known:
    """What labels of train and validation say of a model, where every record has one.

    Attributes:
        answers: of the tuned model on validation.
        gold: class ids of validation `(records,)`.
        shares: of train's records by class `(classes,)`.
    """

    answers: Answers
    gold: np.ndarray
    shares: np.ndarray

    @classmethod
    def of(cls, answers: Answers, train_labels: np.ndarray, classes: int) -> Known:
        """From answers on validation and class ids of train; `classes` there are, of which train may lack some.

        Raises:
            ValueError: validation has no labels.
        """
        if answers.gold is None:
            raise ValueError("validation needs labels")
        counts = np.bincount(train_labels, minlength=classes)
        return cls(answers, answers.gold, counts / counts.sum())

    def against(self, answers: Answers) -> tuple[np.ndarray, float, float, float | None]:
        """Label shares, their distance from train's, expected and true accuracy of answers on other records."""
        classes = len(self.shares)
        confusion = np.zeros((classes, classes))
        np.add.at(confusion, (self.gold, self.answers.predicted), 1)
        shares = label_shift.shares(confusion, answers.predicted)
        right = self.answers.predicted == self.gold
        return (
            shares,
            float(np.abs(shares - self.shares).sum() / 2),
            label_shift.expected_accuracy(self.answers.confidence, right, answers.confidence),
            None if answers.gold is None else float((answers.predicted == answers.gold).mean()),
        )


class Reference:
    """Train as the base model sees it, and validation to compare distances with.

    Args:
        base: the base model.
        train: texts of train.
        validation: texts of validation.
        answers: of the tuned model on validation, with gold; None where records have not one label each, so that texts alone
            are compared.
        train_labels: class ids of train; None likewise.
        classes: of the task.
        most: records per statistic.
        permutations: of MMD.
        seed: of samples, folds and permutations.
        bootstrap: how intervals are made.
    """

    def __init__(
        self,
        base: Reader,
        train: Sequence[str],
        validation: Sequence[str],
        answers: Answers | None,
        train_labels: np.ndarray | None,
        *,
        classes: int,
        most: int,
        permutations: int,
        seed: int,
        bootstrap: Bootstrap,
    ) -> None:
        self.base, self.most, self.permutations, self.seed, self.bootstrap = base, most, permutations, seed, bootstrap
        self.known = None
        if answers is not None and train_labels is not None:
            self.known = Known.of(answers, train_labels, classes)
        self.train = train
        self.forms = {normal_form(text) for text in train}
        self.vocabulary = {word.lower() for text in train for word in pieces(text)}
        chosen = sampling.rows(len(train), most, seed)
        texts = [train[i] for i in chosen]
        self.vectors = base.vectors(texts)
        self.normalised = base.vectors([plain(text) for text in texts])
        held = [validation[i] for i in sampling.rows(len(validation), most, seed)]
        self.held_distances = two_sample.nearest_distances(base.vectors(held), self.vectors, NEIGHBOURS)
        self.held_new_words = self._new_words(held)

    def against(self, texts: Sequence[str], answers: Answers | None) -> Shift:
        """Measure records against train.

        Args:
            texts: of a split.
            answers: of the tuned model on the same records; None where texts alone are compared.
        """
        chosen = sampling.rows(len(texts), self.most, self.seed)
        used = [texts[i] for i in chosen]
        vectors, normalised = self.base.vectors(used), self.base.vectors([plain(text) for text in used])
        n = min(len(used), len(self.vectors))
        mine, theirs = (sampling.rows(count, n, self.seed + 1) for count in (len(self.vectors), len(used)))
        distances = two_sample.nearest_distances(vectors, self.vectors, NEIGHBOURS)
        shares, label_distance, expected, true = np.empty(0), None, None, None
        if self.known is not None and answers is not None:
            shares, label_distance, expected, true = self.known.against(answers)
        farthest = np.argsort(-distances, kind="stable")[:FOREIGN]
        usual = float(self.held_distances.mean())
        return Shift(
            raw=two_sample.classifier_test(self.vectors[mine], vectors[theirs], self.permutations, self.seed),
            normalised=two_sample.classifier_test(
                self.normalised[mine], normalised[theirs], self.permutations, self.seed
            ),
            discrepancy=two_sample.mmd(self.vectors[mine], vectors[theirs], self.permutations, self.seed),
            distance_ratio=self._ratio(distances),
            new_words=(self._new_words(used), self.held_new_words),
            label_shares=shares,
            label_distance=label_distance,
            expected_accuracy=expected,
            true_accuracy=true,
            leaked=float(np.mean([normal_form(text) in self.forms for text in used])),
            nearly_leaked=self._nearly_leaked(used),
            foreign=[(int(chosen[i]), float(distances[i]) / usual) for i in farthest],
            n=len(used),
        )

    def _ratio(self, distances: np.ndarray) -> Estimate:
        """Mean distance over validation's, both resampled, since both are samples."""
        above = np.concatenate([block @ distances / len(distances) for block in self.bootstrap.weights(len(distances))])
        other = Bootstrap(self.bootstrap.resamples, self.bootstrap.confidence, self.bootstrap.seed + 1)
        held = self.held_distances
        below = np.concatenate([block @ held / len(held) for block in other.weights(len(held))])
        return Estimate(float(distances.mean() / held.mean()), *self.bootstrap.interval(above / below), len(distances))

    def _nearly_leaked(self, texts: Sequence[str]) -> float:
        """Share of different texts that nearly stand in train; repeats among themselves are taken out first."""
        same = np.zeros(len(texts), dtype=np.int64)
        first = ~near_repeats(pa.chunked_array([pa.array(texts, pa.string())]), same, NEARLY)
        kept = [text for text, one in zip(texts, first, strict=True) if one]
        both = pa.chunked_array([pa.array([*self.train, *kept], pa.string())])
        near = near_repeats(both, np.zeros(len(both), dtype=np.int64), NEARLY)[len(self.train) :]
        # Where train repeats itself much, comparing ends early; what is the same is near all the same.
        near |= np.array([normal_form(text) in self.forms for text in kept], dtype=bool)
        return float(near.mean())

    def _new_words(self, texts: Sequence[str]) -> float:
        found = [word.lower() not in self.vocabulary for text in texts for word in pieces(text)]
        return float(np.mean(found)) if found else 0.0


def plain(text: str) -> str:
    """A text in lower case, without punctuation: what a transcript of speech would keep of it."""
    return " ".join(unpunctuated(text.lower(), " ").split()) or text


def _test(one: two_sample.Separation, decimals: int) -> dict[str, float | int]:
    values = {"auc": one.auc, "low": one.low, "high": one.high}
    return {**{name: round(value, decimals) for name, value in values.items()}, "p": round(one.p, 6), "n": one.n}
