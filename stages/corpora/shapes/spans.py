"""A text in which some spans are marked (`tagging`): from words with tags, or from a text with characters.

Raw records that say the same, with the params that read them::

    {"tokens": ["Ana", "saw", "New", "York"], "tags": ["B-PER", "O", "B-LOC", "I-LOC"]}   columns.tokens: tokens
    Ana	B-PER                                                                             (CoNLL files, one word a line)
    {"text": "Ana saw New York", "spans": [{"start": 0, "end": 3, "label": "PER"}, ...]}  columns.spans: spans

A prepared record: ``{"id": "train-1", "text": "Ana saw New York", "spans": [{"start": 0, "end": 3, "label": "PER"}, ...],
"words": [{"start": 0, "end": 3}, ...]}``: characters of the text, the one after the last as `end`; sorted, not overlapping.
Words are the data's own tokens, or are cut from the text (`stages.corpora.words`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.corpora import moving, words
from stages.corpora.blocks import Block
from stages.corpora.duplicates import fold, form_places
from stages.corpora.records import Draft
from stages.corpora.shapes.label_set import LabelSet
from stages.corpora.shapes.marked import from_text, from_tokens
from stages.corpora.shapes.shape import Mend
from stages.corpora.tag_schemes import Census, UnknownTagError, repaired
from stages.corpora.values import as_value
from stages.errors import DataError, Problem, report
from stages.params.data import Columns, DataParams, Names

PLACE = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())]))
SPAN = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]))
Record = dict[str, Any]


class Spans(LabelSet):
    """A text, its words, and the spans that are marked in it. A record's labels are the types of its spans."""

    target = "spans"
    type = SPAN

    @property
    def own(self) -> tuple[str, ...]:
        """Columns of a prepared split, before the kept ones."""
        return ("id", "text", "spans", "words")

    def fields(self) -> dict[str, pa.DataType]:
        """Arrow type of each own column."""
        return {"id": pa.string(), "text": pa.string(), "spans": SPAN, "words": PLACE}

    def wanted(self, columns: Columns) -> dict[str, Names | None]:
        """With tokens, text and words are made of them and spans of the tags."""
        if columns.tokens is None:
            return {"id": columns.id, "text": columns.text, "spans": columns.spans, "words": None}
        return {"id": columns.id, "text": columns.tokens, "spans": columns.tags, "words": None}

    def further(self, columns: Columns) -> list[str]:  # noqa: ARG002
        """None."""
        return []

    def raw(self, role: str, name: str | None, block: Block, columns: Columns) -> list[Any]:
        """Spans of tags need the tokens beside them, and words whatever the text is made of."""
        source = _first(columns.text if columns.tokens is None else columns.tokens, block)
        if role == "words":
            return block.values(source)
        if role == "spans" and columns.tokens is not None and name is not None:
            return list(zip(block.values(source), block.values(name), strict=True))
        return super().raw(role, name, block, columns)

    def convert(self, role: str, value: Any, columns: Columns) -> Any:
        """See the module's docstring."""
        if role == "id":
            return as_value(value)
        if columns.tokens is None:
            return from_text(role, value)
        return from_tokens(role, value, columns)

    def check(self, record: Mapping[str, Any]) -> str | None:
        """Spans lie within the text, hold something, and do not overlap."""
        text, before = record["text"], None
        for one in record["spans"] or []:
            place = f"span {one['start']} to {one['end']} ({one['label']})"
            if text is None or not 0 <= one["start"] < one["end"] <= len(text):
                return f"{place} is outside the text of {len(text or ''):,} characters"
            if not text[one["start"] : one["end"]].strip():
                return f"{place} holds only blanks"
            if before is not None and one["start"] < before["end"]:
                return f"{place} overlaps the one from {before['start']} to {before['end']} ({before['label']})"
            before = one
        return None

    def watch(self, blocks: Iterable[Block], origin: str, data: DataParams, counts: dict[str, int]) -> Iterator[Block]:
        """Count tags that do not follow their scheme; what they are repaired to is the scorer's reading of them.

        Raises:
            DataError: params refuse them, with their rows.
        """
        if data.columns.tokens is None:
            yield from blocks
            return
        census, tagged, strange = Census(), 0, 0
        for block in blocks:
            name = _first(data.columns.tags, block)
            values = block.values(name)
            if data.cleaning.malformed_tags == "repair":
                values, count = _repaired(values)
                strange += count
            for row, sequence in zip(block.rows, values, strict=True):
                if isinstance(sequence, list):
                    tagged += 1
                    _take(census, sequence, row)
            yield replace(block, columns={**block.columns, name: values}) if name in block.columns else block
        if census.prefixes:
            counts[f"records tagged in {census.scheme}"] = tagged
        if strange:
            counts["tags with a prefix that no scheme has read as inside"] = strange
        if not census.malformed:
            return
        if data.cleaning.malformed_tags == "refuse":
            what = [Problem(f"{step}, which {census.scheme} lacks", origin, row) for row, step in census.examples]
            remedy = "Mend these tags, or set data.cleaning.malformed_tags: repair."
            raise DataError(report(f"{origin}: malformed tags", what, remedy, total=census.malformed))
        counts[f"malformed {census.scheme} tags repaired"] = census.malformed

    def mend_texts(self, draft: Draft, function: Mend) -> int:
        """Clean the texts, and move words and spans along."""
        table, changed, parts = draft.table, 0, []
        trimmed = gone = fewer = 0
        for chunk in table.select(["text", "spans", "words"]).to_batches():
            rows = chunk.to_pylist()
            for row in rows:
                old = dict(row)
                lost, less = _clean(row, function)
                gone, fewer = gone + lost, fewer + less
                changed += row["text"] != old["text"]
                trimmed += _trim(row)
            parts.append(pa.Table.from_pylist(rows, chunk.schema))
        if parts:
            made = pa.concat_tables(parts)
            for name in made.column_names:
                draft.replace(name, made[name])
        draft.done.add("spans without the blanks at their ends", trimmed)
        draft.done.add("spans lost because cleaning took their ends away", gone)
        draft.done.add("words that cleaning took away or merged", fewer)
        return changed

    def mend(self, draft: Draft, function: Mend) -> int:
        """Clean the types' names."""
        gone = 0

        def mended(spans: list[Record] | None) -> list[Record] | None:
            nonlocal gone
            found = spans and [{**one, "label": name} for one in spans if (name := function(one["label"]))]
            gone += len(spans or []) - len(found or [])
            return found

        changed = draft.change("spans", mended)
        draft.done.add("spans lost because cleaning left nothing of their types", gone)
        return changed

    def codes(self, draft: Draft) -> np.ndarray:
        """Equal where all spans are, in the texts' normal forms; -1 without any said."""
        shown = [
            None if row["spans"] is None else _normalised(row["text"] or "", row["spans"])
            for batch in draft.table.select(["text", "spans"]).to_batches()
            for row in batch.to_pylist()
        ]
        array = pa.array(shown, pa.string())
        found = pc.index_in(array, value_set=pc.unique(array).drop_null())
        return pc.fill_null(found, -1).to_numpy().astype(np.int64)

    def labels(self, draft: Draft) -> list[str]:
        """The types that occur, sorted by code point."""
        return sorted(pc.unique(_types(draft)).drop_null().to_pylist())

    def matrix(self, draft: Draft, labels: list[str]) -> np.ndarray:
        """Whether each record has a span of each type `(records, labels)`."""
        found = np.zeros((draft.rows, len(labels)), dtype=bool)
        ids = pc.index_in(_types(draft), value_set=pa.array(labels, pa.string()))
        known = ids.is_valid().to_numpy()
        found[_parents(draft)[known], ids.drop_null().to_numpy()] = True
        return found

    def carried(self, draft: Draft) -> np.ndarray:
        """All of them; see `Shape.carried`."""
        return self.matrix(draft, self.labels(draft))

    def strange(self, draft: Draft, labels: list[str]) -> np.ndarray:
        """Whether a record has a span of a type that is not in the list."""
        known = pc.is_in(_types(draft), value_set=pa.array(labels, pa.string())).to_numpy()
        found = np.zeros(draft.rows, dtype=bool)
        found[_parents(draft)[~known]] = True
        return found

    def too_little(self, train: Draft) -> str | None:
        """There has to be something to find."""
        if self.labels(train):
            return None
        return "spans: no record of train has any. Mark spans, or name other columns in data.columns."

    def describe(self, draft: Draft) -> dict[str, Any]:
        """Spans of each type, words, and how often the data's words are those that a release cuts itself."""
        types = pc.value_counts(_types(draft)).to_pylist()
        texts = (text for chunk in draft.chunks("text") for text in chunk)
        rows = (row for chunk in draft.chunks("words") for row in chunk)
        counted, alike = [], 0
        for text, row in zip(texts, rows, strict=True):
            counted.append(len(row or []))
            alike += [(one["start"], one["end"]) for one in row or []] == words.cut(text or "")
        return {
            "spans": {one["values"]: one["counts"] for one in sorted(types, key=lambda one: one["values"])},
            "words_per_record": {"mean": round(float(np.mean(counted)), 4), "max": max(counted)} if counted else {},
            "records_with_words_as_a_release_cuts_them": alike,
        }


