"""What the runs of a sweep came to, read from what each experiment committed.

Figures come out of the commit (`metrics.json`, in git) and the cache (`summary.json`, by its hash). Seconds and memory stand in
no out, since the same commit has to give the same bytes; they come from the record of the experiment's own finetune, and are
left blank where that was restored from the run-cache, was resumed, or is recorded elsewhere.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages import artifacts, tasks
from stages.errors import UserError
from stages.gate import runtime, sources
from stages.gate.runtime import StageRun
from stages.params.task import TaskParams
from stages.sweep import git
from stages.sweep.plan import Trial

DVC_SAYS = ("ERROR: failed to reproduce", "ERROR: failed to run", "ERROR: unexpected error")
"""How DVC's own last words begin; what the stage said stands above them."""
ERRNO = "[Errno"
"""In DVC's last words where no stage said anything: a file that the stage reads is missing."""


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        row: of the sweep.
        seed: of training.
        experiment: its name.
        commit: of the experiment; None where it failed or never ran.
        error: last line of what a failed run said.
        metric: name of the target metric.
        target: its value on test.
        validation: value of the metric that training chose by, on validation.
        chosen_by: name of that metric.
        retention: share kept of the ability that kept least.
        retention_mean: mean share over all informative abilities.
        trainable_parameters: that learned.
        seconds: of the finetune stage, start to end.
        memory_mib: its peak of resident memory, in MiB.
    """

    row: str
    seed: int
    experiment: str
    commit: str | None = None
    error: str | None = None
    metric: str = ""
    target: float | None = None
    validation: float | None = None
    chosen_by: str = ""
    retention: float | None = None
    retention_mean: float | None = None
    trainable_parameters: float | None = None
    seconds: float | None = None
    memory_mib: float | None = None


def commits() -> dict[str, str]:
    """Commits of all experiments that ended well, by name; of two of one name, that of the later commit.

    Raises:
        UserError: this is no git repository.
    """
    found = {}
    for line in git.lines("for-each-ref", "--sort=committerdate", "--format=%(refname) %(objectname)", "refs/exps"):
        ref, commit = line.split()
        # refs/exps/<2 digits>/<38 digits>/<name>; the others are DVC's own.
        if ref.count("/") == 4 and len(ref.split("/")[3]) == 38:
            found[ref.split("/")[4]] = commit
    return found


def runs(trials: Sequence[Trial], logs: Mapping[str, str]) -> list[Run]:
    """Every run of a sweep, in its order.

    Args:
        trials: that were asked for.
        logs: what those that failed said, by name.
    """
    known, records = commits(), runtime.experiments()
    return [
        _read(one, known[one.name], records.get(one.name, []))
        if one.name in known
        else Run(one.row, one.seed, one.name, error=last_line(logs.get(one.name, "")))
        for one in trials
    ]


def last_line(said: str) -> str:
    """What a failed run ends with, DVC's own summary left out."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    own = [line for line in lines if not (line.startswith(DVC_SAYS) and ERRNO not in line)]
    return own[-1] if own else "it left no log; see .dvc/tmp/exps/celery/*.out"


def _read(trial: Trial, commit: str, record: Sequence[StageRun]) -> Run:
    metrics, alignment = _committed(commit, artifacts.METRICS), _committed(commit, artifacts.ALIGNMENT_METRICS)
    summary, kept = _cached(commit, artifacts.SUMMARY), alignment.get("retention") or {}
    metric = tasks.make(TaskParams.model_validate(trial.params.get("task") or {})).figures.headline[0]
    chosen_by = str(summary.get("metric", ""))
    seconds, memory = cost(record)
    return Run(
        row=trial.row,
        seed=trial.seed,
        experiment=trial.name,
        commit=commit,
        metric=metric,
        target=metrics.get("test", {}).get(metric),
        validation=summary.get(f"validation_{chosen_by}"),
        chosen_by=chosen_by,
        retention=kept.get("worst"),
        retention_mean=kept.get("mean"),
        trainable_parameters=summary.get("trainable_parameters"),
        seconds=seconds,
        memory_mib=memory,
    )


def cost(record: Sequence[StageRun]) -> tuple[float | None, float | None]:
    """Seconds and MiB of finetune; None twice unless it ran once and to its end: a resumed run tells its last part only."""
    found = [one for one in record if one.stage == "finetune"]
    if len(found) != 1 or found[0].status != "FINISHED":
        return None, None
    return found[0].seconds, found[0].memory


def _committed(commit: str, file: Path) -> dict[str, Any]:
    """A file in git, as the experiment committed it; empty where it has none."""
    words = ["git", "show", f"{commit}:./{file.as_posix()}"]
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=False)
    found: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def _cached(commit: str, file: Path) -> dict[str, Any]:
    """An out of the experiment; empty where the cache has it no more."""
    try:
        found: dict[str, Any] = json.loads(sources.reader(commit)(file))
    except UserError:
        return {}
    return found
