"""Prepare for tagging: words with tags, texts with spans, what is wrong with either, and what is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stages import artifacts, harness, prepare
from stages.errors import DataError
from stages.params.data import DataParams
from stages.params.task import TaskParams
from tests.unit.corpora.preparing import Remembering

CONLL = """Ana\tB-PER
saw\tO
New\tB-LOC
York\tI-LOC

我\tO
在\tO
北\tB-LOC
京\tI-LOC

He\tO
left\tO
"""
LOOSE = {"leakage": "keep", "duplicates": "keep", "unknown_labels": "drop"}


def run(path: str, **data: Any) -> dict[str, Any]:
    """Prepare for tagging; returns the train split's profile."""
    given = {"path": path, "cleaning": LOOSE, **data}
    sections = {"data": DataParams.model_validate(given), "task": TaskParams(kind="tagging")}
    prepare.work(harness.Stage("prepare", sections, Remembering()))
    found: dict[str, Any] = artifacts.read_json(artifacts.DATA_REPORT / "profile.json")["splits"]["train"]
    return found


def conll(content: str = CONLL, **data: Any) -> dict[str, Any]:
    for split in ("train", "validation", "test"):
        Path(f"{split}.conll").write_text(content, encoding="utf-8")
    return run(".", columns={"tokens": "tokens", "tags": "tags", **data.pop("columns", {})}, **data)


def jsonl(*records: dict[str, Any], **data: Any) -> dict[str, Any]:
    lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    for split in ("train", "validation", "test"):
        Path(f"{split}.jsonl").write_text(lines, encoding="utf-8")
    return run(".", **data)


def train() -> list[dict[str, Any]]:
    return artifacts.read_table(artifacts.prepared("train")).to_pylist()


def marked(record: dict[str, Any]) -> list[tuple[str, str]]:
    return [(record["text"][one["start"] : one["end"]], one["label"]) for one in record["spans"]]


def test_words_with_tags_become_texts_with_spans() -> None:
    profile = conll()
    assert [(record["text"], marked(record)) for record in train()] == [
        ("Ana saw New York", [("Ana", "PER"), ("New York", "LOC")]),
        ("我在北京", [("北京", "LOC")]),
        ("He left", []),
    ]
    assert train()[0]["words"][2] == {"start": 8, "end": 11}
    schema = artifacts.Schema.read()
    assert (schema.task, schema.labels) == ("tagging", ["LOC", "PER"])
    assert profile["spans"] == {"LOC": 2, "PER": 1}
    assert profile["classes"] == {"LOC": 2, "PER": 1}
    assert profile["records_with_words_as_a_release_cuts_them"] == 3


def test_tokens_may_be_given_up_for_words_that_a_release_cuts() -> None:
    conll("can't\tO\nU.S.\tB-LOC\n", columns={"token_words": False})
    [record] = train()
    assert marked(record) == [("U.S.", "LOC")]
    assert len(record["words"]) == 7


def test_malformed_tags_are_repaired_and_counted_or_refused_with_their_rows() -> None:
    broken = CONLL + "\nto\tO\nOslo\tI-LOC\n"
    profile = conll(broken)
    assert marked(train()[-1]) == [("Oslo", "LOC")]
    assert profile["cleaning"]["malformed BIO tags repaired"] == 1
    with pytest.raises(
        DataError, match=r"train\.conll:14: I-LOC after O, which BIO lacks(.|\n)*malformed_tags: repair"
    ):
        conll(broken, cleaning={**LOOSE, "malformed_tags": "refuse"})


