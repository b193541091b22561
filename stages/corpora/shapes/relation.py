"""A text, two spans of it called head and tail, and the relation between them (`relation`).

Raw records, as objects of JSON Lines; spans in characters where the text is a string, in tokens where it is a list (ends
exclusive), and one relation per record or a list of them::

    {"text": "Rain caused it.", "head": {"start": 0, "end": 4}, "tail": {"start": 12, "end": 14}, "label": "Cause(e1,e2)"}
    {"tokens": ["Rain", "caused", "it", "."], "head": [0, 1], "tail": [2, 3], "relation": "Cause(e1,e2)"}
    {"text": "Rain caused it.", "relations": [{"head": [0, 4], "tail": [12, 14], "label": "Cause(e1,e2)"}]}

Prepared, one record per pair: ``{"id": "train-1", "text": "Rain caused it.", "head": {"start": 0, "end": 4}, "tail": {"start":
12, "end": 14}, "label": "Cause(e1,e2)"}``. Tokens are joined as people write (`stages.corpora.words`). Pairs of one text never
fall into different splits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stages.corpora import words
from stages.corpora.blocks import Block
from stages.corpora.duplicates import fold, form_places, normal_form
from stages.corpora.hashing import digests
from stages.corpora.records import Draft
from stages.corpora.shapes.shape import SEPARATOR, Mend, Shape
from stages.corpora.spans import bare, carried, outside, parse
from stages.corpora.values import Refused
from stages.params.data import Columns, DataParams, Names

SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32())])
ENDS = ("head", "tail")
OWN = ("text", *ENDS, "label")


class Related(Shape):
    """A text, head and tail in it, and their relation."""

    @property
    def own(self) -> tuple[str, ...]:
        """Columns of a prepared split, before the kept ones."""
        return ("id", *OWN)

    def fields(self) -> dict[str, pa.DataType]:
        """Arrow type of each own column."""
        return {**super().fields(), **dict.fromkeys(ENDS, SPAN)}

    def expand(self, block: Block, columns: Columns) -> Block:
        """One record per pair, and spans in characters."""
        names = {role: _present(getattr(columns, role), block) for role in (*OWN, "relations")}
        listed = names["relations"]
        taken: dict[str, list[Any]] = {name: block.values(name) for name in block.columns}
        rows = block.rows
        if listed is not None:
            rows, taken = _one_each(block, taken, listed, columns)
            names |= {role: _present(getattr(columns, role), Block(rows, {**taken})) for role in (*ENDS, "label")}
        text = names["text"]
        if text is not None:
            joined = [words.join(one) if _tokens(one) else None for one in taken[text]]
            for name in (names[role] for role in ENDS):
                if name is not None:
                    taken[name] = [
                        value if one is None else _in_characters(value, one[1])
                        for value, one in zip(taken[name], joined, strict=True)
                    ]
            taken[text] = [old if one is None else one[0] for old, one in zip(taken[text], joined, strict=True)]
        return Block(rows, {**taken})

    def wanted(self, columns: Columns) -> dict[str, Names | None]:
        """For each own column, what the data set may call it."""
        return {role: getattr(columns, role) for role in self.own}

    def convert(self, role: str, value: Any, columns: Columns) -> Any:
        """See the module's docstring."""
        return parse(value) if role in ENDS else super().convert(role, value, columns)

    def watch(self, blocks: Iterable[Block], origin: str, data: DataParams, counts: dict[str, int]) -> Iterator[Block]:  # noqa: ARG002
        """Count texts whose list of relations is empty: no record is made of them."""
        without = 0
        for block in blocks:
            listed = _present(data.columns.relations, block)
            if listed is not None:
                without += sum(1 for value in block.values(listed) if value == [])
            yield block
        if without:
            counts["texts without relations"] = without

    def check(self, record: Mapping[str, Any]) -> str | None:
        """Both spans are there, lie in the text, show something, and differ."""
        text = record["text"]
        if text is None:
            return None
        found = []
        for name in ENDS:
            if record[name] is None:
                return f"expected a span {name}, found none"
            span = (record[name]["start"], record[name]["end"])
            wrong = outside(span, len(text))
            if wrong is not None:
                return f"{name}: {wrong}"
            first, last = bare(text, span)
            if first == last:
                return f"{name}: the span {span[0]} to {span[1]} holds nothing but blanks"
            found.append((first, last))
        return f"head and tail are the same span, {found[0][0]} to {found[0][1]}" if found[0] == found[1] else None

    def mend_texts(self, draft: Draft, function: Mend) -> int:
        """Clean texts with the spans in them, and leave out pairs that lose a span by that."""
        columns: dict[str, list[Any]] = {name: draft.table[name].to_pylist() for name in ("text", *ENDS)}
        lost = np.zeros(draft.rows, dtype=bool)
        changed = 0
        for i, old in enumerate(columns["text"]):
            new = old and function(old)
            changed += new != old
            for name in ENDS:
                span = columns[name][i]
                if old is None or span is None:
                    continue
                found = carried(
                    old, new or "", bare(old, (span["start"], span["end"])), lambda text: function(text) or ""
                )
                lost[i] |= found is None
                columns[name][i] = None if found is None else {"start": found[0], "end": found[1]}
            columns["text"][i] = new
        for name, kind in (("text", pa.string()), *((name, SPAN) for name in ENDS)):
            draft.replace(name, pa.chunked_array([pa.array(columns[name], kind)], kind))
        draft.done.add("records whose spans cleaning would change, dropped", int(lost.sum()))
        if lost.any():
            draft.keep(~lost)
        return changed

    def identity(self, draft: Draft, *, swapped: bool) -> Iterator[str]:
        """The text's normal form with the places of head and tail in it; those of the other pair make another record."""
        for batch in draft.table.select(["text", *ENDS]).to_batches():
            for text, *ends in zip(*(part.to_pylist() for part in batch.columns), strict=True):
                places = [_normalised(text or "", one) if one else "" for one in ends]
                yield SEPARATOR.join([normal_form(text or ""), *(sorted(places) if swapped else places)])

    def compared(self, draft: Draft) -> tuple[pa.ChunkedArray, np.ndarray]:
        """The text; label and places have to be equal, or every pair of one sentence would be the same."""
        places = _numbered(self._places(draft))
        both = np.stack([self.codes(draft), places], axis=1)
        return self.readable(draft), np.unique(both, axis=0, return_inverse=True)[1].reshape(-1)

    def exactly(self, draft: Draft) -> pa.ChunkedArray:
        """The text with the places of head and tail."""
        joined = zip(draft.table["text"].to_pylist(), self._places(draft), strict=True)
        return pa.chunked_array([pa.array([f"{places}{SEPARATOR}{text}" for text, places in joined], pa.string())])

    def _places(self, draft: Draft) -> list[str]:
        """Places of head and tail of each record, as text."""
        spans = zip(*(draft.table[name].to_pylist() for name in ENDS), strict=True)
        return [",".join(f"{one['start']}-{one['end']}" if one else "" for one in ends) for ends in spans]

    def bound(self, draft: Draft) -> np.ndarray:
        """Pairs of one text stay in one split."""
        return digests(normal_form(text or "") for texts in draft.chunks("text") for text in texts)

    def describe(self, draft: Draft) -> dict[str, Any]:
        """How many texts there are, and how many relations."""
        texts = draft.table["text"].unique()
        return {"texts": len(texts), "pairs_per_text": round(draft.rows / max(len(texts), 1), 4)}


