"""What `make repro` ends with: the result, what was run for it, and where things are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stages.artifacts import ALIGNMENT, ALIGNMENT_METRICS, EVALUATION, METRICS, RELEASE
from stages.tracking.sync import latest_session, stages_of


def lines() -> Iterator[str]:
    """The summary, line by line; what is missing is left out."""
    if not METRICS.is_file():
        yield "Nothing was evaluated yet: run `make repro`."
        return
    metrics = json.loads(METRICS.read_text(encoding="utf-8"))
    for split in ("test", "shifted"):
        if split in metrics:
            yield f"{split:9} accuracy {with_interval(metrics[split])} on {metrics[split].get('n', '?')} records"
    for name, values in metrics.get("baselines", {}).items():
        yield f"{name:9} accuracy {with_interval(values)} (baseline)"
    if "gain_over_tfidf" in metrics:
        yield f"gain      {with_interval(metrics['gain_over_tfidf'])} over TF-IDF with logistic regression"
    if ALIGNMENT_METRICS.is_file():
        verdicts = json.loads(ALIGNMENT_METRICS.read_text(encoding="utf-8")).get("verdicts", {})
        if verdicts:
            yield f"alignment {', '.join(f'{gap} {state}' for gap, state in verdicts.items())}"
            yield f"          {ALIGNMENT / 'report.html'} says why and what to do"
    yield from history(Path("dvc.lock"))
    yield f"plots     {EVALUATION / 'plots'}"
    if RELEASE.is_dir():
        yield f"release   {RELEASE} (README.md there shows how to load it)"
    yield "MLflow    make ui"


def with_interval(values: Mapping[str, Any]) -> str:
    """Accuracy with its interval, where there is one."""
    shown = f"{values['accuracy']:.3f}"
    if "accuracy_low" in values:
        shown += f" ({values['accuracy_low']:.3f} to {values['accuracy_high']:.3f})"
    return shown


def history(lock: Path) -> Iterator[str]:
    """Which stages the last session ran, and which it did not have to."""
    if not lock.is_file():
        return
    latest = latest_session()
    ran = latest[1] if latest else set()
    stages = list(stages_of(lock))
    yield f"last ran  {', '.join(name for name in stages if name in ran) or 'nothing'}"
    kept = [name for name in stages if name not in ran]
    if kept:
        yield f"unchanged {', '.join(kept)} (kept or restored from the cache)"


if __name__ == "__main__":
    sys.stdout.write("\n" + "\n".join(lines()) + "\n")