def _normalised(text: str, spans: list[Record]) -> str:
    """Spans, sorted and without overlaps, by how much of the normal form stands before and in each, and what they say."""
    ends = form_places(text, [one[side] for one in spans for side in ("start", "end")])
    return " ".join(
        f"{start}-{end} {one['label']} {fold(text[one['start'] : one['end']])}"
        for one, start, end in zip(spans, ends[::2], ends[1::2], strict=True)
    )


def _types(draft: Draft) -> pa.Array:
    return pc.struct_field(pc.list_flatten(draft.table["spans"]), "label")


def _parents(draft: Draft) -> np.ndarray:
    """Number of the record of each span."""
    return np.repeat(np.arange(draft.rows), pc.fill_null(pc.list_value_length(draft.table["spans"]), 0).to_numpy())


def _first(names: Names | None, block: Block) -> str:
    """The name that a block has; the first one where it has none."""
    options = [names] if isinstance(names, str) else names or [""]
    return next((name for name in options if name in block.columns), options[0])


def _repaired(values: list[Any]) -> tuple[list[Any], int]:
    """Sequences of tags without unknown prefixes, and how many tags had one."""
    count, found = 0, []
    for sequence in values:
        mended = [repaired(str(tag)) for tag in sequence] if isinstance(sequence, list) else sequence
        if isinstance(sequence, list):
            count += sum(str(old) != new for old, new in zip(sequence, mended, strict=True))
        found.append(mended)
    return found, count


