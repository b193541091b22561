"""What is cut is what the tokenizer's own switch would cut, and nothing is switched: threads may share a tokenizer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from stages.encoding import base_model, ids, pairs, tokenizer, truncation
from stages.params.model import ModelParams
from tests import small_tokenizers

PACKAGED: Tokenizer = tokenizer.load(base_model.locate(ModelParams(), verify=False))
SENTENCES = [
    "where is my parcel, it is late again",
    "我想退货，怎么退款给我",
    "the courier never came",
    "请给我退货标签",
] * 5
WORDS = st.sampled_from(["order", "parcels!", "我想退货", "naïve", "e\u0301", "😀", "[SEP]", "\u200b", "x" * 30, "退"])
TEXTS = st.lists(WORDS, max_size=14).map(" ".join)
FAMILIES = {"packaged": PACKAGED, **{name: make(SENTENCES) for name, make in small_tokenizers.FAMILIES.items()}}


@contextmanager
def switched(made: Tokenizer, longest: int) -> Iterator[Tokenizer]:
    """A tokenizer that cuts by itself, as long as nobody else uses it."""
    made.enable_truncation(longest, strategy="longest_first")
    try:
        yield made
    finally:
        made.no_truncation()


@pytest.mark.parametrize("family", FAMILIES)
@settings(deadline=None, max_examples=40)
@given(st.lists(TEXTS, min_size=1, max_size=5), st.integers(5, 24))
def test_a_text_is_cut_as_the_tokenizer_would_cut_it(family: str, texts: list[str], longest: int) -> None:
    made = FAMILIES[family]
    found = ids.encode(made, texts, longest)
    with switched(made, longest):
        expected = [one.ids for one in made.encode_batch(texts)]
    assert found.ids.to_pylist() == expected
    assert found.lengths.tolist() == [len(row) for row in expected]


@pytest.mark.parametrize("family", FAMILIES)
@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), st.integers(5, 24))
def test_a_pair_is_cut_as_the_tokenizer_would_cut_it(family: str, both: list[tuple[str, str]], longest: int) -> None:
    made = FAMILIES[family]
    found = pairs.encode(made, [one for one, _ in both], [other for _, other in both], longest)
    with switched(made, longest):
        expected = made.encode_batch(both)
    assert found.ids.to_pylist() == [one.ids for one in expected]
    if found.types is not None:
        assert found.types.to_pylist() == [one.type_ids for one in expected]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_the_longer_text_gives_way_token_by_token(first: int, second: int, room: int) -> None:
    left = [first, second]
    while sum(left) > room:
        tied = 0 if first <= second else 1
        left[tied if left[0] == left[1] else int(left[1] > left[0])] -= 1
    assert truncation.longest_first(first, second, room) == tuple(left)


class Watched:
    """A tokenizer that must not be switched."""

    def __init__(self, made: Tokenizer) -> None:
        self.made = made

    def __getattr__(self, name: str) -> Any:
        if name in {"enable_truncation", "no_truncation", "enable_padding", "no_padding"}:
            raise AssertionError(f"{name} was called on a tokenizer that threads share")
        return getattr(self.made, name)


def test_nothing_is_switched() -> None:
    watched: Any = Watched(PACKAGED)
    assert ids.encode(watched, ["word " * 40], 8).lengths.tolist() == [8]
    assert pairs.encode(watched, ["word " * 40], ["a"], 8).lengths.tolist() == [8]


@pytest.mark.parametrize("paired", [False, True])
def test_two_threads_that_share_a_tokenizer_get_what_each_would_get_alone(paired: bool) -> None:
    texts = [f"{sentence} " * 12 for sentence in SENTENCES]

    def encode(longest: int) -> list[list[int]]:
        if paired:
            return pairs.encode(PACKAGED, texts, texts[::-1], longest).ids.to_pylist()
        return ids.encode(PACKAGED, texts, longest).ids.to_pylist()

    lengths = (9, 31)
    alone = {longest: encode(longest) for longest in lengths}
    wrong: list[int] = []

    def work(longest: int) -> None:
        wrong.extend(longest for _ in range(60) if encode(longest) != alone[longest])

    together(*(lambda longest=longest: work(longest) for longest in lengths))
    assert not wrong


def together(*work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=one) for one in work]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def test_two_long_texts_cost_no_more_than_their_tokens() -> None:
    # The tokenizer's switch makes a row of every pair of parts that it cuts off: of these two texts about 400,000.
    long = "word parcel " * 8000
    found = pairs.encode(PACKAGED, [long], [long], 57)
    assert found.lengths.tolist() == [57]
    assert found.full_lengths.tolist() == [32003]
