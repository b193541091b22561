"""Chance by text and seed."""

from __future__ import annotations

from stages.corpora.dice import Dice, share


def test_equal_parts_throw_alike_and_others_differ() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    assert Dice(1, "typos", "退货").shuffled(letters) == Dice(1, "typos", "退货").shuffled(letters)
    assert len({"".join(Dice(seed, kind).shuffled(letters)) for seed in range(3) for kind in ("a", "b")}) == 6


def test_the_numbers_stay_what_they_are_on_every_machine() -> None:
    assert "".join(Dice(5, "word").shuffled("abcdef")) == "deabfc"


def test_some_keep_their_order_and_each_is_drawn_as_often() -> None:
    drawn = [Dice(i).some("abcde", 2) for i in range(2000)]
    assert all(one == sorted(one) and len(set(one)) == 2 for one in drawn)
    counts = [sum(letter in one for one in drawn) for letter in "abcde"]
    assert all(abs(count - 800) < 100 for count in counts)
    assert Dice(1).some("ab", 5) == ["a", "b"]
    assert {Dice(i).one("ab") for i in range(20)} == {"a", "b"}


def test_a_share_is_at_least_one() -> None:
    assert [share(0.1, n) for n in (0, 3, 20, 37)] == [1, 1, 2, 4]
