"""The corpus, from splits that are whole, half or doubtful."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from stages import artifacts
from stages.corpora import assembling
from stages.errors import DataError
from tests.unit.corpora.preparing import csv, everything, filler, put, run, split


@pytest.fixture(autouse=True)
def _no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.corpora.picture.draw", lambda profiles, labels, file: file.touch())


def counts(name: str = "train") -> dict[str, int]:
    found: dict[str, Any] = json.loads(Path("reports/data/profile.json").read_text(encoding="utf-8"))
    cleaning: dict[str, int] = found["splits"][name]["cleaning"]
    return cleaning


def texts(name: str) -> set[str]:
    return {one["text"] for one in split(name)}


def test_one_file_becomes_three_splits_of_the_shares_that_params_say() -> None:
    put({"data.csv": csv(*filler(200))})
    run(split={"validation": 0.15, "test": 0.25, "seed": 1})
    assert artifacts.Schema.read().rows == {"train": 120, "validation": 30, "test": 50}
    assert not texts("train") & texts("test")
    assert counts()["moved to test"] == 50


def test_the_seed_decides_the_cut() -> None:
    put({"data.csv": csv(*filler(100))})
    cuts = []
    for seed in (1, 1, 2):
        run(split={"seed": seed})
        cuts.append(texts("test"))
    assert cuts[0] == cuts[1] != cuts[2]


def test_only_the_missing_split_is_cut() -> None:
    put({"raw/train.csv": csv(*filler(100)), "raw/test.csv": csv(("given one", "red"), ("given two", "blue"))})
    run("raw")
    assert artifacts.Schema.read().rows == {"train": 90, "validation": 10, "test": 2}


def test_a_cut_validation_holds_none_of_the_given_tests_texts() -> None:
    put(
        {"raw/train.csv": csv(*filler(60)), "raw/test.csv": csv(*((text.upper(), label) for text, label in filler(40)))}
    )
    run("raw")
    kept = {text.lower() for text in texts("validation") | texts("train")}
    assert len(kept) == 20
    assert not kept & {text.lower() for text in texts("test")}
    assert counts()["texts shared with held-out splits dropped"] == 40


def test_groups_stay_together() -> None:
    rows = [f"text {i} of {i},{'red' if i % 2 else 'blue'},{'' if i > 90 else i // 4}" for i in range(100)]
    put({"data.csv": "\n".join(["text,label,user", *rows]).encode()})
    run(columns={"group": "user", "keep": ["user"]}, split={"validation": 0.2, "test": 0.2})
    users = [{one["user"] for one in split(name)} - {None} for name in ("train", "validation", "test")]
    assert not users[0] & users[1]
    assert not users[0] & users[2]
    assert not users[1] & users[2]
    assert all(users)


def of_users(users: dict[str, list[str]]) -> None:
    """One file per split of records that belong to these users; labels in turn."""
    for name, who in users.items():
        rows = [f"{name} text {i} of {i},{'red' if i % 2 else 'blue'},{user}" for i, user in enumerate(who)]
        put({f"raw/{name}.csv": "\n".join(["text,label,user", *rows, ""]).encode()})


def test_groups_of_a_given_split_are_neither_trained_on_nor_cut_into_validation() -> None:
    of_users({"train": [f"u{i // 5}" for i in range(100)], "test": ["u3", "u3", "u19", "another"]})
    run("raw", columns={"group": "user", "keep": ["user"]})
    users = [{one["user"] for one in split(name)} for name in ("train", "validation", "test")]
    assert not (users[0] | users[1]) & users[2]
    assert not users[0] & users[1]
    assert len(users[0] | users[1]) == 18
    assert counts()["records of groups shared with held-out splits dropped"] == 10
    assert counts("test")["records whose group train has too"] == 3
    run("raw", columns={"group": "user", "keep": ["user"]}, cleaning={"leakage": "keep"})
    profile = json.loads(Path("reports/data/profile.json").read_text(encoding="utf-8"))
    assert (
        profile["overlaps"]["groups of test in train"] + profile["overlaps"].get("groups of test in validation", 0) == 3
    )
    with pytest.raises(DataError, match=r"raw/train.csv:17: group: records of groups shared .*: 'u3'"):
        run("raw", columns={"group": "user"}, cleaning={"leakage": "refuse"})


def test_a_given_split_without_groups_is_named(caplog: pytest.LogCaptureFixture) -> None:
    of_users({"train": [f"u{i // 5}" for i in range(100)]})
    put({"raw/test.csv": csv(("given one", "red"), ("given two", "blue"))})
    run("raw", columns={"group": "user"})
    assert "no record of raw/test.csv has a value in 'user'" in caplog.text
    assert "validation" not in caplog.text, "nobody but prepare cut it"


def test_a_few_groups_of_each_class_are_enough() -> None:
    rows = [f"text {i} of {i},class {i % 19},{i}" for i in range(19 * 5)]
    put({"data.csv": "\n".join(["text,label,user", *rows, ""]).encode()})
    run(columns={"group": "user"})
    assert artifacts.Schema.read().rows == {"train": 67, "validation": 9, "test": 19}


def test_rare_classes_leave_the_splits_that_were_cut_too() -> None:
    lonely = [(f"a lonely message {i} {i}", "green") for i in range(10)]
    put({"data.csv": csv(*filler(200), *lonely)})
    run(cleaning={"rare": "drop", "rare_below": 9})
    assert artifacts.Schema.read().labels == ["blue", "red"]
    assert "green" not in everything().values()
    assert counts()["records of classes with fewer than 9 records dropped"] == 7
    assert sum(counts(name)["labels that train lacks dropped"] for name in ("validation", "test")) == 3
    put({"raw/train.csv": csv(*filler(200), *lonely), "raw/test.csv": csv(("a given one", "green"), ("other", "red"))})
    with pytest.raises(DataError, match=r"raw/test.csv:2: label: labels that train lacks: 'green'"):
        run("raw", cleaning={"rare": "drop", "rare_below": 12})


def test_a_class_with_one_record_goes_to_train_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    put({"data.csv": csv(*filler(40), ("lonely", "green"))})
    with caplog.at_level(logging.INFO):
        run()
    assert "lonely" in texts("train")
    assert counts()["records of classes with fewer than 2 records kept"] == 1
    assert "rare classes: 'green' (1)" in caplog.text
    run(cleaning={"rare": "drop"})
    assert "green" not in artifacts.Schema.read().labels
    run(cleaning={"rare": "drop", "rare_below": 1})
    assert "green" in artifacts.Schema.read().labels


REPEATS = [("A text that comes twice", "red"), ("a TEXT that comes twice!", "red"), ("A text that comes twice", "blue")]


def test_duplicates_go_and_conflicts_stay_unless_params_say_otherwise() -> None:
    put({"raw/train.csv": csv(*filler(), *REPEATS), "raw/test.csv": csv(*REPEATS[:2])})
    run("raw", cleaning={"leakage": "keep"})
    assert counts()["duplicates dropped"] == 1
    assert counts()["texts with conflicting labels kept"] == 2
    assert counts("test")["duplicates kept"] == 1, "a held-out split stays whole"
    run("raw", cleaning={"leakage": "keep", "duplicates": "keep"})
    assert counts()["duplicates kept"] == 1
    run("raw", cleaning={"leakage": "keep", "conflicts": "drop"})
    assert counts()["texts with conflicting labels dropped"] == 2
    assert "A text that comes twice" not in texts("train")


def test_near_duplicates_are_counted_or_dropped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    near = [
        ("a rather long text about parcels that are late", "red"),
        ("a rather long text about parcels that are late now", "red"),
    ]
    put(
        {
            "raw/train.csv": csv(*near, *((f"{i}{i} {'xyz'[i % 3] * i}", "blue") for i in range(30))),
            "raw/test.csv": csv(("t", "red")),
        }
    )
    run("raw", cleaning={"near_threshold": 0.8})
    assert counts()["near duplicates kept"] == 1
    run("raw", cleaning={"near_threshold": 0.99})
    assert "near duplicates kept" not in counts()
    run("raw", cleaning={"near_threshold": 0.8, "near_duplicates": "drop"})
    assert counts()["near duplicates dropped"] == 1
    monkeypatch.setattr(assembling, "COUNTED", 10)
    with caplog.at_level(logging.INFO):
        run("raw", cleaning={"near_threshold": 0.8})
    assert "train: near duplicates are not counted above" in caplog.text


def test_a_conflict_that_our_own_cut_tears_apart_does_not_leak() -> None:
    pairs = [(f"same words {i} {i}", label) for i in range(30) for label in ("red", "blue")]
    put({"data.csv": csv(*pairs)})
    run(cleaning={"leakage": "refuse"})
    assert not texts("train") & (texts("test") | texts("validation"))


def test_records_without_label_or_with_an_unknown_one_can_be_dropped() -> None:
    put({"raw/train.csv": csv(*filler(), ("what is it", "")), "raw/test.csv": csv(("new", "green"), ("old", "red"))})
    run("raw", cleaning={"unlabelled": "drop", "unknown_labels": "drop"})
    assert counts()["records without label dropped"] == 1
    assert counts("test")["labels that train lacks dropped"] == 1
    assert texts("test") == {"old"}


def test_the_limit_takes_a_sample_of_every_class() -> None:
    put({"raw/train.csv": csv(*filler(100)), "raw/test.csv": csv(("one of test", "red"))})
    run("raw", limit=10)
    assert artifacts.Schema.read().rows == {"train": 10, "validation": 10, "test": 1}
    assert [one["label"] for one in split("train")].count("red") == 5


def test_a_limit_that_leaves_one_class_is_refused() -> None:
    rows = [(f"message {i}", "red" if i else "blue") for i in range(60)]
    put({"raw/train.csv": csv(*rows, ("another", "blue")), "raw/test.csv": csv(("one of test", "red"))})
    with pytest.raises(DataError, match="data.limit: 4 leaves too little of train"):
        run("raw", limit=4)


def test_own_ids_stay_and_missing_ones_are_made() -> None:
    train = csv(*((f"r{i},{text}", label) for i, (text, label) in enumerate(filler())), header="id,text,label")
    put({"raw/train.csv": train, "raw/test.csv": csv(("given", "red"))})
    run("raw", columns={"id": ["key", "id"]})
    assert split("test")[0]["id"] == "test-2"
    assert all(one["id"].startswith("r") for one in split("train"))
    run("raw")
    assert all(one["id"].startswith("train-") for one in split("train"))


def test_labels_are_sorted_by_code_point() -> None:
    put({"data.csv": csv(*filler(40, labels=("b", "A", "é", "中")))})
    run()
    assert artifacts.Schema.read().labels == ["A", "b", "é", "中"]
    assert set(everything().values()) == {"A", "b", "é", "中"}
