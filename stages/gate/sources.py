"""What is compared: the candidate in the working directory, and the model of another revision, read through DVC and git.

The baseline needs no checkout: its predictions come from the cache or the remote by their hash, one small file.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
    """

    name: str
    decisions: Decisions
    texts: list[str]
    schema: Schema
    metrics: dict[str, Any]
    alignment: dict[str, Any]
    params: dict[str, Any]


def candidate(folder: Path = Path()) -> Side:
    """The model in the working directory.

    Raises:
        CannotJudgeError: it was not evaluated.
    """

    def read(file: Path) -> bytes:
        try:
            return (folder / file).read_bytes()
        except FileNotFoundError:
            raise CannotJudgeError(f"{file}: not found. Run `dvc repro`, which makes it.") from None

    return _side("candidate", read, texts=True)


def baseline(revision: str, folder: Path = Path()) -> Side:
    """The model of a revision.

    Raises:
        CannotJudgeError: the revision or its outs cannot be had.
    """
    import dvc.api
    from dvc.exceptions import DvcException

    def read(file: Path) -> bytes:
        try:
            with dvc.api.open(file.as_posix(), repo=str(folder.resolve()), rev=revision, mode="rb") as stream:
                content: bytes = stream.read()
                return content
        except (DvcException, FileNotFoundError, OSError, KeyError) as error:
            raise CannotJudgeError(
                f"{revision}: {file} cannot be read ({type(error).__name__}: {str(error)[:200]}). "
                "Check gate.baseline, and that its outs are in the cache or the remote (`dvc push` there)."
            ) from None

    return _side(revision, read, texts=False)


def check(one: Side, other: Side) -> None:
    """Both have to have answered the same test records.

    Raises:
        CannotJudgeError: the test split or the classes differ.
    """
    before, after = one.schema.fingerprint.get("test"), other.schema.fingerprint.get("test")
    if before != after:
        raise CannotJudgeError(
            f"the test split differs: {str(before)[:12]}… at {one.name}, {str(after)[:12]}… at {other.name}. "
            "Evaluate both models on one test split first, or change the test split in a commit of its own."
        )
    if one.schema.labels != other.schema.labels:
        raise CannotJudgeError(
            f"the classes of {one.name} and {other.name} differ, so their decisions cannot be paired."
        )
    if one.decisions.ids != other.decisions.ids:
        raise CannotJudgeError(f"the predictions of {one.name} and {other.name} are of different records.")


def params_changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Dotted keys whose values differ, with both values."""
    before, after = dict(_flat(one)), dict(_flat(other))
    keys = sorted({*before, *after})
    return [(key, before.get(key, "—"), after.get(key, "—")) for key in keys if before.get(key) != after.get(key)]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value, ensure_ascii=False)


def _side(name: str, read: Any, *, texts: bool) -> Side:
    schema = Schema(**json.loads(read(artifacts.SCHEMA)))
    table = pq.read_table(io.BytesIO(read(artifacts.predictions("test"))))
    try:
        alignment = json.loads(read(artifacts.ALIGNMENT_METRICS))
    except CannotJudgeError:
        alignment = {}
    said: list[str] = []
    if texts:
        said = pq.read_table(io.BytesIO(read(artifacts.prepared("test"))), columns=["text"])["text"].to_pylist()
    return Side(
        name,
        _decisions(table, schema.labels),
        said,
        schema,
        json.loads(read(artifacts.METRICS)),
        alignment,
        YAML(typ="safe", pure=True).load(read(Path("params.yaml")).decode("utf-8")),
    )


def _decisions(table: pa.Table, labels: list[str]) -> Decisions:
    place = {name: i for i, name in enumerate(labels)}
    flat = table["probabilities"].combine_chunks().flatten().to_numpy().reshape(-1, len(labels))
    gold, predicted = (np.array([place[one] for one in table[name].to_pylist()]) for name in ("gold", "predicted"))
    return Decisions(table["id"].to_pylist(), gold, predicted, flat.max(axis=1))