def test_prefixes_that_no_scheme_has_are_read_as_inside_or_refused() -> None:
    broken = CONLL + "\nto\tO\nNew\tX-LOC\nOslo\tI-LOC\nAna\tb-PER\n"
    profile = conll(broken)
    assert marked(train()[-1]) == [("New Oslo", "LOC"), ("Ana", "PER")]
    assert profile["cleaning"]["tags with a prefix that no scheme has read as inside"] == 2
    assert profile["cleaning"]["malformed BIO tags repaired"] == 1
    assert profile["cleaning"]["records tagged in BIO"] == 4
    with pytest.raises(DataError, match=r"train\.conll:14: tags: expected O or a type after one of .* found 'X-LOC'"):
        conll(broken, cleaning={**LOOSE, "malformed_tags": "refuse"})


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB1", ["I-LOC", "I-LOC", "B-LOC"]),
        ("BIOES", ["B-LOC", "E-LOC", "S-LOC"]),
        ("BMES", ["B-LOC", "E-LOC", "S-LOC"]),
    ],
)
def test_files_in_other_schemes_are_read_and_the_scheme_is_told(scheme: str, tags: list[str]) -> None:
    further = {"BMES": ["A\tB-PER", "B\tM-PER", "C\tE-PER"], "IOB1": ["A\tI-PER"]}.get(scheme)
    middle = "\n" + "\n".join(further) + "\n" if further else ""
    lines = [f"{word}\tx\t{tag}" for word, tag in zip(("New", "York", "Oslo"), tags, strict=True)]
    profile = conll("\n".join(lines) + "\n" + middle.replace("\t", "\tx\t"))
    assert marked(train()[0]) == [("New York", "LOC"), ("Oslo", "LOC")]
    assert profile["cleaning"][f"records tagged in {scheme}"] == (2 if middle else 1)
    assert not any("malformed" in what for what in profile["cleaning"])
    broken = "\nto\tx\tO\nOslo\tx\tE-LOC\n" if scheme != "IOB1" else "\nto\tx\tO\nOslo\tx\tB-LOC\n"
    profile = conll("\n".join(lines) + "\n" + middle.replace("\t", "\tx\t") + broken)
    assert profile["cleaning"][f"malformed {scheme} tags repaired"] == 1
    assert marked(train()[-1]) == [("Oslo", "LOC")]


def test_words_and_types_that_cleaning_takes_away_are_counted() -> None:
    profile = conll("Ana\tB-PER\n\u200b\tO\nO'Hara\tB-PER\nthere\tB-\u200b\n")
    assert marked(train()[0]) == [("Ana", "PER"), ("O'Hara", "PER")]
    assert profile["cleaning"]["words that cleaning took away or merged"] == 1
    assert profile["cleaning"]["spans lost because cleaning left nothing of their types"] == 1


def test_texts_with_spans_are_cleaned_and_the_spans_move_along() -> None:
    text = "  fly to\u200b New\n\nYork  or Bogota\u0301 "
    spans = [[text.index("Bog"), len(text) - 1, "LOC"], [text.index(" New"), text.index(" or"), "LOC"]]
    profile = jsonl({"text": text, "spans": spans}, {"text": "no", "spans": []})
    assert train()[0]["text"] == "fly to New York  or Bogotá"
    assert marked(train()[0]) == [("New York", "LOC"), ("Bogotá", "LOC")]
    assert [train()[0]["text"][one["start"] : one["end"]] for one in train()[0]["words"]] == train()[0]["text"].split()
    assert profile["cleaning"]["spans without the blanks at their ends"] == 1


