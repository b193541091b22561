"""What is compared: the candidate in the working directory, and the model of another revision, read through DVC and git.

The baseline needs no checkout: its predictions come from the cache or the remote by their hash, one small file.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from stages import artifacts
from stages.artifacts import Schema
from stages.errors import UserError
from stages.gate.rules import Decisions

log = logging.getLogger("stages.gate")
Reader = Callable[[Path], bytes]
JUDGED = ("classification", "pair_classification")
"""Kinds of task whose decisions can be paired, record by record."""


class CannotJudgeError(UserError):
    """Candidate and baseline cannot be compared: something is missing, or they answered other questions."""


@dataclass(frozen=True)
class Side:
    """One of the two models.

    Attributes:
        name: `candidate`, or the baseline's revision.
        decisions: on the test split.
        texts: of the test split, in the same order; empty where they were not read.
        schema: of its corpus.
        metrics: `metrics.json`.
        alignment: scalars of the alignment report; empty where there are none.
        params: `params.yaml`.
        curves: rows of the learning curves; empty where there are none.
        stages: of `dvc.lock`, by name; empty where there is none.
        commit: that its code and params come from; None outside git.
        columns: kept columns of the test split by name, in the same order; empty where they were not read.
    """

    name: str
    decisions: Decisions
    texts: list[str]
    schema: Schema
    metrics: dict[str, Any]
    alignment: dict[str, Any]
    params: dict[str, Any]
    curves: list[dict[str, float]] = field(default_factory=list)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    commit: str | None = None
    columns: dict[str, list[str]] = field(default_factory=dict)


def candidate(folder: Path = Path()) -> Side:
    """The model in the working directory.

    Raises:
        CannotJudgeError: it was not evaluated.
    """
    return _side("candidate", here(folder), commit_of("HEAD", folder), texts=True)


def baseline(revision: str, name: str, folder: Path = Path()) -> Side:
    """The model of a revision, which reports call `name`.

    Raises:
        CannotJudgeError: the revision or its outs cannot be had.
    """
    return _side(name, reader(revision, folder), commit_of(revision, folder), texts=False)


def here(folder: Path = Path()) -> Reader:
    """Reads files of the working directory; what is missing is a `CannotJudgeError`."""

    def read(file: Path) -> bytes:
        try:
            return (folder / file).read_bytes()
        except FileNotFoundError:
            raise CannotJudgeError(f"{file}: not found. Run `dvc repro`, which makes it.") from None

    return read


def reader(revision: str, folder: Path = Path()) -> Reader:
    """Reads files of a revision, outs from the cache or the remote; what cannot be had is a `CannotJudgeError`."""
    import dvc.api
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexError

    def read(file: Path) -> bytes:
        try:
            with dvc.api.open(file.as_posix(), repo=str(folder.resolve()), rev=revision, mode="rb") as stream:
                content: bytes = stream.read()
                return content
        except (DvcException, DataIndexError, OSError, KeyError) as error:
            raise CannotJudgeError(
                f"{revision}: {file} cannot be read ({type(error).__name__}: {str(error)[:200]}). "
                "Check gate.baseline, and that its outs are in the cache or the remote (`dvc push` there)."
            ) from None

    return read


def check(one: Side, other: Side) -> None:
    """Both have to have answered the same test records.

    Raises:
        CannotJudgeError: the test split or the classes differ.
    """
    before, after = (str(side.schema.fingerprint.get("test")) for side in (one, other))
    alike = before.startswith(artifacts.CONTENTS) == after.startswith(artifacts.CONTENTS)
    if not alike:
        log.warning(
            "gate: %s and %s were prepared by versions that know test splits by different digests; ids and labels are compared",
            one.name, other.name,
        )  # fmt: skip
    if before != after and (alike or not np.array_equal(one.decisions.gold, other.decisions.gold)):
        raise CannotJudgeError(
            f"the test split differs: {before[:20]}… at {one.name}, {after[:20]}… at {other.name}. "
            "Evaluate both models on one test split first, or change the test split in a commit of its own."
        )
    if one.schema.labels != other.schema.labels:
        raise CannotJudgeError(
            f"the classes of {one.name} and {other.name} differ, so their decisions cannot be paired."
        )
    if one.decisions.ids != other.decisions.ids:
        raise CannotJudgeError(f"the predictions of {one.name} and {other.name} are of different records.")


def texts_of(records: pa.Table) -> list[str]:
    """What there is to read of each prepared record: its text, or both of its texts."""
    texts: list[str] = records["text"].to_pylist()
    if "text_b" not in records.column_names:
        return texts
    return [f"{one} | {other}" for one, other in zip(texts, records["text_b"].to_pylist(), strict=True)]


def judged(schema: Schema) -> None:
    """The gate compares right and wrong decisions, one per record.

    Raises:
        CannotJudgeError: the kind of task has no such decisions.
    """
    if schema.task not in JUDGED:
        raise CannotJudgeError(
            f"task.kind: {schema.task} gives records no single label that is right or wrong, and the gate judges "
            f"{' and '.join(JUDGED)} only. Compare the models by `dvc metrics diff`: metrics.json holds intervals."
        )


def params_changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Dotted keys whose values differ, with both values."""
    before, after = dict(flat(one)), dict(flat(other))
    keys = sorted({*before, *after})
    return [(key, before.get(key, "—"), after.get(key, "—")) for key in keys if before.get(key) != after.get(key)]


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested values by dotted key, each as JSON."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value, ensure_ascii=False)


