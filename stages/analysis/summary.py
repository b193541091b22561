"""From all estimates to the few that people compare: `metrics.json`, its details, and the lines that a stage ends with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stages.analysis.comparison import Comparison
from stages.metrics.intervals import Estimate

Headlines = Mapping[str, Mapping[str, Estimate]]
WITH_INTERVAL = ("accuracy", "macro_f1")
LEFT_OUT = ("micro_f1",)
"""In single-label classification this is accuracy again."""
SHIFTED = ("accuracy", "macro_f1", "log_loss", "ece")


def scalars(found: Headlines, baselines: Mapping[str, Comparison], decimals: int) -> dict[str, Any]:
    """What goes into `metrics.json`: about 25 rounded scalars, intervals as sibling keys.

    Args:
        found: estimates by split and name.
        baselines: by split.
        decimals: digits kept.
    """
    result: dict[str, Any] = {}
    for split, headline in found.items():
        names = [name for name in headline if name not in LEFT_OUT and (split == "test" or name in SHIFTED)]
        result[split] = {"n": headline["accuracy"].n}
        for name in names:
            result[split] |= _flat(name, headline[name], decimals, interval=name in WITH_INTERVAL)
    if "test" in baselines:
        scores = baselines["test"].scores
        result["baselines"] = {
            "majority": _flat("accuracy", scores["majority"]["accuracy"], decimals, interval=False),
            "tfidf": {
                **_flat("accuracy", scores["tfidf"]["accuracy"], decimals, interval=True),
                **_flat("macro_f1", scores["tfidf"]["macro_f1"], decimals, interval=False),
            },
        }
        result["gain_over_tfidf"] = _flat("accuracy", baselines["test"].gain, decimals, interval=True)
    return result


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
            result[split]["gain_over_tfidf"] = {
                **baselines[split].gain.rounded(decimals),
                "mcnemar_p": round(baselines[split].p, 6),
            }
    return result


def lines(found: Headlines, baselines: Mapping[str, Comparison]) -> Iterator[str]:
    """The result in words."""
    for split, headline in found.items():
        yield f"{split}: accuracy {shown(headline['accuracy'])}, macro F1 {shown(headline['macro_f1'])}"
        if split in baselines:
            scores, gain = baselines[split].scores, baselines[split].gain
            yield (
                f"  majority {scores['majority']['accuracy'].value:.3f}, "
                f"TF-IDF + logistic regression {shown(scores['tfidf']['accuracy'])}, gain over it {shown(gain)}"
            )


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
