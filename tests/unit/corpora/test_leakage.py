"""Texts on both sides of an evaluation."""

from __future__ import annotations

import pyarrow as pa
import pytest

from stages.corpora import duplicates, leakage
from stages.corpora.records import GROUP, ROW, Draft, Report
from stages.corpora.shapes.answers import Answered
from stages.errors import DataError


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


def grouped(**groups: list[str | None]) -> dict[str, Draft]:
    corpus = drafts(**{name: [f"{name} {i}" for i in range(len(own))] for name, own in groups.items()})
    for name, draft in corpus.items():
        draft.replace(GROUP, pa.chunked_array([pa.array(groups[name], pa.string())]))
        draft.replace(ROW, pa.chunked_array([pa.array(range(draft.rows), pa.int64())]))
    return corpus


def test_train_loses_the_groups_that_the_given_splits_hold() -> None:
    corpus = grouped(train=["ana", "bob", None, "cid"], validation=["bob", None], test=["ana", "ana", "eve"])
    assert leakage.overlaps(corpus) == {"groups of validation in train": 1, "groups of test in train": 2}
    leakage.remove_given(corpus, "drop")
    assert corpus["train"].table[GROUP].to_pylist() == [None, "cid"]
    assert corpus["train"].done.counts == {f"{leakage.GROUPS} dropped": 2}
    assert corpus["validation"].done.counts == {leakage.SHARED_GROUPS: 1}
    assert corpus["test"].done.counts == {leakage.SHARED_GROUPS: 2}
    assert leakage.overlaps(corpus) == {}


def test_later_messages_of_trains_own_groups_are_counted_and_cost_train_nothing() -> None:
    corpus = grouped(train=["ana", "bob"], shifted=["ana", "ana"])
    leakage.remove_given(corpus, "drop")
    assert corpus["train"].rows == 2
    assert corpus["shifted"].done.counts[leakage.SHARED_GROUPS] == 2


def test_shared_groups_are_kept_or_refused_as_params_say() -> None:
    corpus = grouped(train=["ana", "bob"], test=["ana"])
    leakage.remove_given(corpus, "keep")
    leakage.remove_made(corpus, "keep")
    assert corpus["train"].rows == 2
    assert corpus["train"].done.counts == {f"{leakage.GROUPS} kept": 1}
    assert corpus["test"].done.counts == {leakage.SHARED_GROUPS: 1}
    with pytest.raises(DataError, match=f"train:0: group: {leakage.GROUPS}: 'ana'"):
        leakage.remove_given(grouped(train=["ana", "bob"], test=["ana"]), "refuse")


def test_a_train_of_which_nothing_is_left_is_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match=r"no record of train is left.*2 records of groups shared.*leakage: keep"):
        leakage.remove_given(grouped(train=["ana", "ana"], test=["ana"]), "drop")
    with pytest.raises(DataError, match=r"no record of train is left.*1 texts shared"):
        leakage.remove_given(drafts(train=["one"], test=["One!"]), "drop")


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
