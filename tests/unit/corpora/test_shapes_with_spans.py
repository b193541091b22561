"""Answers and relations through prepare: read, refused with their rows, moved, cleaned, kept together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stages import artifacts, harness, prepare
from stages.corpora.blocks import SIZE
from stages.errors import DataError
from stages.params.data import DataParams
from stages.params.task import TaskParams
from tests.unit.corpora.preparing import Remembering

QUESTIONS = {"id": "id", "text": "question", "text_b": "context"}
CONTEXT = "The school opened in 1997 in 北京市."


def run(kind: str, files: dict[str, list[Any]], columns: dict[str, Any], **data: Any) -> None:
    folder = Path("raw")
    folder.mkdir(exist_ok=True)
    for name, rows in files.items():
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    params = DataParams.model_validate({"path": "raw", "columns": columns, **data})
    task = TaskParams.model_validate({"kind": kind})
    prepare.work(harness.Stage("prepare", {"data": params, "task": task}, Remembering()))


def split(name: str = "train") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = artifacts.read_table(artifacts.prepared(name)).to_pylist()
    return rows


def counts(name: str = "train") -> dict[str, int]:
    found: dict[str, int] = json.loads(Path("reports/data/profile.json").read_text())["splits"][name]["cleaning"]
    return found


def asked(number: int, answers: Any, context: str = CONTEXT) -> dict[str, Any]:
    return {"id": f"q{number}", "question": f"what is asked by number {number}", "context": context, "answers": answers}


def enough(first: int = 100) -> list[dict[str, Any]]:
    return [asked(first + i, {"text": ["1997"], "answer_start": [21]}) for i in range(3)]


def ask(answers: list[Any], context: str = CONTEXT, **data: Any) -> None:
    train = [*(asked(i, one, context) for i, one in enumerate(answers)), *enough()]
    files = {"train": train, "validation": enough(200), "test": enough(300)}
    run("question_answering", files, QUESTIONS, **data)


def test_both_forms_of_answers_are_read_and_no_answer_is_legal() -> None:
    ask(
        [
            {"text": ["1997", "in 1997"], "answer_start": [21, 18]},
            [{"text": "北京市", "answer_start": 29}],
            [],
            {"text": [], "answer_start": []},
        ]
    )
    rows = split()
    assert rows[0] == {
        "id": "q0",
        "text": "what is asked by number 0",
        "text_b": CONTEXT,
        "answers": [{"text": "1997", "start": 21}, {"text": "in 1997", "start": 18}],
    }
    assert [row["answers"] for row in rows[1:4]] == [[{"text": "北京市", "start": 29}], [], []]
    profile = json.loads(Path("reports/data/profile.json").read_text())
    assert profile["splits"]["train"]["unanswerable_records"] == 2
    assert profile["splits"]["train"]["contexts"] == 1


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (
            {"text": ["1997"], "answer_start": [20]},
            "raw/train.jsonl:1: answers: expected '1997' at character 20, found ' 199'",
        ),
        ({"text": ["1998"], "answer_start": [21]}, "the context holds it nowhere"),
        ({"text": ["1997"], "answer_start": [99]}, "which is outside; the context holds it at 21"),
        ({"text": ["  "], "answer_start": [3]}, "an empty answer"),
        ({"text": ["1997"], "answer_start": [21, 3]}, "lists text and answer_start of one length"),
        ({"text": "1997", "answer_start": 21}, "lists text and answer_start of one length"),
        ([{"text": 1997, "answer_start": 21}], "expected an answer with a text and a whole number"),
        (
            [{"text": "1997", "answer_start": 2**31}],
            "train.jsonl:1: answers: expected an answer with a text and a whole",
        ),
        ({"text": ["1997"], "answer_start": [-(2**40)]}, "train.jsonl:1: answers: expected an answer with a text"),
        ("1997", "expected answers with text and answer_start, found str"),
        (None, "expected a answers, found none"),
    ],
)
def test_wrong_answers_are_refused_with_their_row(answers: Any, says: str) -> None:
    with pytest.raises(DataError) as caught:
        ask([answers])
    assert says in str(caught.value)


def test_misplaced_answers_are_moved_or_dropped_as_params_say() -> None:
    wrong = [
        {"text": ["1997", "1998"], "answer_start": [25, 3]},
        {"text": ["school"], "answer_start": [-1]},
        {"text": ["1998"], "answer_start": [0]},
    ]
    ask(wrong, cleaning={"misplaced_answers": "anchor"})
    assert [row["answers"] for row in split()[:2]] == [
        [{"text": "1997", "start": 21}],
        [{"text": "school", "start": 4}],
    ]
    assert [row["id"] for row in split()][:3] == ["q0", "q1", "q100"]
    assert counts() | {} == {
        "misplaced answers moved to where the context holds them": 2,
        "misplaced answers dropped": 2,
        "records whose every answer was dropped": 1,
        "near duplicates kept": 2,  # questions that differ in a number
    }
    ask(wrong, cleaning={"misplaced_answers": "drop"})
    assert [row["id"] for row in split()] == ["q100", "q101", "q102"]
    assert counts()["misplaced answers dropped"] == 4


def test_answers_move_with_their_cleaned_context() -> None:
    context = "\ufeffThe cafe\u0301\n\n\nopened in 1997\u200b in 北京市."
    place = context.index("1997")
    ask([[{"text": "1997", "start": place}], [{"text": " cafe\u0301", "start": 4}]], context)
    first, second = split()[:2]
    assert first["text_b"] == "The café opened in 1997 in 北京市."
    assert first["answers"] == [{"text": "1997", "start": 19}]
    assert second["answers"] == [{"text": "café", "start": 4}]


def test_an_answer_that_cleaning_takes_apart_leaves_the_record_out() -> None:
    ask([[{"text": "e", "start": 1}]], "xe\u0301 opened")
    assert [row["id"] for row in split()] == ["q100", "q101", "q102"]
    assert counts()["records whose answers cleaning would change, dropped"] == 1


def test_questions_on_one_context_stay_in_one_split() -> None:
    rows = [
        asked(10 * c + q, {"text": ["opened"], "answer_start": [10]}, f"Number {c:02d} opened.")
        for c in range(20)
        for q in range(4)
    ]
    run("question_answering", {"train": rows}, QUESTIONS)
    seen = [{row["text_b"] for row in split(name)} for name in ("train", "validation", "test")]
    assert sum(map(len, seen)) == 20
    assert all(seen)


def test_train_needs_an_answer() -> None:
    rows = [asked(i, []) for i in range(3)]
    with pytest.raises(DataError, match="expected at least one record with an answer"):
        run("question_answering", {"train": rows, "validation": enough(20), "test": enough(30)}, QUESTIONS)


def test_squads_own_file_is_read() -> None:
    paragraphs = [
        {
            "context": CONTEXT,
            "qas": [
                {"id": f"{name}{i}", "question": f"{name} {i}?", "answers": [{"text": "1997", "answer_start": 21}]}
                for i in range(3)
            ],
        }
        for name in ("one", "two")
    ]
    Path("raw").mkdir()
    for name in ("train", "validation", "test"):
        content = (
            json.dumps({"data": [{"title": name, "paragraphs": paragraphs}]})
            .replace('"one', f'"{name}one')
            .replace('"two', f'"{name}two')
        )
        Path("raw", f"{name}.json").write_text(content)
    params = DataParams.model_validate({"path": "raw", "columns": {**QUESTIONS, "keep": ["title"]}})
    prepare.work(
        harness.Stage("prepare", {"data": params, "task": TaskParams(kind="question_answering")}, Remembering())
    )
    assert [row["title"] for row in split("test")] == ["test"] * 6


def test_a_json_document_beside_one_data_file_is_not_taken_for_data() -> None:
    Path("raw").mkdir()
    Path("raw/categories.json").write_text("{}")
    run(
        "question_answering",
        {"qa": [asked(i, [{"text": "1997", "start": 21}], f"{CONTEXT} {i}") for i in range(30)]},
        QUESTIONS,
    )
    assert len(split()) < 30  # validation and test were cut from it


TEXT = "Rain caused the flood in 北京."
PAIR = {"id": "id", "text": ["text", "tokens"], "label": ["label", "relation"]}


def related(number: int, label: str = "Other", **changes: Any) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "text": f"{TEXT} {number}",
        "head": [0, 4],
        "tail": {"start": 16, "end": 21},
        "label": label,
        **changes,
    }


def relate(rows: list[Any], **data: Any) -> None:
    """Prepare these rows of train, and two of each split that are fine."""
    files = {
        name: [related(first + i, label) for i, label in enumerate(["Other", "Cause-Effect(e1,e2)"])]
        for name, first in (("train", 100), ("validation", 200), ("test", 300))
    }
    run("relation", {**files, "train": [*rows, *files["train"]]}, PAIR, **data)


def test_spans_may_be_objects_or_pairs_of_characters() -> None:
    relate([related(1)])
    row = split()[0]
    assert row["head"] == {"start": 0, "end": 4}
    assert row["tail"] == {"start": 16, "end": 21}
    assert row["text"][16:21] == "flood"
    assert artifacts.Schema.read().labels == ["Cause-Effect(e1,e2)", "Other"]


def test_spans_of_tokens_become_characters() -> None:
    tokens = ["Rain", "caused", "the", "flood", "in", "北", "京", "。"]
    ends = {"head": {"start": 0, "end": 1, "text": "Rain"}, "tail": {"start": 5, "end": 7}}
    rows = [
        {"tokens": [*tokens, str(i)], **ends, "relation": label}
        for i in range(20)
        for label in ("Other", "Cause(e1,e2)")
    ]
    run("relation", {"train": rows}, {**PAIR, "id": None}, cleaning={"conflicts": "keep"})
    row = split()[0]
    assert row["text"].startswith("Rain caused the flood in 北京。 ")
    assert [row["text"][row[name]["start"] : row[name]["end"]] for name in ("head", "tail")] == ["Rain", "北京"]


def test_several_relations_of_one_text_become_records() -> None:
    relations = [
        {"head": [0, 4], "tail": [16, 21], "label": "Cause-Effect(e1,e2)"},
        {"head": [16, 21], "tail": [25, 27], "label": "Other"},
    ]
    relate(
        [
            {"id": "m", "text": TEXT, "relations": relations},
            {"id": "n", "text": TEXT + " n", "relations": relations[:1]},
            {"id": "o", "text": TEXT, "relations": []},
        ]
    )
    found = {row["id"]: row for row in split()}
    assert found["m#1"]["label"] == "Cause-Effect(e1,e2)"
    assert found["m#2"]["tail"] == {"start": 25, "end": 27}
    assert found["n"]["head"] == {"start": 0, "end": 4}
    assert "o" not in found
    cleaning = artifacts.read_json(artifacts.DATA_REPORT / "profile.json")["splits"]["train"]["cleaning"]
    assert cleaning["texts without relations"] == 1


def test_texts_without_relations_may_fill_the_first_block_or_a_split() -> None:
    empty = [{"text": f"{TEXT} {i}", "relations": []} for i in range(SIZE)]
    listed = [{"head": [0, 4], "tail": [16, 21], "relation": "Other"}]
    full = [{"text": f"{TEXT} full {i}", "relations": [{**listed[0], "relation": "ab"[i % 2]}]} for i in range(8)]
    columns = {**PAIR, "id": None}
    run("relation", {"train": [*empty, *full], "validation": full[:2], "test": full[2:4]}, columns)
    assert sorted({row["label"] for row in split()}) == ["a", "b"]
    assert counts()["texts without relations"] == SIZE
    with pytest.raises(DataError, match=r"raw/test.jsonl: no records \(3 texts without relations\)"):
        run("relation", {"train": full, "validation": full[:2], "test": empty[:3]}, columns)


def test_ids_are_made_for_several_relations_of_a_row() -> None:
    relations = [
        {"head": [0, 4], "tail": [16, 21], "label": "Other"},
        {"head": [16, 21], "tail": [0, 4], "label": "Cause-Effect(e1,e2)"},
    ]
    rows = [{"text": f"{TEXT} {i}", "relations": relations} for i in range(30)]
    run("relation", {"train": rows}, {**PAIR, "id": None})
    ids = [row["id"] for name in ("train", "validation", "test") for row in split(name)]
    assert len(set(ids)) == 60
    assert {"train-1#1", "train-1#2"} <= set(ids)
    texts = [{row["text"] for row in split(name)} for name in ("train", "validation", "test")]
    assert sum(map(len, texts)) == 30  # pairs of one text stay together


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"head": [0, 99]}, "raw/train.jsonl:1: head: the span 0 to 99 lies outside the text of 30 characters"),
        ({"head": [4, 4]}, "head: the span 4 to 4 is empty"),
        ({"head": [4, 5]}, "holds nothing but blanks"),
        ({"head": [16, 21]}, "head and tail are the same span, 16 to 21"),
        ({"head": [15, 21]}, "head and tail are the same span"),
        ({"head": "Rain"}, "head: expected a span with whole numbers start and end"),
        ({"head": [0, 2**31]}, "train.jsonl:1: head: expected a span with whole numbers start and end below 2^31"),
        ({"text": ["Rain", "falls"], "head": [0, 2**40], "tail": [1, 2]}, "train.jsonl:1: head: expected a span with"),
        ({"head": None}, "expected a span head, found none"),
        ({"text": ["Rain", "falls"], "head": [0, 1], "tail": [1, 3]}, "tail: the span"),
        ({"text": None}, "expected a text, found none"),
    ],
)
def test_spans_that_cannot_be_are_refused_with_their_row(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError) as caught:
        relate([related(1, **changes)], cleaning={"empty": "refuse"})
    assert says in str(caught.value)


def test_spans_move_with_their_cleaned_text_without_blanks_at_their_ends() -> None:
    text = "\ufeffThe cafe\u0301\t\tcaused a flood"
    relate([related(1, text=text, head=[5, 10], tail=[text.index("flood") - 1, len(text)])])
    row = split()[0]
    assert row["text"] == "The café caused a flood"
    assert [row["text"][row[name]["start"] : row[name]["end"]] for name in ("head", "tail")] == ["café", "flood"]


def test_pairs_of_one_text_are_no_duplicates_but_conflicts_are_found() -> None:
    relate(
        [
            related(1),
            {**related(1), "id": "other", "head": [16, 21], "tail": [25, 27]},
            {**related(1), "id": "again"},
            {**related(1, "Cause-Effect(e1,e2)"), "id": "conflict"},
        ]
    )
    assert [row["id"] for row in split()][:3] == ["r1", "other", "conflict"]
    assert counts()["duplicates dropped"] == 1
    assert counts()["texts with conflicting labels kept"] == 2


def test_pairs_of_one_text_and_questions_on_one_context_are_not_nearly_the_same() -> None:
    near = {"near_duplicates": "drop"}
    relate([related(1), {**related(1), "id": "other", "head": [16, 21], "tail": [25, 27]}], cleaning=near)
    assert [row["id"] for row in split()][:2] == ["r1", "other"]
    assert counts().get("exact repeats among the duplicates", 0) == 0
    long = CONTEXT + " and much more of the kind stands here, line after line," * 20
    questions = ["who built the bridge", "when did it fall", "who built the bridges"]
    train = [{**asked(i, [], long), "question": question} for i, question in enumerate(questions)]
    files = {"train": [*train, *enough()], "validation": enough(200), "test": enough(300)}
    run("question_answering", files, QUESTIONS, cleaning={**near, "near_threshold": 0.8})
    assert [row["id"] for row in split()][:2] == ["q0", "q1"]
    assert "q2" not in [row["id"] for row in split()]


def test_splits_of_several_blocks_keep_questions_with_their_contexts() -> None:
    count = SIZE + 300
    rows = [asked(i, {"text": ["1997"], "answer_start": [21]}, f"{CONTEXT} It has {i} pupils.") for i in range(count)]
    run("question_answering", {"train": rows, "validation": enough(20000), "test": enough(30000)}, QUESTIONS)
    assert [row["text_b"] for row in split()] == [row["context"] for row in rows]


def test_pairs_of_texts_that_differ_by_punctuation_are_the_same_record() -> None:
    def related(number: int, text: str, head: str, tail: str) -> dict[str, Any]:
        spans = {
            name: [text.index(word), text.index(word) + len(word)] for name, word in (("head", head), ("tail", tail))
        }
        return {"id": f"r{number}", "text": text, "label": "likes" if number % 2 else "knows", **spans}

    twice = [related(1, "Hi Bob likes Ann", "Bob", "Ann"), related(3, "Hi, Bob likes Ann!", "Bob", "Ann")]
    others = [related(10 + i, f"Here number {i} likes Eve", "number", "Eve") for i in range(8)]
    held = [related(100 + i, f"There number {i} likes Eve", "number", "Eve") for i in range(4)]
    test = [related(300 + i, f"Where number {i} likes Eve", "number", "Eve") for i in range(4)]
    columns = {"id": "id", "text": "text", "head": "head", "tail": "tail", "label": "label"}
    run("relation", {"train": [*twice, *others], "validation": held, "test": test}, columns)
    assert [row["text"] for row in split()][:2] == ["Hi Bob likes Ann", "Here number 0 likes Eve"]
    assert counts()["duplicates dropped"] == 1
