"""The contest in Markdown: one row per data set and figure, what it comes to, and the heads of taggers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.contest.jobs import NAMES
from benchmarks.contest.scoring import Difference

HEADER = (
    "| data | test records | figure | ours | peer | ours − peer (95 %) | | training s, ours | peer | ratio "
    "| whole s, ours | peer | ratio |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)
HEADS = (
    "| data | head | F1 | sentences whose tags break the scheme | training s | whole s |\n"
    "| --- | --- | --- | --- | --- | --- |"
)


@dataclass(frozen=True)
class Line:
    """A row of the table.

    Attributes:
        data: name of the data set.
        records: of its test split.
        figure: key of `NAMES`.
        variant: how the peer's decisions were made, where there are two ways; those with one do not count in the sum.
        ours: the figure of each seed `(seeds,)`.
        peer: likewise.
        difference: of the means.
        seconds: of each run, by (`train` or `whole`, `ours` or `peer`).
    """

    data: str
    records: int
    figure: str
    variant: str
    ours: np.ndarray
    peer: np.ndarray
    difference: Difference
    seconds: Mapping[tuple[str, str], Sequence[float]]

    def ratio(self, of: str) -> float:
        """Ours' mean seconds over the peer's."""
        return float(np.mean(self.seconds[of, "ours"]) / np.mean(self.seconds[of, "peer"]))

    def markdown(self) -> str:
        """As a row under `HEADER`."""
        name = NAMES[self.figure] + (f", peer's thresholds {self.variant}" if self.variant else "")
        gap = self.difference
        between = f"{gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})"
        cells = [self.data, f"{self.records:,}", name, spread(self.ours), spread(self.peer), between, gap.verdict]
        for of in ("train", "whole"):
            cells += [f"{np.mean(self.seconds[of, who]):.1f}" for who in ("ours", "peer")] + [f"{self.ratio(of):.2f}"]
        return f"| {' | '.join(cells)} |"


def spread(values: np.ndarray) -> str:
    """Mean and standard deviation over seeds, the latter where there are several."""
    values = np.asarray(values)
    return f"{values.mean():.4f}" + (f" ± {values.std(ddof=1):.4f}" if len(values) > 1 else "")


def verdict(lines: Sequence[Line]) -> list[str]:
    """What the table comes to, in sentences. A data set is higher when all of its figures are."""
    counted = [line for line in lines if not line.variant or line.variant == "one half"]
    clear = sum(line.difference.verdict == "clearly lower" for line in counted)
    data = list(dict.fromkeys(line.data for line in counted))
    own = {name: [line for line in counted if line.data == name] for name in data}
    higher = sum(all(line.difference.value > 0 for line in part) for part in own.values())
    quicker = {of: sum(part[0].ratio(of) < 1 for part in own.values()) for of in ("train", "whole")}
    return [
        f"No lower than the peer minus the interval: {len(counted) - clear} of {len(counted)} figures.",
        f"Higher: {higher} of {len(data)} data sets.",
        f"Less time: training on {quicker['train']} and the whole on {quicker['whole']} of {len(data)} data sets.",
    ]


def head(
    data: str, name: str, f1: np.ndarray, broken: Sequence[float], train: Sequence[float], whole: Sequence[float]
) -> str:
    """A row under `HEADS`.

    Args:
        data: name of the data set.
        name: of the head.
        f1: of each seed.
        broken: share of test sentences whose tags break the scheme, of each seed.
        train: seconds of training, of each seed.
        whole: seconds of all stages up to evaluate, of each seed.
    """
    share = f"{np.mean(broken):.2%}"
    return f"| {data} | {name} | {spread(f1)} | {share} | {np.mean(train):.1f} | {np.mean(whole):.1f} |"
