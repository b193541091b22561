"""What a user asks with becomes what prepare would have made of it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import tasks
from stages.corpora.plain_text import HIDDEN, clean_text, shown
from stages.errors import DataError
from stages.params.task import TaskParams
from stages.tasks.protocol import Task

TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\ufeff\u200b\u00ad\u202e\x00\n e\u0301①"))


def task(kind: Any) -> Task:
    return tasks.make(TaskParams(kind=kind))


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
@pytest.mark.parametrize("form", [None, "NFC", "NFKC"])
@given(texts=st.lists(TEXT, max_size=3))
def test_texts_are_cleaned_in_their_order(kind: str, form: Any, texts: list[str]) -> None:
    assert task(kind).records(texts, form)["text"].to_pylist() == [clean_text(text, form) for text in texts]


@pytest.mark.parametrize("kind", ["pair_classification", "pair_regression"])
@pytest.mark.parametrize("form", [None, "NFC", "NFKC"])
@given(pairs=st.lists(st.tuples(TEXT, TEXT), max_size=3))
def test_pairs_are_cleaned_in_their_order(kind: str, form: Any, pairs: list[tuple[str, str]]) -> None:
    found = task(kind).records(pairs, form)
    for side, name in enumerate(("text", "text_b")):
        assert found[name].to_pylist() == [clean_text(pair[side], form) for pair in pairs]


@given(TEXT)
def test_a_context_with_its_answers_places_stays_as_it_is(text: str) -> None:
    whole = f"ab{text}"
    assert task("question_answering").records([("who", whole)], "NFKC")["text_b"].to_pylist() == [whole]
    asked = {"text": whole, "head": (0, 1), "tail": (1, 2)}
    assert task("relation").records([asked], "NFKC")["text"].to_pylist() == [whole]
    assert task("tagging").records([whole], "NFKC")["text"].to_pylist() == [whole]


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
@pytest.mark.parametrize("strange", [None, 7, b"text", ["a"]])
def test_what_is_no_text_is_refused(kind: str, strange: Any) -> None:
    with pytest.raises(DataError, match=f"expected texts, found {type(strange).__name__}"):
        task(kind).records(["a", strange])


def test_hidden_is_what_cleaning_takes_out() -> None:
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        assert (HIDDEN.match(char) is not None) == (clean_text(f"a{char}b", None) == "ab"), hex(code)
    assert shown("\ufeff a\u200b\tb ") == " a\tb "
