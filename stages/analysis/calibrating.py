"""Whether confidence can be trusted, held against chance, and the one number that mends most of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stages.metrics import calibration

DRAWS = 1000


@dataclass(frozen=True)
class Calibration:
    """What was found on test, with a temperature from validation.

    Attributes:
        ece: expected calibration error of test.
        ece_null_low: lower end of the band in which a perfectly calibrated model's would lie.
        ece_null_high: upper end; an error above it is miscalibration and not chance.
        temperature: fitted on validation.
        ece_calibrated: of test at that temperature.
        ece_calibrated_null_low: lower end of the band at that temperature.
        ece_calibrated_null_high: upper end.
        log_loss: of test as it is, in nats.
        log_loss_calibrated: of test at that temperature.
    """

    ece: float
    ece_null_low: float
    ece_null_high: float
    temperature: float
    ece_calibrated: float
    ece_calibrated_null_low: float
    ece_calibrated_null_high: float
    log_loss: float
    log_loss_calibrated: float

    def rounded(self, decimals: int) -> dict[str, float]:
        """As JSON values."""
        return {name: round(value, decimals) for name, value in asdict(self).items()}


def measure(validation: pa.Table, test: pa.Table, labels: list[str], bins: int, seed: int) -> Calibration:
    """Fit the temperature and hold both errors against their null.

    Args:
        validation: gold, probabilities.
        test: gold, probabilities.
        labels: class names.
        bins: of the error.
        seed: of the null's simulation.
    """
    held, gold = columns(validation, labels)
    asked, truth = columns(test, labels)
    by = calibration.temperature(calibration.logarithms(held), gold)
    after = calibration.rescaled(calibration.logarithms(asked), by)
    confidence = asked.max(axis=1)
    low, high = calibration.null_band(confidence, bins, DRAWS, 0.95, seed)
    after_low, after_high = calibration.null_band(after.max(axis=1), bins, DRAWS, 0.95, seed)
    return Calibration(
        ece=_error(asked, truth, bins),
        ece_null_low=low,
        ece_null_high=high,
        temperature=by,
        ece_calibrated=_error(after, truth, bins),
        ece_calibrated_null_low=after_low,
        ece_calibrated_null_high=after_high,
        log_loss=float(calibration.log_losses(asked, truth).mean()),
        log_loss_calibrated=float(calibration.log_losses(after, truth).mean()),
    )


@dataclass(frozen=True)
class Band:
    """One bin of a reliability diagram, and where its accuracy would lie if confidence were right.

    Attributes:
        confidence: mean over the bin.
        accuracy: share that was right.
        count: records.
        low: lower end of the 95 % band of a perfectly calibrated model's accuracy.
        high: upper end.
    """

    confidence: float
    accuracy: float
    count: int
    low: float
    high: float


def bands(predictions: pa.Table, labels: list[str], bins: int, seed: int) -> list[Band]:
    """The reliability diagram of a table of predictions with the null of each bin, from least to most confident.

    Args:
        predictions: gold, probabilities.
        labels: class names.
        bins: of equal mass.
        seed: of the null's simulation.
    """
    probabilities, gold = columns(predictions, labels)
    confidence, right = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == gold
    generator = np.random.default_rng(seed)
    found = []
    for part in np.array_split(np.argsort(confidence, kind="stable"), bins):
        if len(part):
            drawn = (generator.random((DRAWS, len(part))) < confidence[part]).mean(axis=1)
            low, high = np.quantile(drawn, [0.025, 0.975])
            mean, share = float(confidence[part].mean()), float(right[part].mean())
            found.append(Band(mean, share, len(part), float(low), float(high)))
    return found


def columns(predictions: pa.Table, labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities `(records, classes)` and gold class ids `(records,)` of a table of predictions."""
    place: dict[Any, int] = {label: i for i, label in enumerate(labels)}
    flat = predictions["probabilities"].combine_chunks().flatten().to_numpy()
    return flat.reshape(-1, len(labels)), np.array([place[one] for one in predictions["gold"].to_pylist()])


def _error(probabilities: np.ndarray, gold: np.ndarray, bins: int) -> float:
    right = probabilities.argmax(axis=1) == gold
    return calibration.expected_calibration_error(calibration.reliability(probabilities.max(axis=1), right, bins))
