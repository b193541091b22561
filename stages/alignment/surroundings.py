"""What belongs around the gaps: calibration, robustness, foreign messages, slices, behaviour, explanations, overfitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stages import artifacts
from stages.alignment import sampling
from stages.alignment.budget import Sizes
from stages.alignment.readers import Reader
from stages.alignment.references import References
from stages.alignment.task_gap import Labelled
from stages.analysis import behaviour, calibrating, explanation, out_of_scope, robustness, slices
from stages.analysis.behaviour import Behaviour
from stages.analysis.calibrating import Band, Calibration
from stages.analysis.explanation import Explanation
from stages.analysis.out_of_scope import Detection
from stages.analysis.robustness import Change
from stages.analysis.slices import Slices
from stages.metrics import calibration
from stages.metrics.intervals import Bootstrap, Estimate
from stages.params.evaluation import EvaluationParams
from stages.training.prediction import Tuned

EXPLAINED = 10
FEWEST = 20


@dataclass(frozen=True)
class Surroundings:
    """What was found.

    Attributes:
        calibration: whether confidence on test can be trusted.
        reliability: its diagram, with the null of each bin.
        robustness: what small changes of test's texts do to decisions, and what a user's own pairs show.
        out_of_scope: how well messages that fit no class are noticed; empty without such a split.
        slices: accuracy by length, class and kept column.
        behaviour: behavioural tests from the references; empty without any.
        unjudged: behavioural records that no rule here can judge.
        explanations: of the most confident mistakes.
        overfit: accuracy and log-loss on train, to hold against validation's.
        validation: the same on validation.
    """

    calibration: Calibration
    reliability: list[Band]
    robustness: list[Change]
    out_of_scope: list[Detection]
    slices: Slices
    behaviour: list[Behaviour]
    unjudged: int
    explanations: list[Explanation]
    overfit: dict[str, Estimate]
    validation: dict[str, Estimate]

    def scalars(self, decimals: int) -> dict[str, Any]:
        """What belongs into `metrics.json`."""
        return {
            "robustness": {
                one.name: {
                    **({} if one.drop is None else {"drop": round(one.drop.value, decimals)}),
                    "flips": round(one.flips.value, decimals),
                }
                for one in self.robustness
            },
            "out_of_scope": {
                one.name: {"auroc": round(one.auroc.value, decimals), "passed": round(one.passed.value, decimals)}
                for one in self.out_of_scope
            },
            "overfitting": {
                "accuracy": round(self.overfit["accuracy"].value - self.validation["accuracy"].value, decimals),
                "log_loss": round(self.validation["log_loss"].value - self.overfit["log_loss"].value, decimals),
            },
            "remarkable_slices": sum(one.remarkable for one in self.slices.slices),
        }

    def details(self, labels: Sequence[str], decimals: int) -> dict[str, Any]:
        """Everything, as JSON."""
        return {
            "calibration": self.calibration.rounded(decimals),
            "reliability": [
                {name: round(value, decimals) for name, value in vars(one).items()} for one in self.reliability
            ],
            "robustness": [
                {
                    "change": one.name,
                    "drop": None if one.drop is None else one.drop.rounded(decimals),
                    "flips": one.flips.rounded(decimals),
                    "touched": round(one.touched, decimals),
                }
                for one in self.robustness
            ],
            "out_of_scope": [
                {"score": one.name, "auroc": one.auroc.rounded(decimals), "passed": one.passed.rounded(decimals)}
                for one in self.out_of_scope
            ],
            "slices": {
                "worst_by_chance": round(self.slices.limit, decimals),
                "slices": [
                    {"slice": one.name, **one.accuracy.rounded(decimals), "remarkable": one.remarkable}
                    for one in self.slices.slices
                ],
            },
            "behaviour": [
                {"test": one.test, **one.passed.rounded(decimals), "failed": one.example} for one in self.behaviour
            ],
            "behaviour_unjudged": self.unjudged,
            "explanations": [
                {
                    "text": one.text,
                    "decided": labels[one.decided],
                    "words": [[word, round(value, decimals)] for word, value in one.words],
                    "comprehensiveness": round(one.comprehensiveness, decimals),
                    "by_chance": round(one.by_chance, decimals),
                }
                for one in self.explanations
            ],
            "train": {name: one.rounded(decimals) for name, one in self.overfit.items()},
            "validation": {name: one.rounded(decimals) for name, one in self.validation.items()},
        }


@dataclass(frozen=True)
class Model:
    """The tuned model, asked with raw texts.

    Attributes:
        tuned: the model.
        reader: its tokenizer and vectors.
    """

    tuned: Tuned
    reader: Reader

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits `(texts, classes)`, from the reader's vectors, so that no text is read twice."""
        head: Any = self.tuned.model.head
        weight, bias = (part.detach().cpu().float().numpy() for part in (head.weight, head.bias))
        return self.reader.vectors(texts) @ weight.T + bias

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities `(texts, classes)`."""
        return calibration.rescaled(self.logits(texts), 1.0)

    def decide(self, texts: Sequence[str]) -> np.ndarray:
        """Class ids `(texts,)`."""
        return self.logits(texts).argmax(axis=1)


def measure(
    model: Model,
    data: Mapping[str, Labelled],
    predictions: Mapping[str, pa.Table],
    given: References,
    bootstrap: Bootstrap,
    params: EvaluationParams,
    sizes: Sizes,
) -> Surroundings:
    """Measure all of it.

    Args:
        model: the tuned model.
        data: train, validation and test.
        predictions: of the tuned model on validation and test.
        given: references, for behavioural tests and a user's own pairs.
        bootstrap: how intervals are made.
        params: bins and seed.
        sizes: of samples.
    """
    labels, test, seed = model.tuned.schema.labels, data["test"], params.alignment.seed
    some = sampling.rows(len(test.texts), sizes.records // 2, seed)
    texts, gold = [test.texts[i] for i in some], test.labels[some]
    flat = predictions["test"]["probabilities"].combine_chunks().flatten().to_numpy().reshape(-1, len(labels))
    right = flat.argmax(axis=1) == test.labels
    kept = artifacts.read_table(artifacts.prepared("test"), model.tuned.schema.keep)
    columns = {name: [str(value) for value in kept[name].to_pylist()] for name in model.tuned.schema.keep}
    surest = [i for i in np.argsort(-flat.max(axis=1), kind="stable") if not right[i]][:EXPLAINED]
    cases = [case for record in given.behaviour if (case := behaviour.case_of(record, labels)) is not None]
    train, bins = data["train"], params.calibration_bins
    rows = sampling.rows(len(train.texts), sizes.records, seed)
    seen = Labelled([train.texts[i] for i in rows], train.labels[rows])
    return Surroundings(
        calibration=calibrating.measure(predictions["validation"], predictions["test"], labels, bins, params.seed),
        reliability=calibrating.bands(predictions["test"], labels, bins, params.seed),
        robustness=[*robustness.measure(texts, gold, model.decide, bootstrap), *_own_pairs(model, given, bootstrap)],
        out_of_scope=_foreign(model, data["train"], texts, bootstrap, sizes.records, seed),
        slices=slices.measure(test.texts, [labels[i] for i in test.labels], columns, right, seed),
        behaviour=behaviour.measure(cases, labels, lambda said: model.decide(said).tolist()),
        unjudged=len(given.behaviour) - len(cases),
        explanations=explanation.explain([test.texts[i] for i in surest], model.probabilities, seed),
        overfit=_fit(model.probabilities(seen.texts), seen.labels, bootstrap),
        validation=_fit(*calibrating.columns(predictions["validation"], labels), bootstrap),
    )


def _own_pairs(model: Model, given: References, bootstrap: Bootstrap) -> list[Change]:
    """What a user's own pairs show; accuracy only where each of them has one of the task's labels."""
    place = {label: i for i, label in enumerate(model.tuned.schema.labels)}
    found = []
    for name, (texts, changed, labels) in given.changes.items():
        known = [place[label] for label in labels if label in place]
        gold = np.array(known) if len(known) == len(labels) else None
        found.append(robustness.of_pairs(f"own pairs: {name}", (texts, changed), gold, model.decide, bootstrap))
    return found


def _fit(likely: np.ndarray, gold: np.ndarray, bootstrap: Bootstrap) -> dict[str, Estimate]:
    rows = np.stack([(likely.argmax(axis=1) == gold).astype(float), calibration.log_losses(likely, gold)])
    return dict(zip(("accuracy", "log_loss"), bootstrap.of_means(rows), strict=True))


def _foreign(
    model: Model, train: Labelled, texts: list[str], bootstrap: Bootstrap, records: int, seed: int
) -> list[Detection]:
    if model.tuned.schema.rows.get("out_of_scope", 0) < FEWEST:
        return []
    foreign = artifacts.read_table(artifacts.prepared("out_of_scope"), ["text"])["text"].to_pylist()
    known = sampling.rows(len(train.texts), 2 * records, seed)
    learned, labels = model.reader.vectors([train.texts[i] for i in known]), train.labels[known]
    inside, outside = (
        {
            **out_of_scope.confidence_scores(model.logits(said)),
            **out_of_scope.distance_scores(learned, labels, model.reader.vectors(said)),
        }
        for said in (texts, foreign)
    )
    return out_of_scope.measure({name: (inside[name], outside[name]) for name in inside}, bootstrap)
