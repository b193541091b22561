"""Texts on both sides of an evaluation."""

from __future__ import annotations

import pyarrow as pa

from stages.corpora import duplicates, leakage
from stages.corpora.records import Draft, Report
from stages.corpora.shapes.answers import Answered


def drafts(**texts: list[str]) -> dict[str, Draft]:
    made = {name: Draft(name, name, pa.table({"text": pa.array(own)}), Report()) for name, own in texts.items()}
    for draft in made.values():
        duplicates.add_keys(draft)
    return made


def test_train_loses_what_the_given_splits_hold() -> None:
    corpus = drafts(train=["one", "Two!", "three"], test=["two", "four"], shifted=["THREE"], unlabelled=["one"])
    leakage.remove_given(corpus, "drop")
    assert corpus["train"].table["text"].to_pylist() == ["one"]
    assert corpus["train"].done.counts == {"texts shared with held-out splits dropped": 2}


def test_what_is_kept_is_counted_once() -> None:
    corpus = drafts(train=["one", "two"], test=["two"])
    leakage.remove_given(corpus, "keep")
    leakage.remove_made(corpus, "keep")
    assert corpus["train"].done.counts == {"texts shared with held-out splits kept": 1}
    assert corpus["train"].rows == 2


def test_our_own_cut_is_mended_and_not_refused() -> None:
    corpus = drafts(train=["one", "two"], test=["two"])
    leakage.remove_made(corpus, "refuse")
    assert corpus["train"].rows == 1


def test_nothing_held_out_nothing_leaks() -> None:
    corpus = drafts(train=["one"])
    leakage.remove_given(corpus, "refuse")
    assert corpus["train"].done.counts == {}


def test_overlaps_count_records_of_the_second_split() -> None:
    corpus = drafts(train=["one"], validation=["two", "six"], test=["two", "TWO", "three"])
    assert leakage.overlaps(corpus) == {"test in validation": 2}


def test_contexts_that_splits_share_are_counted_besides() -> None:
    def asked(*rows: tuple[str, str]) -> Draft:
        table = {"text": [one for one, _ in rows], "text_b": [other for _, other in rows]}
        draft = Draft("any", "memory", pa.table(table), Report(), Answered())
        duplicates.add_keys(draft)
        return draft

    corpus = {
        "train": asked(("Who?", "It was Ana."), ("When?", "In May.")),
        "validation": asked(("Why?", "Nobody knows."), ("Who?", "in may")),
        "test": asked(("Who?", "It was Ana."), ("How?", "IT WAS ANA!"), ("Where?", "In Rome.")),
    }
    assert leakage.overlaps(corpus) == {
        "test in train": 1,
        "contexts of validation in train": 1,
        "contexts of test in train": 2,
    }
