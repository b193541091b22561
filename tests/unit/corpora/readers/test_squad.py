"""SQuAD's JSON: versions 1.1 and 2.0, read article by article, with faults named by place."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.corpora.readers import squad
from stages.errors import DataError
from stages.params.data import Csv

FILE = Path("train.json")


def document(*paragraphs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "v2.0", "data": [{"title": "T", "paragraphs": [one]} for one in paragraphs], **more}


def paragraph(context: str, *questions: dict[str, Any]) -> dict[str, Any]:
    return {"context": context, "qas": [{"id": str(i), "question": "q?", **one} for i, one in enumerate(questions)]}


def read(content: Any) -> dict[str, list[Any]]:
    FILE.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    columns: dict[str, list[Any]] = {"row": []}
    for block in squad.read(FILE, Csv()):
        columns["row"] += block.rows
        for name in block.columns:
            columns.setdefault(name, []).extend(block.values(name))
    return columns


def test_each_question_is_a_record_with_its_context() -> None:
    found = read(
        document(
            paragraph("范廷颂是越南人", {"answers": [{"text": "越南", "answer_start": 4}]}, {"answers": []}),
            paragraph("b", {"answers": [{"text": "b", "answer_start": 0}, {"text": "b", "answer_start": 0}]}),
        )
    )
    assert found == {
        "row": [1, 2, 3],
        "id": ["0", "1", "0"],
        "question": ["q?"] * 3,
        "answers": [
            {"text": ["越南"], "answer_start": [4]},
            {"text": [], "answer_start": []},
            {"text": ["b", "b"], "answer_start": [0, 0]},
        ],
        "context": ["范廷颂是越南人", "范廷颂是越南人", "b"],
        "title": ["T"] * 3,
        "paragraph": [
            *2 * [hashlib.sha256("范廷颂是越南人".encode()).hexdigest()[:16]],
            hashlib.sha256(b"b").hexdigest()[:16],
        ],
    }


def test_an_impossible_question_has_no_answer_whatever_is_plausible() -> None:
    answers = [{"text": "b", "answer_start": 0}]
    one = paragraph("b", {"answers": answers, "is_impossible": True}, {"answers": answers, "is_impossible": False})
    assert [len(row["text"]) for row in read(document(one))["answers"]] == [0, 1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[1]", "a JSON array, expected SQuAD's document"),
        ('"text"', "no JSON object"),
        ("{}", "without a list 'data'"),
        ('{"data": 3}', "without a list 'data'"),
        ('{"data": []}', "no question in it"),
        ('{"data": [{"paragraphs": []}', "expected ',' or ']' at character 29"),
        ('{"data": [{"paragraphs": []},', "ends too early at character 30"),
        ('{"data": [{"paragraphs": [', "no valid JSON"),
        ('{"data": [{"paragraphs": [}]}', "no valid JSON"),
        ('{"data": [{}{}]}', "expected ',' or ']' at character 13"),
        ('{"data": []} {}', "something follows"),
        ('{"data": [{"title": "a"}]}', "data[0]: expected an object with a list 'paragraphs'"),
        ('{"data": [{"paragraphs": [{"qas": []}]}]}', "data[0].paragraphs[0].context: expected a text, found NoneType"),
        (
            '{"data": [{"paragraphs": [{"context": "a", "qas": [{"id": 1}]}]}]}',
            "train.json:1: data[0].paragraphs[0].qas[0]",
        ),
        (document(paragraph("a", {"answers": {"text": "a"}})), "qas[0].answers: expected a list of objects"),
        ('{"data": ' + "[" * 100_000, "no valid JSON"),
    ],
)
def test_a_fault_is_named_with_its_place(content: Any, says: str) -> None:
    with pytest.raises(DataError) as caught:
        read(content)
    assert says in str(caught.value)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=6),
    st.integers(1, 40),
    st.sampled_from([None, 2]),
)
def test_steps_of_any_size_read_the_same(contexts: list[str], step: int, indent: int | None) -> None:
    whole = document(*(paragraph(context, {"answers": []}) for context in contexts), more=[1.5e3, {"a": "]}"}])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(squad, "STEP", step)
        found = read(json.dumps(whole, ensure_ascii=step % 2 == 0, indent=indent))
    assert found["context"] == contexts
