"""Two texts become one sequence by the tokenizer's own template; what is too long loses tokens of the longer text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from stages.encoding import base_model, pairs, tokenizer
from stages.params.model import ModelParams

WORDS: Tokenizer = tokenizer.load(base_model.locate(ModelParams(), verify=False))
TEXT = st.text(max_size=40).filter(lambda text: not any(0xD800 <= ord(char) < 0xE000 for char in text))


def spelt(ids: list[int]) -> list[str | None]:
    return [WORDS.id_to_token(one) for one in ids]


def test_a_pair_has_a_separator_and_types() -> None:
    found = pairs.encode(WORDS, ["where is it"], ["我想退货"], 64)
    assert found.types is not None
    tokens = spelt(found.ids[0].as_py())
    assert tokens[:5] == ["[CLS]", "where", "is", "it", "[SEP]"]
    assert tokens[-1] == "[SEP]"
    assert found.types[0].as_py() == [0] * 5 + [1] * (len(tokens) - 5)


def test_the_longer_text_is_cut_and_the_short_one_survives() -> None:
    found = pairs.encode(WORDS, ["where is it", "a b"], ["word " * 40, "c"], 12)
    tokens = spelt(found.ids[0].as_py())
    assert tokens[:5] == ["[CLS]", "where", "is", "it", "[SEP]"]
    assert tokens[5:] == ["word"] * 6 + ["[SEP]"]
    assert found.lengths.tolist() == [12, 6]
    assert found.full_lengths.tolist() == [46, 6]
    assert WORDS.truncation is None


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), st.integers(8, 20))
def test_lengths_are_those_of_the_ids(given_pairs: list[tuple[str, str]], longest: int) -> None:
    one, other = [a for a, _ in given_pairs], [b for _, b in given_pairs]
    found = pairs.encode(WORDS, one, other, longest)
    assert found.types is not None
    assert [len(row) for row in found.ids.to_pylist()] == found.lengths.tolist()
    assert [len(row) for row in found.types.to_pylist()] == found.lengths.tolist()
    assert pairs.lengths(WORDS, one, other).tolist() == found.full_lengths.tolist()
    assert all(length == min(full, longest) for length, full in zip(found.lengths, found.full_lengths, strict=True))


def test_a_template_without_types_makes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "makes_types", lambda _: False)
    assert pairs.encode(WORDS, ["a"], ["b"], 8).types is None
