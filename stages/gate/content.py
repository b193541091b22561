"""What the gate's report is made of, before it is Markdown or HTML: sections of prose, tables and drawings.

The report is composed once and rendered twice. Texts in it are raw: labels, messages and branch names come from other
people, and escaping them is each renderer's duty. `legible` takes out what would deceive a reader in any format.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stages.gate.rules import Outcome

LONGEST = 300
"""Characters of a cell; longer texts are cut."""
JOINERS = frozenset("\u200c\u200d")
"""Invisible characters that scripts and emoji need."""


class Code(str):
    """A word to be set as code: a param, a hash, a command."""

    __slots__ = ()


class Quoted(str):
    """Words of other people: labels and messages. Markdown sets them as code, where nothing in them means anything."""

    __slots__ = ()


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        head: names of the columns.
        rows: one text per column.
        words: columns that hold words, not figures, beside the first; they are set to the left.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Drawing:
    """A drawing.

    Attributes:
        name: of its file, without ending.
        title: what it shows.
        draw: makes the SVG; it is given a function that spells names, since a page and a picture have different fonts.
    """

    name: str
    title: str
    draw: Callable[[Callable[[str], str]], str]


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: its heading.
        table: its table; one without rows is said to be empty.
        notes: sentences before the table.
        drawings: after the table.
        folded: shown on demand, since few readers need it.
    """

    title: str
    table: Table | None = None
    notes: Sequence[str] = ()
    drawings: Sequence[Drawing] = ()
    folded: bool = False


@dataclass(frozen=True)
class Report:
    """The whole report.

    Attributes:
        outcome: the verdict.
        title: one sentence.
        lead: which rule decided, on what.
        sections: in the order of reading.
        again: command that makes it anew.
    """

    outcome: Outcome
    title: str
    lead: str
    sections: Sequence[Section] = field(default_factory=list)
    again: Sequence[str] = ()


def legible(text: str, longest: int = LONGEST) -> str:
    """One line that shows what it is: no control characters, and none that turn the direction of writing round."""
    line = " ".join(text.split())
    line = "".join(
        "\ufffd" if unicodedata.category(char) in {"Cc", "Cf", "Cs"} - _allowed(char) else char for char in line
    )
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _allowed(char: str) -> set[str]:
    return {"Cf"} if char in JOINERS else set()
