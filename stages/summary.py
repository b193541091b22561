"""What `make repro` ends with: the result, what was run for it, and where things are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stages import tasks
from stages.artifacts import ALIGNMENT, ALIGNMENT_METRICS, EVALUATION, METRICS, RELEASE, SCHEMA
from stages.params.task import TaskParams
from stages.tracking.sync import latest_session, stages_of

GAINS = {"gain_over_tfidf": "TF-IDF", "gain_over_dictionary": "a dictionary of train's names"}
"""Keys of `metrics.json` for what tuning gained, and what it is compared with."""


def lines() -> Iterator[str]:
    """The summary, line by line; what is missing is left out."""
    if not METRICS.is_file():
        yield "Nothing was evaluated yet: run `make repro`."
        return
    metrics = json.loads(METRICS.read_text(encoding="utf-8"))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8")) if SCHEMA.is_file() else {"task": "classification"}
    kind, limit = schema["task"], schema.get("limit")
    if limit is not None:
        yield f"trial     every split was cut to {limit:,} records (data.limit)"
    first = tasks.make(TaskParams.model_validate({"kind": kind})).figures.headline[0]
    shown = first.replace("_", " ").replace(" f1", " F1")
    for split in ("test", "shifted"):
        if split in metrics:
            values = metrics[split]
            yield f"{split:9} {shown} {with_interval(values, first)} on {values.get('n', '?')} records"
    for name, values in metrics.get("baselines", {}).items():
        yield f"{name:9} {shown} {with_interval(values, first)} (baseline)"
    for name, called in GAINS.items():
        if name in metrics:
            yield f"gain      {with_interval(metrics[name], first)} over {called}"
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


def with_interval(values: Mapping[str, Any], name: str) -> str:
    """A figure with its interval, where there is one."""
    shown = f"{values[name]:.3f}"
    if f"{name}_low" in values:
        shown += f" ({values[f'{name}_low']:.3f} to {values[f'{name}_high']:.3f})"
    return shown


def history(lock: Path) -> Iterator[str]:
    """Which stages the last session ran, and which it did not have to."""
    if not lock.is_file():
        return
    latest = latest_session()
    ran = latest[1] if latest else {}
    stages = list(stages_of(lock))
    yield f"last ran  {', '.join(name for name in stages if name in ran) or 'nothing'}"
    kept = [name for name in stages if name not in ran]
    if kept:
        yield f"unchanged {', '.join(kept)} (kept or restored from the cache)"


if __name__ == "__main__":
    sys.stdout.write("\n" + "\n".join(lines()) + "\n")
