"""Keys and slips."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stages.corpora import keyboard


def test_keys_have_their_neighbours() -> None:
    assert set(keyboard.neighbours("s")) >= {"a", "d", "w", "x"}
    assert keyboard.neighbours("退") == ""


def choosing(wanted: str) -> Callable[[Sequence[str]], str]:
    """What is wanted, where it can be had; else the first."""
    return lambda options: wanted if wanted in options else options[0]


def test_a_slip_takes_a_neighbour_or_nothing_or_the_character_twice() -> None:
    assert {kind: keyboard.slipped("S", choosing(kind)) for kind in keyboard.SLIPS} == {
        "replace": "a",
        "drop": "",
        "double": "SS",
    }
    assert {kind: keyboard.slipped("退", choosing(kind)) for kind in ("drop", "double")} == {
        "drop": "",
        "double": "退退",
    }
