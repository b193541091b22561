"""Versions of train's records through prepare: a split of their own, targets and places kept, nothing that leaks or lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stages import artifacts, harness, prepare
from stages.corpora import words
from stages.corpora.augmentation import KINDS
from stages.errors import DataError
from stages.params.augmentation import Augmentation
from stages.params.data import DataParams
from stages.params.task import TaskParams
from tests.unit.corpora.preparing import Remembering, csv, filler, put

TEXT = "Ana flew from New York to 北京市 on Friday morning because of the weather"
DROPOUT = {"word_dropout": {"copies": 2, "rate": 0.3}}
EVERY = {**DROPOUT, "word_swap": {"copies": 1}, "typos": {"copies": 1, "rate": 0.5}}


def run(kind: str, augmentation: dict[str, Any], path: str = "raw", **data: Any) -> None:
    params = DataParams.model_validate({"path": path, "augmentation": augmentation, **data})
    task = TaskParams.model_validate({"kind": kind})
    prepare.work(harness.Stage("prepare", {"data": params, "task": task}, Remembering()))


def corpus(**splits: list[dict[str, Any]]) -> None:
    made = {name: [{"id": f"{name}{i}", **row} for i, row in enumerate(rows)] for name, rows in splits.items()}
    put(
        {
            f"raw/{name}.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
            for name, rows in made.items()
        }
    )


def rows(split: str = "augmented") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = artifacts.read_table(artifacts.prepared(split)).to_pylist()
    return found


def counts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("reports/data/profile.json").read_text())["splits"]["augmented"]
    return found


def numbered(text: str, **more: Any) -> list[dict[str, Any]]:
    return [{"text": f"{text} number {i}", **more} for i in range(3)]


def origin(version: dict[str, Any], train: list[dict[str, Any]]) -> dict[str, Any]:
    return next(row for row in train if row["id"] == version["id"].split("+")[0])


def test_classes_and_kept_columns_go_along_and_other_splits_stay_byte_for_byte() -> None:
    kept = [(f"{text},{label}", "app") for text, label in filler(40)]
    put({"data.csv": csv(*kept, header="text,label,channel")})
    run("classification", {}, "data.csv", columns={"keep": ["channel"]})
    assert artifacts.Schema.read().learned == ["train"]
    before = {name: artifacts.sha256(artifacts.prepared(name)) for name in ("train", "validation", "test")}
    run("classification", EVERY, "data.csv", columns={"keep": ["channel"]})
    assert {name: artifacts.sha256(artifacts.prepared(name)) for name in before} == before
    train, made, schema = rows("train"), rows(), artifacts.Schema.read()
    assert schema.learned == ["train", "augmented"]
    assert schema.splits[-1] == "augmented"
    assert schema.rows["augmented"] == len(made) == counts()["records"]
    assert {one["id"].split("+")[1] for one in made} == {"word-dropout-1", "word-dropout-2", "word-swap-1", "typos-1"}
    for one in made:
        old = origin(one, train)
        assert (one["label"], one["channel"]) == (old["label"], "app")
        assert one["text"] != old["text"]
    assert counts()["cleaning"]["versions by typos"] == len(train)


def test_versions_are_the_same_whatever_else_is_in_train() -> None:
    texts = [f"some plain text about subject {i} and what comes of it" for i in range(30)]
    files = {
        name: [{"text": f"{name} {i} held", "label": "ab"[i % 2]} for i in range(4)] for name in ("validation", "test")
    }
    train = [{"text": text, "label": "ab"[i % 2]} for i, text in enumerate(texts)]
    corpus(train=train, **files)
    run("classification", EVERY)
    all_of_them = {one["text"] for one in rows()}
    corpus(train=train[10:][::-1], **files)
    run("classification", EVERY)
    fewer = {one["text"] for one in rows()}
    assert fewer <= all_of_them
    run("classification", {**EVERY, "seed": 6})
    assert {one["text"] for one in rows()} != fewer


def test_marked_spans_and_words_stand_in_the_versions() -> None:
    spans = [
        {"start": TEXT.index(said), "end": TEXT.index(said) + len(said), "label": name}
        for said, name in (("Ana", "PER"), ("New York", "LOC"), ("北京市", "LOC"))
    ]
    held = {name: numbered(f"{name} of Ana", spans=[]) for name in ("validation", "test")}
    corpus(train=[{"text": f"{TEXT} {i}", "spans": spans} for i in range(8)], **held)
    run("tagging", EVERY)
    made = rows()
    assert len(made) > 24
    for one in made:
        assert [(one["text"][span["start"] : span["end"]], span["label"]) for span in one["spans"]] == [
            ("Ana", "PER"),
            ("New York", "LOC"),
            ("北京市", "LOC"),
        ]
        assert [(word["start"], word["end"]) for word in one["words"]] == words.cut(one["text"])


def test_the_datas_own_tokens_stay_tokens() -> None:
    tokens = ["He", "does", "n't", "like", "e-mail", "from", "New", "York", "today", "at", "all"]
    tags = ["O"] * 6 + ["B-LOC", "I-LOC"] + ["O"] * 3
    held = {name: [{"tokens": [name, str(i)], "tags": ["O", "O"]} for i in range(2)] for name in ("validation", "test")}
    corpus(train=[{"tokens": [*tokens, f"w{i}"], "tags": [*tags, "O"]} for i in range(6)], **held)
    run("tagging", EVERY, columns={"tokens": "tokens"})
    for one in rows():
        said = [one["text"][word["start"] : word["end"]] for word in one["words"]]
        assert " ".join(said) == one["text"]
        [span] = one["spans"]
        assert one["text"][span["start"] : span["end"]] == "New York"


def test_head_and_tail_stand_in_the_versions() -> None:
    ends = {
        name: {"start": TEXT.index(said), "end": TEXT.index(said) + len(said)}
        for name, said in (("head", "北京市"), ("tail", "New York"))
    }
    held = {
        name: [{"text": f"{TEXT} {name} {i}", "label": "xy"[i], **ends} for i in range(2)]
        for name in ("validation", "test")
    }
    corpus(train=[{"text": f"{TEXT} {i}", "label": "xy"[i % 2], **ends} for i in range(8)], **held)
    run("relation", EVERY)
    assert len(rows()) > 16
    for one in rows():
        assert [one["text"][one[end]["start"] : one[end]["end"]] for end in ("head", "tail")] == ["北京市", "New York"]


def test_answers_stand_in_the_versions_and_questions_change_too() -> None:
    answers = [
        {"text": "北京市", "start": TEXT.index("北京市")},
        {"text": "New York to 北京市", "start": TEXT.index("New York")},
    ]
    made = {
        name: [
            {"text": f"where did she go to {name} {i}", "text_b": TEXT, "answers": answers if i else []}
            for i in range(6)
        ]
        for name in ("train", "validation", "test")
    }
    corpus(**made)
    run("question_answering", EVERY)
    train = rows("train")
    for one in rows():
        assert one["text_b"] != TEXT
        assert one["text"] != origin(one, train)["text"]
        for answer in one["answers"]:
            assert one["text_b"].startswith(answer["text"], answer["start"])
        assert [answer["text"] for answer in one["answers"]] == [
            answer["text"] for answer in origin(one, train)["answers"]
        ]


def test_both_texts_of_a_pair_change_and_scores_and_labels_stay() -> None:
    made = {
        name: [
            {"text": f"a man is sleeping {name} {i}", "text_b": f"nobody here is awake {name} {i}", "score": float(i)}
            for i in range(5)
        ]
        for name in ("train", "validation", "test")
    }
    corpus(**made)
    run("pair_regression", DROPOUT)
    train = rows("train")
    assert len(rows()) >= 8
    for one in rows():
        old = origin(one, train)
        assert one["score"] == old["score"]
        assert one["text"] != old["text"]
        assert one["text_b"] != old["text_b"]


def test_nothing_is_made_that_train_or_held_out_splits_say_or_that_lies() -> None:
    """With two words there are only the two single words to make by leaving one out."""
    train = [
        ("refund order", "a"),
        ("cancel order", "b"),
        ("lost", "c"),
        ("lost parcel", "c"),
        ("blue shirt", "d"),
        ("blue shoes", "d"),
    ]
    held = [{"text": "Shirt!", "label": "d"}, {"text": "held out", "label": "a"}]
    corpus(
        train=[{"text": text, "label": label} for text, label in train],
        validation=held,
        test=[{"text": "other text", "label": "b"}],
    )
    run("classification", {"word_dropout": {"copies": 20, "rate": 0.5}}, cleaning={"leakage": "keep"})
    assert {one["text"] for one in rows()} == {"refund", "cancel", "parcel", "blue", "shoes"}
    done = counts()["cleaning"]
    assert done["versions by word_dropout with nothing to change"] == 20
    left = [what for what in done if "dropped" in what]
    assert sorted(left) == [
        "repeated versions dropped",
        "versions of records with different targets dropped",
        "versions that say what train says dropped",
        "versions with texts shared with held-out splits dropped",
    ]
    assert counts()["read"] - sum(done[what] for what in left) == len(rows())


def test_where_no_version_is_left_there_is_no_split(caplog: pytest.LogCaptureFixture) -> None:
    put({"data.csv": csv(*[(f"第{i}个问题是什么", "红蓝"[i % 2]) for i in range(30)])})
    with caplog.at_level("INFO"):
        run("classification", {"typos": {"copies": 1}}, "data.csv")
    assert artifacts.Schema.read().learned == ["train"]
    assert "augmented: no version is left" in caplog.messages


def test_lists_are_read_where_versions_are_wanted_and_reach_the_versions() -> None:
    put(
        {
            "data.csv": csv(*filler(40)),
            "s.tsv": b"plain text\tclear text\n",
            "p.jsonl": json.dumps(
                {"text": "Some plain text of number 5!", "paraphrases": ["number four", "No. 4"]}
            ).encode(),
        }
    )
    run(
        "classification",
        {"synonyms": {"copies": 1, "file": "s.tsv"}, "back_translation": {"copies": 2, "file": "p.jsonl"}},
        "data.csv",
    )
    train, made = rows("train"), rows()
    assert sum("clear text" in one["text"] for one in made) == len(train)
    assert any(row["text"].endswith("number 5") for row in train), "another number has to be given a paraphrase"
    assert {"number four", "No. 4"} <= {one["text"] for one in made}
    with pytest.raises(DataError, match="nowhere.tsv is no file"):
        run("classification", {"synonyms": {"copies": 1, "file": "nowhere.tsv"}}, "data.csv")
    run("classification", {"synonyms": {"copies": 0, "file": "nowhere.tsv"}}, "data.csv")


def test_an_id_that_is_taken_is_refused() -> None:
    train = [{"text": f"some plain text {i}", "label": "ab"[i % 2]} for i in range(6)]
    train[5]["id"] = "train0+typos-1"
    held = {name: [{"text": f"{name} text", "label": "a"}] for name in ("validation", "test")}
    corpus(train=train, **held)
    with pytest.raises(DataError, match=r"'train0\+typos-1' is the id of a version, and of a record of train"):
        run("classification", {"typos": {"copies": 1}}, columns={"id": "id"})


def test_every_kind_has_its_settings_and_is_off_by_default() -> None:
    assert list(KINDS) == [name for name in Augmentation.model_fields if name != "seed"]
    assert Augmentation().copies == {}
    assert Augmentation.model_validate({kind: {"copies": i + 1} for i, kind in enumerate(KINDS)}).copies == {
        kind: i + 1 for i, kind in enumerate(KINDS)
    }