def _normalised(text: str, span: Mapping[str, int]) -> str:
    """A span by how much of the text's normal form stands before its ends, and by what it says."""
    start, end = span["start"], span["end"]
    return f"{form_places(text, [start, end])} {fold(text[start:end])}"


def _numbered(values: list[str]) -> np.ndarray:
    """A number for each value `(values,)`, equal where the values are."""
    return np.unique(np.array(values, dtype=object).astype(str), return_inverse=True)[1]


def _present(names: Names, block: Block) -> str | None:
    """The first of a role's names that is a column."""
    options = [names] if isinstance(names, str) else names
    return next((name for name in options if name in block.columns), None)


def _tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and one for one in value)


def _in_characters(value: Any, places: list[words.Piece]) -> Any:
    """A span of tokens in characters; what is no span, or lies outside the tokens, stays for `check` to refuse."""
    found = parse(value)
    if found is None or isinstance(found, Refused):
        return value
    start, end = found["start"], found["end"]
    if not 0 <= start < end <= len(places):
        return {"start": start, "end": end if end <= start else BEYOND}
    return {"start": places[start][0], "end": places[end - 1][1]}


BEYOND = 2**31 - 1
"""End of a span that reaches over its text's last token."""


def _one_each(
    block: Block, values: dict[str, list[Any]], listed: str, columns: Columns
) -> tuple[list[int], dict[str, list[Any]]]:
    """Repeat records for each member of their list of relations, whose keys become columns; one without a list stays."""
    rows: list[int] = []
    inner = [name for role in (*ENDS, "label") for name in _options(getattr(columns, role))]
    result: dict[str, list[Any]] = {name: [] for name in [*values, *inner] if name != listed}
    key = _present(columns.id, block) if columns.id is not None else None
    for i, (row, relations) in enumerate(zip(block.rows, values[listed], strict=True)):
        members = relations if isinstance(relations, list) else [{} if relations is None else relations]
        for number, member in enumerate(members):
            rows.append(row)
            for name, column in result.items():
                own = values[name][i] if name in values else None
                if name in inner and isinstance(member, Mapping):
                    own = member.get(name, own)
                many = name == key and own is not None and len(members) > 1
                column.append(f"{own}#{number + 1}" if many else own)
    empty = [name for name in inner if all(value is None for value in result[name])]
    return rows, {name: found for name, found in result.items() if name not in empty}


def _options(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
