"""Whether probabilities mean what they say: log-loss, Brier score, expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SMALLEST = float(np.finfo(np.float32).tiny)
"""Probabilities are clipped here before a logarithm: float32 probabilities underflow."""


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram: records of similar confidence, how sure they were and how often right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def log_losses(probabilities: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Negative logarithm of the gold class's probability, in nats `(records,)`.

    Args:
        probabilities: `(records, classes)`, rows sum to 1.
        gold: class ids `(records,)`.
    """
    chosen = probabilities[np.arange(len(gold)), gold]
    return -np.log(np.clip(chosen, SMALLEST, 1.0))


def brier_scores(probabilities: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """Squared distance to the gold class's unit vector, summed over classes, in [0, 2] `(records,)` (Brier 1950)."""
    chosen = probabilities[np.arange(len(gold)), gold]
    return (probabilities**2).sum(axis=1) - 2 * chosen + 1


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int) -> list[Bin]:
    """Bins of equal mass over confidence, from least to most confident.

    Equal mass, not equal width: a tuned model is sure of most records, and bins of equal width would leave all but one
    nearly empty (Nguyen & O'Connor 2015). Ties are ordered by position; with fewer records than bins, each gets one.

    Args:
        confidence: probability of the predicted class `(records,)`.
        right: whether it was the gold class `(records,)`.
        bins: how many.
    """
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [
        Bin(
            float(confidence[part[0]]),
            float(confidence[part[-1]]),
            len(part),
            float(confidence[part].mean()),
            float(right[part].mean()),
        )
        for part in parts
    ]


def expected_calibration_error(table: list[Bin]) -> float:
    """Mean distance of accuracy from confidence over bins, weighted by their counts (Naeini et al. 2015)."""
    total = sum(one.count for one in table)
    return sum(one.count * abs(one.accuracy - one.confidence) for one in table) / total


def null_band(confidence: np.ndarray, bins: int, draws: int, level: float, seed: int) -> tuple[float, float]:
    """Where the calibration error of a *perfectly* calibrated model with these confidences would lie.

    Finite bins err by chance, so that 0 is never reached: an error inside this band is no evidence of miscalibration
    (Vaicenavicius et al. 2019). Each record is right with its own confidence, `draws` times.

    Args:
        confidence: probability of the predicted class `(records,)`.
        bins: as for `reliability`.
        draws: simulated test sets.
        level: of the band, in (0, 1).
        seed: of the simulation.
    """
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(confidence[order].astype(np.float64), bins) if len(part)]
    generator = np.random.default_rng(seed)
    errors = np.zeros(draws)
    for part in parts:
        right = (generator.random((draws, len(part))) < part).mean(axis=1)
        errors += len(part) * np.abs(right - part.mean())
    tail = (1 - level) / 2
    low, high = np.quantile(errors / len(confidence), [tail, 1 - tail])
    return float(low), float(high)


def temperature(logits: np.ndarray, gold: np.ndarray) -> float:
    """The temperature that minimises log-loss on held-out records (Guo et al. 2017), in [1/20, 20].

    Where every record is right, loss falls as long as probabilities grow, and nothing says how sure is too sure: 1 then.

    Args:
        logits: or log-probabilities `(records, classes)`.
        gold: class ids `(records,)`.
    """
    from scipy.optimize import minimize_scalar

    values = logits.astype(np.float64)
    if (values.argmax(axis=1) == gold).all():
        return 1.0

    def loss(log_temperature: float) -> float:
        return float(log_losses(rescaled(values, float(np.exp(log_temperature))), gold).mean())

    ends = np.log(20.0)
    return float(np.exp(minimize_scalar(loss, bounds=(-ends, ends), method="bounded", options={"xatol": 1e-4}).x))


def rescaled(logits: np.ndarray, by: float) -> np.ndarray:
    """Probabilities `(records, classes)` of logits divided by a temperature."""
    scaled = logits.astype(np.float64) / by
    scaled -= scaled.max(axis=1, keepdims=True)
    powers = np.exp(scaled)
    return powers / powers.sum(axis=1, keepdims=True)


def logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Log-probabilities, clipped like everywhere here: logits up to a constant per record."""
    return np.log(np.clip(probabilities.astype(np.float64), SMALLEST, 1.0))
