"""Records of another corpus beside train."""

from __future__ import annotations

from typing import Any

import pytest

from stages import artifacts
from stages.errors import DataError
from tests.unit.corpora.preparing import csv, filler, put, run, split

HELD = "some plain text of number 3"


def texts(name: str) -> list[str]:
    return [one["text"] for one in split(name)]


def corpora(other: list[tuple[str, str]], **rehearsal: Any) -> None:
    own = filler(30)
    put(
        {
            "own/train.csv": csv(*[one for one in own if one[0] != HELD]),
            "own/test.csv": csv((HELD, "blue")),
            "own/validation.csv": csv(("a held text", "red")),
            "older/train.csv": csv(*other),
            "older/test.csv": csv(("never read in", "red")),
        }
    )
    run("own", rehearsal={"path": "older", "share": 1.0, **rehearsal})


def older(count: int = 40) -> list[tuple[str, str]]:
    return [(f"an older message {i} of ours", ("red", "blue")[i % 2]) for i in range(count)]


def test_all_of_it_but_what_train_or_held_out_splits_have() -> None:
    corpora([*older(), ("Some plain text of number 2!", "red"), (HELD.upper(), "blue"), older()[0]])
    assert texts("rehearsed") == [text for text, _ in older()]
    schema = artifacts.Schema.read()
    assert schema.learned == ["train", "rehearsed"]
    assert schema.rows["rehearsed"] == 40
    assert all(one["id"].startswith("rehearsed-") for one in split("rehearsed"))
    assert not set(texts("train")) & set(texts("rehearsed"))


def test_groups_that_are_held_out_are_not_rehearsed() -> None:
    rows = {
        "own/train.csv": [(text, label, f"u{i}") for i, (text, label) in enumerate(filler(30))],
        "own/test.csv": [("a tested text", "red", "held")],
        "own/validation.csv": [("a held text", "red", "u99")],
        "older/train.csv": [(text, label, "held" if i < 10 else "u1") for i, (text, label) in enumerate(older())],
    }
    for name, own in rows.items():
        put({name: "\n".join(["text,label,user", *map(",".join, own), ""]).encode()})
    run("own", columns={"group": "user"}, rehearsal={"path": "older", "share": 1.0})
    assert texts("rehearsed") == [text for text, _ in older()[10:]]


def test_a_share_keeps_labels_and_goes_by_text_and_seed() -> None:
    corpora(older(), share=0.25)
    first = split("rehearsed")
    assert [sum(one["label"] == label for one in first) for label in ("red", "blue")] == [5, 5]
    corpora(older()[::-1], share=0.25)
    assert set(texts("rehearsed")) == {one["text"] for one in first}
    corpora(older(), share=0.25, seed=20)
    assert set(texts("rehearsed")) != {one["text"] for one in first}


def test_labels_that_train_lacks_are_refused_with_their_rows_or_dropped() -> None:
    with pytest.raises(DataError, match=r"older/train.csv:42: label: labels that train lacks: 'green'"):
        corpora([*older(), ("something green", "green")])
    run("own", rehearsal={"path": "older", "share": 1.0}, cleaning={"unknown_labels": "drop"})
    assert len(split("rehearsed")) == 40


@pytest.mark.parametrize(
    ("other", "rehearsal", "says"),
    [
        (older(), {"path": "nowhere"}, "data.rehearsal.path: nowhere does not exist"),
        (
            [(HELD, "red")],
            {},
            "of 1 records of older/train.csv none is left (1 texts shared with held-out splits dropped)",
        ),
    ],
)
def test_what_cannot_be_rehearsed_is_told(other: list[tuple[str, str]], rehearsal: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError) as caught:
        corpora(other, **rehearsal)
    assert says in str(caught.value)


def test_ids_of_both_corpora_are_apart() -> None:
    put({"own.csv": b"id,text,label\n" + b"".join(f"{i},own text {i},{'ab'[i % 2]}\n".encode() for i in range(30))})
    put({"older.csv": b"id,text,label\n" + b"".join(f"{i},older text {i},{'ab'[i % 2]}\n".encode() for i in range(9))})
    run("own.csv", columns={"id": "id"}, rehearsal={"path": "older.csv", "share": 1.0})
    assert [one["id"] for one in split("rehearsed")] == [f"rehearsed-{i}" for i in range(9)]
    put({"older.csv": b"id,text,label\n1,older text,a\n1,another older text,b\n"})
    with pytest.raises(DataError, match="'rehearsed-1' stands twice"):
        run("own.csv", columns={"id": "id"}, rehearsal={"path": "older.csv", "share": 1.0})
