"""How often 95 % intervals hold the true value, by simulation: accuracy, macro-F1, paired differences, share kept.

``python -m benchmarks.coverage [DRAWS]`` draws so many test sets of 300, 1,000 and 3,000 records from populations whose true
values are known, and asks the project's own intervals. 1,000 draws take two minutes on one core; the coverage then has a
standard error of .7 points. The tests do the same with fewer draws (`tests/unit/metrics/test_coverage.py`).
"""

from __future__ import annotations

import sys

import numpy as np

from stages.alignment import retention
from stages.metrics import classification
from stages.metrics.intervals import Bootstrap, Estimate

SIZES = (300, 1000, 3000)
RESAMPLES = 500
CLASSES = 5


def population() -> tuple[np.ndarray, np.ndarray]:
    """Shares of each (gold, predicted) cell, and the true metrics that follow from them."""
    generator = np.random.default_rng(5)
    gold = generator.dirichlet(np.full(CLASSES, 8.0))
    wrong = generator.dirichlet(np.ones(CLASSES), CLASSES)
    cells = gold[:, None] * (0.2 * wrong + 0.8 * np.eye(CLASSES))
    return cells, classification.from_confusion(cells[None] * 1e9)[0]


def holds(one: Estimate | None, true: float) -> bool:
    return one is not None and one.low is not None and one.high is not None and one.low <= true <= one.high


def right(generator: np.random.Generator, n: int, *levels: float) -> np.ndarray:
    """Models of these accuracies on the same records, half of whose luck is the records' `(models, n)`."""
    shared, own = generator.random(n), generator.random((len(levels), n))
    luck = np.where(generator.random((len(levels), n)) < 0.5, shared, own)
    return (luck < np.array(levels)[:, None]).astype(float)


def covered(n: int, draws: int) -> dict[str, float]:
    """Coverage of each kind of interval at one size."""
    cells, true = population()
    found = dict.fromkeys(("accuracy", "macro-F1", "difference", "share kept"), 0)
    for draw in range(draws):
        generator, bootstrap = np.random.default_rng([n, draw]), Bootstrap(RESAMPLES, 0.95, draw)
        gold, predicted = np.divmod(generator.choice(CLASSES**2, n, p=cells.ravel()), CLASSES)
        estimates = bootstrap.of_confusion(gold, predicted, CLASSES, classification.from_confusion)
        found["accuracy"] += holds(estimates[0], true[0])
        found["macro-F1"] += holds(estimates[2], true[2])
        one, other = right(generator, n, 0.93, 0.91)
        found["difference"] += holds(bootstrap.of_means((one - other)[None])[0], 0.02)
        credit = right(generator, n, 0.8, 0.6, 0.1)
        reading = retention.reading("ability", credit, bootstrap, access=True)
        found["share kept"] += holds(reading.retained, (0.6 - 0.1) / (0.8 - 0.1))
    return {name: count / draws for name, count in found.items()}


def main(draws: int) -> None:
    results = {n: covered(n, draws) for n in SIZES}
    print(f"{draws:,} draws, {RESAMPLES} resamples, standard error {100 * (0.95 * 0.05 / draws) ** 0.5:.1f} points\n")
    print("| records | " + " | ".join(results[SIZES[0]]) + " |")
    print("| --- |" + " --- |" * len(results[SIZES[0]]))
    for n, found in results.items():
        print(f"| {n:,} | " + " | ".join(f"{100 * share:.1f} %" for share in found.values()) + " |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