def test_a_span_that_ends_within_a_letter_is_lost_and_counted() -> None:
    profile = jsonl({"text": "xe\u0301y", "spans": [[0, 2, "A"]]}, {"text": "b", "spans": [[0, 1, "A"]]})
    assert marked(train()[0]) == []
    assert profile["cleaning"]["spans lost because cleaning took their ends away"] == 1


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"text": "abc", "spans": [[1, 4, "A"]]}, r"span 1 to 4 \(A\) is outside the text of 3 characters"),
        ({"text": "abc", "spans": [[2, 2, "A"]]}, r"span 2 to 2 \(A\) is outside"),
        ({"text": "a  b", "spans": [[1, 3, "A"]]}, "holds only blanks"),
        ({"text": "abc", "spans": [[0, 2, "A"], [1, 3, "B"]]}, r"span 1 to 3 \(B\) overlaps the one from 0 to 2 \(A\)"),
        ({"text": "abc", "spans": [{"start": 0, "end": 1}]}, "expected start, end and label of a span"),
        ({"text": "abc", "spans": [{"start": "0", "end": 1, "label": "A"}]}, "expected start, end and label of a span"),
        ({"text": "abc", "spans": "A"}, "expected a list of spans, found str"),
        ({"text": 3, "spans": []}, "expected text, found int 3"),
    ],
)
def test_spans_that_cannot_be_are_refused_with_file_and_row(record: dict[str, Any], what: str) -> None:
    with pytest.raises(DataError, match=rf"train\.jsonl:2: \w+: .*{what}"):
        jsonl({"text": "fine", "spans": [[0, 4, "A"]]}, record)


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, "expected a tag for each of 2 tokens"),
        ({"tokens": ["a"], "tags": ["LOC"]}, "expected O or a type after one of"),
        ({"tokens": ["a"], "tags": ["B-"]}, "expected O or a type after one of"),
        ({"tokens": ["a", ""], "tags": ["O", "O"]}, "expected a list of tokens, none of them empty"),
        ({"tokens": "a b", "tags": ["O", "O"]}, "expected a list of tokens"),
    ],
)
def test_tokens_and_tags_that_do_not_fit_are_refused(record: dict[str, Any], what: str) -> None:
    with pytest.raises(DataError, match=rf"train\.jsonl:2: \w+: {what}"):
        jsonl({"tokens": ["fine"], "tags": ["B-A"]}, record, columns={"tokens": "tokens"})


def test_a_corpus_without_spans_has_nothing_to_learn_and_unlabelled_records_need_none() -> None:
    with pytest.raises(DataError, match="spans: no record of train has any"):
        jsonl({"text": "a b", "spans": []}, {"text": "c", "spans": []})
    Path("unlabelled.jsonl").write_text('{"text": "Who is there?"}\n', encoding="utf-8")
    jsonl({"text": "a b", "spans": [[0, 1, "A"]]}, {"text": "c", "spans": [{"start": 0, "end": 1, "type": "A"}]})
    [record] = artifacts.read_table(artifacts.prepared("unlabelled")).to_pylist()
    assert record["spans"] is None
    assert len(record["words"]) == 4


def test_splits_that_are_cut_keep_every_type() -> None:
    records = [{"text": f"record {i} x", "spans": [[0, 6, f"T{i % 4}"]]} for i in range(40)]
    Path("all.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    run("all.jsonl")
    for split in ("train", "validation", "test"):
        rows = artifacts.read_table(artifacts.prepared(split)).to_pylist()
        assert {one["label"] for row in rows for one in row["spans"]} == {"T0", "T1", "T2", "T3"}


def test_texts_that_differ_by_punctuation_and_mark_the_same_are_no_conflict() -> None:
    def record(text: str, *marked: str) -> dict[str, Any]:
        spans = [{"start": text.index(one), "end": text.index(one) + len(one), "label": "LOC"} for one in marked]
        return {"text": text, "spans": spans}

    found = jsonl(
        record("I live in Paris", "Paris"),
        record("I live in: Paris!", "Paris"),
        record("我住在北京", "北京"),
        record("我住在北京。", "北京"),
        record("Paris or Rome", "Paris"),
        record("Paris, or Rome", "Rome"),
    )["cleaning"]
    assert found["duplicates kept"] == 2
    assert found["texts with conflicting labels kept"] == 2


def test_character_level_data_with_blanks_reads_as_people_write_it() -> None:
    conll("경\tB-ORG\n찰\tI-ORG\n \tO\n또\tO\n\n나\tO\n는\tO\n\n")
    row = artifacts.read_table(artifacts.prepared("train")).to_pylist()[0]
    assert row["text"] == "경찰 또"
    assert [row["text"][one["start"] : one["end"]] for one in row["words"]] == ["경", "찰", "또"]
    assert [(row["text"][one["start"] : one["end"]], one["label"]) for one in row["spans"]] == [("경찰", "ORG")]


def test_a_place_beyond_all_texts_is_refused_with_its_row() -> None:
    with pytest.raises(DataError, match="start, end and label"):
        jsonl({"text": "New York", "spans": [{"start": 0, "end": 99999999999, "label": "LOC"}]})