def commit_of(revision: str, folder: Path = Path()) -> str | None:
    """Full hash of a revision's commit; None where git knows none."""
    words = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None if done.returncode == 0 else None


def _side(name: str, read: Reader, commit: str | None, *, texts: bool) -> Side:
    schema = Schema(**json.loads(read(artifacts.SCHEMA)))
    judged(schema)
    table = pq.read_table(io.BytesIO(read(artifacts.predictions("test"))))
    alignment = _optional(read, artifacts.ALIGNMENT_METRICS)
    curves = _optional(read, artifacts.CURVES)
    lock = _optional(read, Path("dvc.lock"))
    said: dict[str, list[Any]] = {"text": []}
    if texts:
        held = pq.read_table(io.BytesIO(read(artifacts.prepared("test"))))
        said = {"text": texts_of(held), **held.select(schema.keep).to_pydict()}
    return Side(
        name,
        _decisions(table, schema.labels),
        said["text"],
        schema,
        json.loads(read(artifacts.METRICS)),
        json.loads(alignment) if alignment else {},
        _yaml(read(Path("params.yaml"))),
        _curves(curves.decode("utf-8")),
        dict(_yaml(lock).get("stages") or {}),
        commit,
        {column: [str(value) for value in said[column]] for column in schema.keep if column in said},
    )


def _optional(read: Reader, file: Path) -> bytes:
    """What only informs; nothing where it is missing."""
    try:
        return read(file)
    except CannotJudgeError:
        return b""


def _yaml(content: bytes) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(content.decode("utf-8")) or {}


def _curves(table: str) -> list[dict[str, float]]:
    """Rows with the figures that are figures."""
    rows = []
    for row in csv.DictReader(io.StringIO(table)):
        with suppress(ValueError, TypeError):
            rows.append({key: float(value) for key, value in row.items() if value})
    return rows


def _decisions(table: pa.Table, labels: list[str]) -> Decisions:
    place = {name: i for i, name in enumerate(labels)}
    flat = table["probabilities"].combine_chunks().flatten().to_numpy().reshape(-1, len(labels))
    gold, predicted = (np.array([place[one] for one in table[name].to_pylist()]) for name in ("gold", "predicted"))
    return Decisions(table["id"].to_pylist(), gold, predicted, flat.max(axis=1))
