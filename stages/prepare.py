"""prepare: raw data to a clean corpus with all its splits, and a profile of what was found.

Everything is read and checked before anything is written: a data set that is refused leaves the outs as they were.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages import artifacts, harness
from stages.artifacts import Schema
from stages.corpora import assembling, augmenting, cleaning, picture, profile, publishing, rehearsing, source
from stages.corpora.records import Draft
from stages.corpora.shapes import SHAPES
from stages.params.data import DataParams
from stages.params.task import TaskParams

SECTIONS = (DataParams, TaskParams)
log = logging.getLogger(__name__)


def work(stage: harness.Stage) -> None:
    """Read, clean, assemble, describe, write."""
    data, task = stage.params(DataParams), stage.params(TaskParams)
    drafts = source.read(data, SHAPES[task.kind])
    for draft in drafts.values():
        log.info("%s: %s records read from %s", draft.name, f"{draft.rows:,}", draft.origin)
        cleaning.clean(draft, data.cleaning)
    drafts, labels = assembling.assemble(drafts, data)
    drafts |= {**augmenting.augment(drafts, data), **rehearsing.rehearse(drafts, labels, data)}
    profiles = profile.describe(drafts, labels)
    whole = profile.summary(profiles, drafts, labels)
    with publishing.replacing([artifacts.PREPARED, artifacts.DATA_REPORT]) as (prepared, reports):
        schema = write(drafts, labels, task.kind, data, prepared)
        artifacts.write_json(reports / "profile.json", whole)
        picture.draw(profiles, labels, reports / "profile.png")
    tell(drafts, whole, labels)
    warn(drafts, data)
    other = task.relation.other
    if task.kind == "relation" and other is not None and other not in labels:
        log.warning(
            "task.relation.other: no class is called '%s', so the official score leaves none out. Name the class that means "
            "that there is no relation, or set it to null.",
            other,
        )
    record(stage, schema, drafts)


def write(drafts: Mapping[str, Draft], labels: list[str], kind: str, data: DataParams, folder: Path) -> Schema:
    """Write the splits and their schema; a kept column that no split has is left out."""
    keep = source.kept_columns(drafts)
    rows, fingerprint = {}, {}
    for name, draft in drafts.items():
        file = folder / artifacts.prepared(name).name
        artifacts.write_table(file, draft.table.select([*draft.shape.own, *keep]))
        rows[name], fingerprint[name] = draft.rows, artifacts.contents_sha256(file)
    schema = Schema(kind, labels, rows, keep, fingerprint, data.cleaning.normalize, data.limit)
    schema.write(folder / artifacts.SCHEMA.name)
    return schema


def tell(drafts: Mapping[str, Draft], whole: Mapping[str, Any], labels: list[str]) -> None:
    """Say in numbers what was done."""
    for name, draft in drafts.items():
        for what, count in draft.done.counts.items():
            log.info("%s: %s %s", name, f"{count:,}", what)
    for name, draft in drafts.items():
        about = whole["splits"][name]
        size = f"{about['words']['mean']:g} words, {about['characters']['mean']:g} characters on average"
        log.info("%s: %s records written, %s", name, f"{draft.rows:,}", size)
    for pair, count in whole["overlaps"].items():
        log.info("%s: %s records", pair, f"{count:,}")
    train = whole["splits"]["train"]
    if labels:
        log.info("%d classes, the largest %g times the smallest in train", len(labels), train["largest_to_smallest"])
    log.info("profile in %s", artifacts.DATA_REPORT)


def warn(drafts: Mapping[str, Draft], data: DataParams) -> None:
    """Say what params ask for that changes nothing, or more than a user may remember."""
    present = set(source.kept_columns(drafts))
    for name in data.columns.keep:
        if name not in present and name not in next(iter(drafts.values())).shape.own:
            log.warning(
                "data.columns.keep: no split has a column '%s', so nothing is shown by it. Mend the name, or take it out.",
                name,
            )
    if data.limit is not None:
        log.warning(
            "data.limit: every split is cut to %s records, which is for trials. Set it to null for a model to release.",
            f"{data.limit:,}",
        )


def record(stage: harness.Stage, schema: Schema, drafts: Mapping[str, Draft]) -> None:
    """Keep figures, digests and profile in the record of the run."""
    figures = {"labels": float(len(schema.labels))}
    for name, draft in drafts.items():
        figures[f"{name}.records"] = float(draft.rows)
        figures |= {f"{name}.{what.replace(' ', '_')}": float(count) for what, count in draft.done.counts.items()}
        file, digest = artifacts.prepared(name), schema.fingerprint[name]
        stage.record.dataset(name=name, path=file, digest=digest, rows=draft.rows)
    stage.record.metrics(figures)
    for report in ("profile.json", "profile.png"):
        stage.record.artifact(artifacts.DATA_REPORT / report)


if __name__ == "__main__":
    harness.main("prepare", work, SECTIONS)
