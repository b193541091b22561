"""Groups of the data set's own, where the shape keeps records together too: relations of one text, questions on one context."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stages import artifacts, harness, prepare
from stages.params.data import DataParams
from stages.params.task import TaskParams
from tests.unit.corpora.preparing import Remembering

SPLITS = ("train", "validation", "test")


@pytest.fixture(autouse=True)
def _no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.corpora.picture.draw", lambda profiles, labels, file: file.touch())


def run(kind: str, rows: list[dict[str, Any]], **columns: Any) -> None:
    """Prepare a file of these records, of which all splits are cut."""
    Path("data.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    columns |= {"group": "source", "keep": ["source"]}
    params = DataParams.model_validate({"path": "data.jsonl", "columns": columns, "cleaning": {"conflicts": "keep"}})
    prepare.work(
        harness.Stage("prepare", {"data": params, "task": TaskParams.model_validate({"kind": kind})}, Remembering())
    )


def apart(column: str) -> bool:
    """Whether no value of a column stands in two splits."""
    seen = [{row[column] for row in artifacts.read_table(artifacts.prepared(name)).to_pylist()} for name in SPLITS]
    values = [one for found in seen for one in found if one is not None]
    return len(values) == len(set(values))


def related(text: str, number: int, source: str | None) -> dict[str, Any]:
    """One of three pairs of a text."""
    head, tail = ([0, 4], [5, 9], [10, 14])[number], ([5, 9], [10, 14], [0, 4])[number]
    return {"text": text, "head": head, "tail": tail, "label": "ab"[number % 2], "source": source}


@pytest.mark.parametrize("sources", [1, 2, 3])
def test_neither_groups_nor_texts_of_relations_are_cut_through(sources: int) -> None:
    # A text comes from up to three sources, and each source has two texts.
    rows = [
        related(f"Anna Bert Carl met in {i} of {i}", j, f"s{i // 2} {j % sources}") for i in range(60) for j in range(3)
    ]
    run("relation", rows)
    assert apart("text")
    assert apart("source")
    assert sum(artifacts.Schema.read().rows.values()) == 180


def test_relations_without_a_group_stay_with_their_text() -> None:
    rows = [
        related(f"Anna Bert Carl met in {i} of {i}", j, None if j else f"s{i}") for i in range(40) for j in range(3)
    ]
    run("relation", rows)
    assert apart("text")
    assert apart("source")


def test_neither_groups_nor_contexts_of_questions_are_cut_through() -> None:
    rows = [
        {
            "question": f"what is number {j} of {i}",
            "context": f"It is in town {i}.",
            "answers": [{"text": "town", "start": 9}],
            "source": None if j == 2 else f"s{i // 2} {j}",
        }
        for i in range(40)
        for j in range(3)
    ]
    run("question_answering", rows, text="question", text_b="context")
    assert apart("text_b")
    assert apart("source")
