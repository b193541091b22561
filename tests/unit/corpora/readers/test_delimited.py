"""CSV and TSV against what Python's own writer makes of any records."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpora.blocks import SIZE
from stages.corpora.readers import delimited
from stages.errors import DataError
from stages.params.data import Csv

FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=8), st.sampled_from([",", ";", "\t", "|"]))
def test_what_a_csv_writer_wrote_comes_back(records: list[tuple[str, str]], delimiter: str) -> None:
    file = Path("any.csv")
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerows([("text", "label"), *records])
    [block] = delimited.read(file, Csv(delimiter=delimiter))
    assert list(zip(block.values("text"), block.values("label"), strict=True)) == records
    os.remove(file)  # noqa: PTH107 - hypothesis runs many examples in one folder


def test_rows_are_lines_and_blocks_are_bounded() -> None:
    lines = [f'"text\n{i}",red' for i in range(SIZE + 5)]
    Path("long.csv").write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    blocks = list(delimited.read(Path("long.csv"), Csv()))
    assert [len(block.rows) for block in blocks] == [SIZE, 5]
    assert blocks[0].rows[:3] == [2, 4, 6]
    assert blocks[1].rows[0] == 2 + 2 * SIZE


def test_the_suffix_decides_the_delimiter() -> None:
    Path("a.tsv").write_text("text\tlabel\none, two\tred\n", encoding="utf-8")
    [block] = delimited.read(Path("a.tsv"), Csv())
    assert block.columns == {"text": ["one, two"], "label": ["red"]}


def test_a_quote_that_swallows_records_of_a_tsv_is_noticed() -> None:
    Path("a.tsv").write_text('text\tlabel\n"no closing quote\ta\nsecond text\ta\nthird text"\tb\n', encoding="utf-8")
    with pytest.raises(DataError, match="quote: null"):
        list(delimited.read(Path("a.tsv"), Csv()))
    [block] = delimited.read(Path("a.tsv"), Csv.model_validate({"quote": None}))
    assert block.values("text") == ['"no closing quote', "second text", 'third text"']
    [block] = delimited.read(Path("a.tsv"), Csv(delimiter="\t"))
    assert len(block.rows) == 1
