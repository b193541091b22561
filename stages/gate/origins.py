"""The parts of the report that say where a model comes from: params, stages, hashes, learning curves, runtime."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from stages import artifacts
from stages.gate import changes, drawing, sources
from stages.gate.content import Code, Drawing, Section, Table
from stages.gate.runtime import StageRun
from stages.gate.sources import Side

SHOWN_INPUTS = 4
HASH = 12
"""Characters of a hash that are shown."""


def sections(candidate: Side, baselines: Sequence[Side], runs: Sequence[StageRun]) -> list[Section]:
    """All of them, in the order of reading."""
    return [
        _params(candidate, baselines),
        _stages(candidate, baselines, runs),
        _hashes(candidate, baselines),
        *_curves(candidate, baselines),
        _runtime(candidate, runs),
    ]


def again(candidate: Side, baselines: Sequence[Side]) -> list[str]:
    """Commands that make the report anew."""
    names = [one.commit or one.name for one in baselines]
    words = f"python -m stages.gate compare --baseline {names[0]}"
    if len(names) > 1:
        words += f" --champion {names[1]}"
    at = [f"git checkout {candidate.commit}"] if candidate.commit else []
    return [*at, "dvc pull", "dvc repro --pull", words]


def _params(candidate: Side, baselines: Sequence[Side]) -> Section:
    keys = {key for one in baselines for key, _, _ in sources.params_changed(one.params, candidate.params)}
    flat = [dict(sources.flat(one.params)) for one in (*baselines, candidate)]
    rows = [[Code(key), *(Code(values.get(key, "—")) for values in flat)] for key in sorted(keys)]
    head = ("param", *(one.name for one in baselines), "candidate")
    return Section("What was set differently", Table(head, rows, frozenset(range(1, len(head)))))


def _stages(candidate: Side, baselines: Sequence[Side], runs: Sequence[StageRun]) -> Section:
    ran = {one.stage: one for one in runs}
    compared = [{one.name: one for one in changes.stages(base.stages, candidate.stages)} for base in baselines]
    rows = []
    for name in candidate.stages:
        inputs = compared[0][name].inputs
        more = f" and {len(inputs) - SHOWN_INPUTS} more" if len(inputs) > SHOWN_INPUTS else ""
        # A section of params says more than the fortieth module.
        first = sorted(inputs, key=lambda path: (not path.startswith("params."), path.startswith("stages/"), path))
        last = _ran(ran[name]) if name in ran else "restored, skipped or run earlier" if runs else "no record"
        states = [found[name].state for found in compared]
        rows.append([name, *states, ", ".join(first[:SHOWN_INPUTS]) + more, last])
    names = [f"against {one.name}" for one in baselines]
    head = ("stage", *names, f"inputs that differ from {baselines[0].name}", "last session")
    notes = () if candidate.stages else ("There is no dvc.lock to compare.",)
    return Section("Stages", Table(head, rows, frozenset(range(1, len(head)))), notes)


def _ran(one: StageRun) -> str:
    seconds = "" if one.seconds is None else f", {one.seconds:,.0f} s"
    return f"ran{seconds}" if one.status == "FINISHED" else f"{one.status.lower()}{seconds}"


def _hashes(candidate: Side, baselines: Sequence[Side]) -> Section:
    sides = (*baselines, candidate)
    rows = [["commit", *(Code((one.commit or "")[:HASH]) for one in sides)]]
    for split in candidate.schema.fingerprint:
        found = (one.schema.fingerprint.get(split, "").removeprefix(artifacts.CONTENTS) for one in sides)
        rows.append([f"{split} split (sha256)", *(Code(one[:HASH]) for one in found)])
    read = sorted({path for one in sides for path in changes.sources_of(one.stages)})
    for path in [*read, "data/prepared", "models/finetuned", "models/release"]:
        cells = [Code(changes.out_hash(one.stages, path)[:HASH]) for one in sides]
        if any(cells):
            rows.append([f"{path} (md5)", *cells])
    head = ("what", *(one.name for one in baselines), "candidate")
    note = "The candidate's commit is that of the working directory, which may hold changes besides."
    return Section("Data and model", Table(head, rows, frozenset(range(1, len(head)))), (note,), folded=True)


def _curves(candidate: Side, baselines: Sequence[Side]) -> list[Section]:
    sides = [one for one in (*baselines, candidate) if one.curves]
    if not candidate.curves:
        return [Section("Learning curves", notes=("None were found.",), folded=True)]
    columns = [name for name in candidate.curves[0] if name.startswith("validation_") and name != "validation_loss"]
    loss = [
        (f"{one.name}, {what}", _points(one, f"{what}_loss"), what == "train")
        for one in sides
        for what in ("validation", "train")
    ]
    drawings = [_lines("loss", "Loss by epoch, in nats per record; train is dashed", loss)]
    for column in columns[:1]:
        metric = [(one.name, _points(one, column), False) for one in sides]
        drawings.append(_lines(column, f"{column.replace('_', ' ').capitalize()} by epoch", metric))
    return [Section("Learning curves", drawings=[one for one in drawings if one])]


def _lines(name: str, title: str, series: list[tuple[str, drawing.Points, bool]]) -> Drawing | None:
    drawn = [one for one in series if one[1]]
    return Drawing(name, title, partial(drawing.lines, drawn, "epoch")) if drawn else None


def _points(side: Side, column: str) -> drawing.Points:
    rows = [(row.get("epoch", math.nan), row.get(column, math.nan)) for row in side.curves]
    return [(x, y) for x, y in rows if math.isfinite(x) and math.isfinite(y)]


def _runtime(candidate: Side, runs: Sequence[StageRun]) -> Section:
    seeds = [[Code(key), value] for key, value in sources.flat(candidate.params) if key.endswith("seed")]
    said = ", ".join(f"{key} {value}" for key, value in seeds)
    rows = [
        [
            one.stage,
            one.status.lower(),
            "" if one.seconds is None else f"{one.seconds:,.1f}",
            "" if one.memory is None else f"{one.memory:,.0f}",
            one.machine,
        ]
        for one in runs
    ]
    notes = [f"Seeds: {said}."] if said else []
    commit = next((one.tags["git.commit"] for one in runs if "git.commit" in one.tags), None)
    if commit:
        dirty = " with changes" if any(one.tags.get("git.dirty") == "true" for one in runs) else ""
        notes.append(f"The last session ran at commit {commit[:HASH]}{dirty}.")
    elif not runs:
        notes.append("No record of a session was found here, so runtime and hardware are unknown.")
    head = ("stage", "ended", "seconds", "peak MiB", "machine")
    table = Table(head, rows, frozenset({1, 4})) if rows else None
    return Section("Runtime, hardware, seeds", table, notes, folded=True)