def _take(census: Census, tags: list[Any], row: int) -> None:
    """Count one sequence; what is no tag is refused elsewhere, with its row."""
    try:
        census.add([str(tag) for tag in tags], row)
    except UnknownTagError:
        return


def _clean(row: Record, function: Mend) -> tuple[int, int]:
    """Clean a record's text and move its words and spans; returns how many spans and how many of the data's words were lost."""
    old = row["text"]
    new = old and function(old)
    row["text"] = new
    if not new or new == old:
        return 0, 0
    cut = [(one["start"], one["end"]) for one in row["words"]] == words.cut(old)
    carried = ("spans",) if cut else ("spans", "words")
    ends = {one[side] for name in carried for one in row[name] or [] for side in ("start", "end")}
    moved = moving.places(old, lambda text: function(text) or "", ends)
    spans, tokens = len(row["spans"] or []), len(row["words"] or [])
    for name in carried:
        row[name] = row[name] and [
            {**one, "start": start, "end": end}
            for one in row[name]
            if (start := moved[one["start"]]) is not None and (end := moved[one["end"]]) is not None and start < end
        ]
    if cut:
        row["words"] = [{"start": start, "end": end} for start, end in words.cut(new)]
    return spans - len(row["spans"] or []), 0 if cut else tokens - len(row["words"] or [])


def _trim(row: Record) -> int:
    """Take blanks from the ends of a record's spans; returns of how many."""
    trimmed = 0
    for one in row["spans"] or []:
        marked = (row["text"] or "")[one["start"] : one["end"]]
        start, end = one["start"] + len(marked) - len(marked.lstrip()), one["end"] - len(marked) + len(marked.rstrip())
        if (start, end) != (one["start"], one["end"]) and start < end:
            one["start"], one["end"] = start, end
            trimmed += 1
    return trimmed
