"""From all estimates to the few that people compare: `metrics.json`, its details, and the lines that a stage ends with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.analysis.comparison import Comparison
from stages.metrics.intervals import Estimate
from stages.tasks.protocol import Figures

Headlines = Mapping[str, Mapping[str, Estimate]]
SPOKEN = {"tfidf": "TF-IDF"}
"""Baselines that are called otherwise in words."""


def scalars(found: Headlines, baselines: Mapping[str, Comparison], decimals: int, figures: Figures) -> dict[str, Any]:
    """What goes into `metrics.json`: about 25 rounded scalars, intervals as sibling keys.

    Args:
        found: estimates by split and name.
        baselines: by split.
        decimals: digits kept.
        figures: which of the kind's figures stand where.
    """
    result: dict[str, Any] = {}
    first = figures.headline[0]
    for split, headline in found.items():
        shown = [name for name in headline if name not in figures.left_out]
        names = [name for name in shown if split == "test" or name in figures.shifted]
        result[split] = {"n": headline[first].n}
        for name in names:
            result[split] |= _flat(name, headline[name], decimals, interval=name in figures.headline)
    if "test" in baselines:
        one = baselines["test"]
        result["baselines"] = {
            name: _baseline(estimates, figures, decimals, strong=name == one.strong)
            for name, estimates in one.scores.items()
        }
        result[f"gain_over_{one.strong}"] = _flat(first, one.gain, decimals, interval=True)
    return result


def _baseline(estimates: Mapping[str, Estimate], figures: Figures, decimals: int, *, strong: bool) -> dict[str, float]:
    """Of the strong baseline every headline figure, the first with its interval; of others the first alone."""
    first, *others = figures.headline
    values = _flat(first, estimates[first], decimals, interval=strong)
    for one in others if strong else ():
        if one in estimates:
            values |= _flat(one, estimates[one], decimals, interval=False)
    return values


def details(
    found: Headlines, baselines: Mapping[str, Comparison], more: Mapping[str, Any], decimals: int
) -> dict[str, Any]:
    """What goes into `details.json`: every estimate with its interval and n, and the tables of each split."""
    result: dict[str, Any] = {}
    for split, headline in found.items():
        result[split] = {
            "estimates": {name: one.rounded(decimals) for name, one in headline.items()},
            **_rounded(more[split], decimals),
        }
        if split in baselines:
            scores = baselines[split].scores
            result[split]["baselines"] = {
                kind: {name: one.rounded(decimals) for name, one in estimates.items()}
                for kind, estimates in scores.items()
            }
            result[split][f"gain_over_{baselines[split].strong}"] = {
                **baselines[split].gain.rounded(decimals),
                **{name: round(value, 6) for name, value in baselines[split].tests.items()},
            }
    return result


def lines(found: Headlines, baselines: Mapping[str, Comparison], figures: Figures) -> Iterator[str]:
    """The result in words."""
    first = figures.headline[0]
    for split, headline in found.items():
        said = ", ".join(f"{spoken(name)} {shown(headline[name])}" for name in figures.headline)
        yield f"{split}: {said}"
        if split in baselines:
            scores, strong = baselines[split].scores, baselines[split].strong
            weak = [f"{spoken(name)} {one[first].value:.3f}" for name, one in scores.items() if name != strong]
            said = ", ".join([*weak, f"{SPOKEN.get(strong, strong)} {shown(scores[strong][first])}"])
            yield f"  {said}, gain over it {shown(baselines[split].gain)}"


def spoken(name: str) -> str:
    """A figure's name for reading."""
    return name.replace("_", " ").replace(" f1", " F1")


def shown(one: Estimate) -> str:
    """An estimate with its interval, for reading."""
    interval = "" if one.low is None or one.high is None else f" ({one.low:.3f} to {one.high:.3f})"
    return f"{one.value:.3f}{interval}"


def _flat(name: str, one: Estimate, decimals: int, *, interval: bool) -> dict[str, float]:
    values = {name: round(one.value, decimals)}
    if interval and one.low is not None and one.high is not None:
        values |= {f"{name}_low": round(one.low, decimals), f"{name}_high": round(one.high, decimals)}
    return values


def _rounded(value: Any, decimals: int) -> Any:
    """The same JSON with every float rounded."""
    if isinstance(value, float):
        return round(value, decimals)
    if isinstance(value, Mapping):
        return {key: _rounded(one, decimals) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one, decimals) for one in value]
    return value
