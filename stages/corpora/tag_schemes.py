"""Tags that mark spans in a sequence of words: which scheme they follow, the spans they mean, and back.

=======  ==========================================================  =============
scheme   what its prefixes say                                       `New York won`
=======  ==========================================================  =============
`BIO`    Begin, Inside (IOB2, Tjong Kim Sang & Veenstra 1999)        B-LOC I-LOC O
`IOB1`   Inside; Begin only where two of one type touch              I-LOC I-LOC O
`BIOES`  Begin, Inside, End, Single (BILOU: Last, Unit)              B-LOC E-LOC O
`BMES`   Begin, Middle, End, Single, usual in Chinese corpora        B-LOC E-LOC O
=======  ==========================================================  =============

Whatever the scheme, spans are read by the rule of the CoNLL-2000 scorer (`conlleval`, Tjong Kim Sang & Buchholz 2000), which
is also seqeval's default: an entity begins at `B` and `S`, after `E` and `S`, and wherever an inside tag follows `O`, another
type or nothing. So the scheme does not decide what a tag sequence means, only which of its steps are malformed.

Everything is a table over pairs of neighbouring tags, so that a million tags become spans in one pass of numpy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

OUTSIDE = "O"
PREFIXES = {"BIO": "BI", "IOB1": "BI", "BIOES": "BIES", "BMES": "BMES"}
"""Scheme to the letters it writes for begin, inside, end and single, in this order."""
ROLES = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S"}
"""Prefix to its role: begin, inside, end, single."""
SEPARATORS = "-_"
Span = tuple[int, int, str]
"""First word, word after the last, type."""


class UnknownTagError(ValueError):
    """A tag that no scheme has."""


@lru_cache(maxsize=4096)
def parse(tag: str) -> tuple[str, str]:
    """Role and type of a tag, `("B", "LOC")`; both are empty for `O`.

    Raises:
        UnknownTagError: it is neither `O` nor a known prefix, `-` or `_`, and a type.
    """
    if tag == OUTSIDE:
        return "", ""
    if len(tag) > 2 and tag[0] in ROLES and tag[1] in SEPARATORS:
        return ROLES[tag[0]], tag[2:]
    known = ", ".join(f"{prefix}-" for prefix in ROLES)
    raise UnknownTagError(f"expected O or a type after one of {known}; found '{tag}'")


def repaired(tag: str) -> str:
    """A tag whose prefix of one letter no scheme has, as `conlleval` reads it: inside. `b-LOC` is taken for `B-LOC`.

    Everything else, tags that are none among it, is returned as it is.
    """
    if len(tag) < 3 or tag[0] in ROLES or not tag[0].isalpha() or tag[1] not in SEPARATORS:
        return tag
    upper = tag[0].upper()
    return f"{upper if upper in ROLES else 'I'}{tag[1:]}"


@dataclass(frozen=True)
class Tagset:
    """The tags of a scheme over some types, and what each step from one tag to the next means.

    A tag's position in `tags` is its id. In the tables the last row and column stand for what is before and after a sequence.

    Attributes:
        scheme: a key of `PREFIXES`.
        types: names of what is marked.
    """

    scheme: str
    types: tuple[str, ...]

    @cached_property
    def tags(self) -> list[str]:
        """`O`, then each type's tags in the order of the scheme's prefixes."""
        return [OUTSIDE, *(f"{prefix}-{name}" for name in self.types for prefix in PREFIXES[self.scheme])]

    @cached_property
    def roles(self) -> np.ndarray:
        """Role of each tag, `""` for `O` and for the edge `(tags + 1,)`."""
        return np.array(["", *(ROLES[letter] for _ in self.types for letter in PREFIXES[self.scheme]), ""])

    @cached_property
    def type_ids(self) -> np.ndarray:
        """Position in `types` of each tag's type, -1 for `O` and for the edge `(tags + 1,)`."""
        width = len(PREFIXES[self.scheme])
        return np.concatenate([[-1], np.repeat(np.arange(len(self.types)), width), [-1]])

    @cached_property
    def starts(self) -> np.ndarray:
        """Whether a span begins with the second tag of a pair `(tags + 1, tags + 1)`."""
        before, after = self.roles[:, None], self.roles[None]
        other = self.type_ids[:, None] != self.type_ids[None]
        return (after != "") & (np.isin(after, ["B", "S"]) | np.isin(before, ["E", "S"]) | other)

    @cached_property
    def ends(self) -> np.ndarray:
        """Whether a span ends with the first tag of a pair `(tags + 1, tags + 1)`."""
        return (self.roles[:, None] != "") & ((self.roles[None] == "") | self.starts)

    @cached_property
    def allowed(self) -> np.ndarray:
        """Whether the scheme has such a step `(tags + 1, tags + 1)`."""
        before, after = self.roles[:, None], self.roles[None]
        same = self.type_ids[:, None] == self.type_ids[None]
        if self.scheme == "IOB1":
            # B only says that the span before it, of the same type, is over.
            return (after != "B") | (same & (before != ""))
        inside = np.isin(after, ["I", "E"])
        open_ = np.isin(before, ["B", "I"])
        if self.scheme == "BIO":
            return ~inside | (same & open_)
        return np.where(open_, inside & same, ~inside)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Tag to id."""
        return {tag: i for i, tag in enumerate(self.tags)}

    def spans(self, flat: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The spans that sequences of tags mean, by the rule in this module's head.

        Args:
            flat: tag ids of all sequences, one after another.
            offsets: where each sequence begins in `flat` `(sequences + 1,)`.

        Returns:
            Sequence, first word, word after the last (both within the sequence), and type id of each span.
        """
        before, after, lengths = self._neighbours(flat, offsets)
        begins = np.flatnonzero(self.starts[before, flat])
        finishes = np.flatnonzero(self.ends[flat, after])
        record = np.repeat(np.arange(len(lengths)), lengths)[begins]
        shift = offsets[record]
        return record, begins - shift, finishes + 1 - shift, self.type_ids[flat[begins]]

    def malformed(self, flat: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """How many steps of each sequence the scheme does not have `(sequences,)`, first and last one included."""
        before, after, lengths = self._neighbours(flat, offsets)
        edge = len(self.tags)
        wrong = ~self.allowed[before, flat] + 1.0 * (~self.allowed[flat, after] & (after == edge))
        return np.bincount(np.repeat(np.arange(len(lengths)), lengths), weights=wrong, minlength=len(lengths)).astype(
            np.int64
        )

    def encode(self, spans: Iterable[Span], length: int) -> np.ndarray:
        """Tag ids `(length,)` of spans that do not overlap."""
        row = np.zeros(length, dtype=np.int32)
        width = len(PREFIXES[self.scheme])
        touching = ""
        previous = -1
        for start, end, name in sorted(spans):
            first = 1 + width * self.types.index(name)
            row[start:end] = first + 1
            if self.scheme != "IOB1" or (previous == start and touching == name):
                row[start] = first
            if width == 4:
                row[end - 1] = first + (3 if end - start == 1 else 2)
            previous, touching = end, name
        return row

    def _neighbours(self, flat: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The tag before and after each, with the edge's id at both ends of a sequence, and the sequences' lengths."""
        lengths = np.diff(offsets)
        edge = len(self.tags)
        before, after = np.roll(flat, 1).astype(np.int64), np.roll(flat, -1).astype(np.int64)
        filled = lengths > 0
        before[offsets[:-1][filled]] = edge
        after[offsets[1:][filled] - 1] = edge
        return before, after, lengths


def spans_of(tags: Sequence[str]) -> list[Span]:
    """The spans of one sequence of tags, by the rule in this module's head.

    Raises:
        UnknownTagError: for the first tag that no scheme has.
    """
    found: list[Span] = []
    start, role, kind = -1, "", ""
    for i, tag in enumerate([*tags, OUTSIDE]):
        next_role, next_kind = parse(tag)
        begins = next_role in {"B", "S"} or role in {"", "E", "S"} or kind != next_kind
        if role and (not next_role or begins):
            found.append((start, i, kind))
        if next_role and begins:
            start = i
        role, kind = next_role, next_kind
    return found


@dataclass
class Census:
    """Which scheme a corpus follows, counted over its sequences, and how often it does not.

    Attributes:
        prefixes: letters seen.
        faults: malformed steps under each scheme.
        rows: the first sequences with such a step, under each scheme: row and what was found.
        most: how many of those are kept.
    """

    prefixes: set[str] = field(default_factory=set)
    faults: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("BIO", "IOB1", "BIOES"), 0))
    rows: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    most: int = 20

    def add(self, tags: Sequence[str], row: int) -> None:
        """Count one sequence.

        Raises:
            UnknownTagError: for the first tag that no scheme has.
        """
        before, role, kind = "", "", ""
        for tag in [*tags, ""]:
            next_role, next_kind = parse(tag) if tag else ("", "")
            if role or next_role:
                self.prefixes.update(tag[:1] if next_role else "")
                self._step(role, next_role, (before, tag, row), same=kind == next_kind)
            before, role, kind = tag, next_role, next_kind

    def _step(self, role: str, after: str, seen: tuple[str, str, int], *, same: bool) -> None:
        inside, opened = after in {"I", "E"}, role in {"B", "I"}
        wrong = {
            "BIO": inside and not (same and opened),
            "IOB1": after == "B" and not (same and role != ""),
            "BIOES": not (inside and same) if opened else inside,
        }
        for scheme, fault in wrong.items():
            if fault:
                self.faults[scheme] += 1
                kept = self.rows.setdefault(scheme, [])
                if len(kept) < self.most:
                    before, tag, row = seen
                    kept.append((row, f"{tag or 'the end'} after {before or 'the begin'}"))

    @property
    def scheme(self) -> str:
        """The scheme: by its letters, and where they leave BIO and IOB1, the one with fewer malformed steps."""
        if self.prefixes & set("MESLU"):
            return "BMES" if "M" in self.prefixes else "BIOES"
        return "IOB1" if self.faults["IOB1"] < self.faults["BIO"] else "BIO"

    @property
    def malformed(self) -> int:
        """Steps that the corpus' scheme does not have."""
        return self.faults["BIOES" if self.scheme == "BMES" else self.scheme]

    @property
    def examples(self) -> list[tuple[int, str]]:
        """Row and step of the first malformed sequences."""
        return self.rows.get("BIOES" if self.scheme == "BMES" else self.scheme, [])
