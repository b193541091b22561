"""Which file of a folder is which split, and what is said of those that are none."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from stages.corpora import source
from stages.corpora.shapes import SHAPES
from stages.errors import DataError
from stages.params.data import DataParams
from tests.unit.corpora.preparing import csv, filler, put

GOOD = csv(*filler())


def read(path: str = "raw", **params: object) -> dict[str, str]:
    """Split to file, as prepare reads them."""
    found = source.read(DataParams.model_validate({"path": path, **params}), SHAPES["classification"])
    return {name: Path(draft.origin).name for name, draft in found.items()}


@pytest.mark.parametrize(
    ("file", "split"),
    [
        ("eval.csv", "validation"),
        ("evaluation.csv", "validation"),
        ("development.csv", "validation"),
        ("Testing.csv", "test"),
        ("holdout.csv", "test"),
        ("held-out.csv", "test"),
    ],
)
def test_usual_names_of_splits_are_known(file: str, split: str, caplog: pytest.LogCaptureFixture) -> None:
    put({"raw/training.csv": GOOD, f"raw/{file}": GOOD})
    assert read() == {"train": "training.csv", split: file}
    assert "no split takes" not in caplog.text


def test_two_names_of_one_split_are_ambiguous() -> None:
    put({"raw/train.csv": GOOD, "raw/dev.csv": GOOD, "raw/eval.csv": GOOD})
    with pytest.raises(DataError, match=r"dev.csv and eval.csv could each be validation"):
        read()


def test_data_files_that_no_split_takes_are_named(caplog: pytest.LogCaptureFixture) -> None:
    others = {"raw/trn.csv": GOOD, "raw/final.jsonl": b"", "raw/notes.txt": b"", "raw/labels.json": b"{}"}
    put({"raw/train.csv": GOOD, "raw/synonyms.tsv": b"", **others})
    with caplog.at_level(logging.WARNING):
        assert read(augmentation={"synonyms": {"file": "raw/synonyms.tsv"}}) == {"train": "train.csv"}
    assert "raw: no split takes final.jsonl, trn.csv. A file is a split by its name" in caplog.text
    assert "holdout" in caplog.text


def test_a_path_that_looks_like_a_hub_name_gets_the_remedy_and_another_does_not() -> None:
    put({"raw/train.csv": GOOD})
    with pytest.raises(DataError, match=r"owner/name does not exist.*NAME.hub.yaml, as in recipes/banking77.hub.yaml"):
        read("owner/name")
    for path in ("raw/mine", "other/train.csv", "nothing", "a/b/c"):
        with pytest.raises(DataError, match="does not exist") as caught:
            read(path)
        assert "hub" not in str(caught.value)
