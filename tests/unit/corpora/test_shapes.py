"""Each shape of record is read, cleaned, compared and cut as its kind of task needs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stages import artifacts, harness, prepare
from stages.errors import DataError
from stages.params.data import DataParams
from stages.params.task import TaskParams
from tests.unit.corpora.preparing import Remembering, put, split


def run(kind: str, **data: Any) -> None:
    params = DataParams.model_validate({"path": "data.jsonl", **data})
    task = TaskParams.model_validate({"kind": kind})
    prepare.work(harness.Stage("prepare", {"data": params, "task": task}, Remembering()))


def lines(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records).encode()


def emotions(count: int = 40) -> list[dict[str, Any]]:
    kinds: list[list[str]] = [["joy"], ["fear", "joy"], [], ["anger"]]
    return [{"text": f"a plain comment of number {i}", "labels": kinds[i % 4]} for i in range(count)]


def everything(target: str) -> dict[str, Any]:
    schema = artifacts.Schema.read()
    return {one["text"]: one[target] for name in schema.splits for one in split(name)}


@pytest.mark.parametrize("how", ["list", "separated", "columns"])
def test_three_ways_to_spell_labels_make_the_same_records(how: str) -> None:
    expected = {one["text"]: sorted(one["labels"]) for one in emotions()}
    if how == "list":
        put({"data.jsonl": lines(*emotions())})
        run("multilabel")
    elif how == "separated":
        put({"data.jsonl": lines(*({**one, "labels": " | ".join(one["labels"])} for one in emotions()))})
        run("multilabel", columns={"labels": "labels", "label_separator": "|"})
    else:
        names = ["anger", "fear", "joy"]
        rows = [f"{one['text']},{','.join(str(int(n in one['labels'])) for n in names)}" for one in emotions()]
        put({"data.csv": "\n".join(["text,anger,fear,joy", *rows, ""]).encode()})
        run("multilabel", path="data.csv", columns={"label_columns": names})
    assert everything("labels") == expected
    assert artifacts.Schema.read().labels == ["anger", "fear", "joy"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("joy", "data.columns.label_separator"),
        (7, "expected a list of labels, found int"),
        ([["joy"]], "expected text or a number, found list"),
        (None, "expected a labels, found none"),
        ([None], "expected a labels, found none"),
        (["null", " NaN"], "expected a labels, found none"),
        (["\u200b"], "expected a labels, found none"),
        ("NaN", "expected a labels, found none"),
    ],
)
def test_labels_that_are_no_list_are_refused_with_their_row(value: Any, says: str) -> None:
    put({"data.jsonl": lines(*emotions(), {"text": "odd", "labels": value})})
    with pytest.raises(DataError, match=says) as caught:
        run("multilabel")
    assert "data.jsonl:41" in str(caught.value)


@pytest.mark.parametrize(("cell", "labels"), [("", []), (" ", []), ("joy|NULL", ["joy"]), ("NULL", None), ("|", None)])
def test_a_cell_of_which_nothing_is_left_is_absent_and_an_empty_one_says_that_none_fits(
    cell: str, labels: list[str] | None
) -> None:
    rows = "".join(f"{one['text']},{'|'.join(one['labels'])}\n" for one in emotions())
    put({"data.csv": f"text,labels\n{rows}odd,{cell}\n".encode()})
    run("multilabel", path="data.csv", columns={"label_separator": "|"}, cleaning={"unlabelled": "drop"})
    assert everything("labels").get("odd") == labels
    counted = artifacts.read_json(artifacts.DATA_REPORT / "profile.json")["splits"]["train"]["cleaning"]
    assert counted.get("records without labels dropped", 0) == (labels is None)


def test_a_column_of_labels_holds_zeros_and_ones() -> None:
    put({"data.csv": b"text,joy,fear\nhello,1,maybe\n"})
    with pytest.raises(DataError, match="expected 0 or 1 in column 'fear', found 'maybe'"):
        run("multilabel", path="data.csv", columns={"label_columns": ["joy", "fear"]})
    with pytest.raises(DataError, match="expected a column 'anger'"):
        run("multilabel", path="data.csv", columns={"label_columns": ["joy", "anger"]})


def test_labels_are_mended_alike_and_other_sets_conflict() -> None:
    again = [
        {"text": "The same text", "labels": ["joy\u200b", "fear", "joy"]},
        {"text": "the same text!", "labels": ["joy"]},
    ]
    put({"data.jsonl": lines(*emotions(), *again)})
    run("multilabel", cleaning={"conflicts": "keep", "leakage": "keep"})
    assert everything("labels")["The same text"] == ["fear", "joy"]
    profile = artifacts.read_json(artifacts.DATA_REPORT / "profile.json")
    assert profile["splits"]["train"]["cleaning"]["texts with conflicting labels kept"] == 2
    assert profile["splits"]["train"]["labels_per_record"]["max"] == 2
    assert profile["splits"]["train"]["records_without_labels"] > 0


def test_a_rare_label_takes_its_records_along_when_params_say_so() -> None:
    put({"data.jsonl": lines(*emotions(), {"text": "boo", "labels": ["joy", "awe"]})})
    run("multilabel", cleaning={"rare": "drop"})
    assert "boo" not in everything("labels")
    assert artifacts.Schema.read().labels == ["anger", "fear", "joy"]


def pairs(count: int = 40) -> list[dict[str, Any]]:
    return [
        {"text": f"question number {i}", "text_b": f"answer of kind {i % 7}", "score": i % 6, "label": "ab"[i % 2]}
        for i in range(count)
    ]


def test_the_pair_is_what_repeats_and_not_its_texts() -> None:
    put({"data.jsonl": lines(*pairs(), {**pairs()[3], "text": "QUESTION number 3!"})})
    run("pair_regression")
    profile = artifacts.read_json(artifacts.DATA_REPORT / "profile.json")
    assert profile["splits"]["train"]["cleaning"]["duplicates dropped"] == 1
    assert sum(artifacts.Schema.read().rows.values()) == 40
    assert all(isinstance(one, float) for one in everything("score").values())
    assert artifacts.Schema.read().labels == []
    assert profile["splits"]["train"]["scores"]["max"] == 5


@pytest.mark.parametrize(("swapped", "kept"), [("distinct", 41), ("same", 40)])
def test_the_order_of_a_pair_counts_unless_params_say_that_it_does_not(swapped: str, kept: int) -> None:
    first = pairs()[5]
    put({"data.jsonl": lines(*pairs(), {**first, "text": first["text_b"], "text_b": first["text"]})})
    run("pair_classification", cleaning={"swapped_pairs": swapped})
    assert sum(artifacts.Schema.read().rows.values()) == kept


def test_scores_keep_their_distribution_in_each_split() -> None:
    records = [{"text": f"one {i}", "text_b": f"other {i}", "score": (i % 100) / 20} for i in range(1000)]
    put({"data.jsonl": lines(*records)})
    run("pair_regression")
    for name in ("train", "validation", "test"):
        scores = [float(one["score"]) for one in split(name)]
        assert sum(scores) / len(scores) == pytest.approx(2.475, abs=0.05)


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"text": "a", "text_b": "b", "score": "high"}, "expected a number, found str 'high'"),
        ({"text": "a", "text_b": "b", "score": True}, "expected a number, found bool"),
        ({"text": "a", "text_b": "b", "score": "inf"}, "expected a number"),
        ({"text": "a", "text_b": "b", "score": "1_0"}, "expected a number, found str '1_0'"),
        ({"text": "a", "text_b": "b", "score": None}, "expected a score, found none"),
        ({"text": "a", "text_b": 3, "score": 1}, "text_b: expected text, found int"),
    ],
)
def test_scores_and_texts_that_are_none_are_refused(record: dict[str, Any], says: str) -> None:
    put({"data.jsonl": lines(*pairs(), record)})
    with pytest.raises(DataError, match=says):
        run("pair_regression")


def test_scores_have_to_differ_and_columns_to_be_there() -> None:
    put({"data.jsonl": lines(*({**one, "score": 1} for one in pairs()))})
    with pytest.raises(DataError, match="two different scores in train, found only 1"):
        run("pair_regression")
    with pytest.raises(DataError, match="data.columns.text_b: expected a column 'second'"):
        run("pair_regression", columns={"text_b": "second"})


def test_numbers_written_as_text_are_numbers(tmp_path: Path) -> None:
    put({"data.csv": ("text,text_b,score\n" + "".join(f"a{i},b{i},{i / 2}\n" for i in range(30))).encode()})
    run("pair_regression", path="data.csv")
    assert everything("score")["a7"] == 3.5
