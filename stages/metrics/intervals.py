"""Estimates with intervals, by the percentile bootstrap over records.

Records are drawn with replacement and the metric is computed anew (Efron & Tibshirani 1993, ch. 13). One set of resamples
serves all means over records of a split, so that differences between them are paired. A metric that needs only which classes
met (accuracy, F1, MCC) is computed from resampled confusion counts; one that is a mean over records, from resampled weights.

Cost: `resamples` x `records` multinomial weights, made in blocks of at most 8 MB; 3,080 records, 77 classes and 2,000
resamples take about a second on one core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

BLOCK = 1_000_000
"""Weights that are held at once."""


@dataclass(frozen=True)
class Estimate:
    """A figure and how sure it is.

    Attributes:
        value: the figure.
        low: lower end of its interval; None when it has none.
        high: upper end.
        n: number of records it rests on.
    """

    value: float
    low: float | None
    high: float | None
    n: int

    def rounded(self, decimals: int) -> dict[str, float | int | None]:
        """The estimate as JSON values."""
        low, high = (None if end is None else round(end, decimals) for end in (self.low, self.high))
        return {"value": round(self.value, decimals), "low": low, "high": high, "n": self.n}


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made.

    Attributes:
        resamples: how many.
        confidence: of the interval, in (0, 1).
        seed: of the resampling; the same seed and number of records give the same resamples, so that the
            intervals of means over records are paired between two models on one split.
    """

    resamples: int = 2000
    confidence: float = 0.95
    seed: int = 7

    def weights(self, n: int) -> Iterator[np.ndarray]:
        """How often each record is drawn, in blocks `(resamples in block, n)` of int64; rows sum to n."""
        generator = np.random.default_rng(self.seed)
        block = max(1, BLOCK // max(n, 1))
        for start in range(0, self.resamples, block):
            rows = min(block, self.resamples - start)
            drawn = generator.integers(0, n, size=(rows, n))
            drawn += n * np.arange(rows)[:, None]
            yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)

    def interval(self, draws: np.ndarray) -> tuple[float, float]:
        """Percentile interval of resampled values `(resamples,)`."""
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(draws, [tail, 1 - tail])
        return float(low), float(high)

    def of_means(self, values: np.ndarray) -> list[Estimate]:
        """Estimates of means over records.

        Args:
            values: `(metrics, records)`.
        """
        n = values.shape[1]
        draws = np.concatenate([block @ values.T / n for block in self.weights(n)])
        return [Estimate(float(row.mean()), *self.interval(draws[:, i]), n) for i, row in enumerate(values)]

    def of_confusion(
        self, gold: np.ndarray, predicted: np.ndarray, classes: int, metric: Callable[[np.ndarray], np.ndarray]
    ) -> list[Estimate]:
        """Estimates of metrics that are functions of the confusion counts.

        Args:
            gold: class ids `(records,)`.
            predicted: class ids `(records,)`.
            classes: how many there are.
            metric: from counts `(..., classes, classes)`, gold in rows, to values `(..., metrics)`.
        """
        n = len(gold)
        cells, inverse = np.unique(gold.astype(np.int64) * classes + predicted, return_inverse=True)
        counts = np.bincount(inverse, minlength=len(cells))
        generator = np.random.default_rng(self.seed)
        # Drawing n records with replacement and counting cells is one multinomial draw over the occupied cells.
        drawn = generator.multinomial(n, counts / n, size=self.resamples)
        block = max(1, BLOCK // classes**2)
        draws = np.concatenate(
            [metric(_spread(drawn[i : i + block], cells, classes)) for i in range(0, self.resamples, block)]
        )
        values = metric(_spread(counts[None], cells, classes))[0]
        return [Estimate(float(value), *self.interval(draws[:, i]), n) for i, value in enumerate(values)]


def _spread(counts: np.ndarray, cells: np.ndarray, classes: int) -> np.ndarray:
    """Counts of occupied cells `(rows, cells)` as full matrices `(rows, classes, classes)`."""
    full = np.zeros((len(counts), classes * classes))
    full[:, cells] = counts
    return full.reshape(-1, classes, classes)


def wilson(right: int, n: int, z: float = 1.959964) -> Estimate:
    """A share with Wilson's score interval (1927), which holds for few records and near 0 and 1 too.

    Args:
        right: successes.
        n: trials, at least one.
        z: normal quantile of the interval; 95 % by default.
    """
    share = right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half), n)
