"""Keys and slips."""

from __future__ import annotations

from stages.corpora import keyboard


def test_keys_have_their_neighbours() -> None:
    assert set(keyboard.neighbours("s")) >= {"a", "d", "w", "x"}
    assert keyboard.neighbours("退") == ""


def test_a_slip_takes_a_neighbour_or_nothing_or_the_character_twice() -> None:
    made = {
        kind: keyboard.slipped("S", lambda options, kind=kind: kind if kind in options else options[0])
        for kind in keyboard.SLIPS
    }
    assert made == {"replace": "a", "drop": "", "double": "SS"}
    assert keyboard.slipped("退", lambda options: options[-1]) == "退退"
    assert keyboard.slipped("退", lambda options: options[0]) == ""
