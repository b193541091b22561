"""JSON Lines: values keep their types, rows are lines."""

from __future__ import annotations

from pathlib import Path

from stages.corpora.readers import jsonl
from stages.params.data import Csv


def test_values_keep_their_types_and_rows_are_lines() -> None:
    Path("a.jsonl").write_text('{"text": "a", "n": 1}\n\n{"text": "b", "more": [2]}\n', encoding="utf-8")
    [block] = jsonl.read(Path("a.jsonl"), Csv())
    assert block.rows == [1, 3]
    assert block.columns == {"text": ["a", "b"], "n": [1, None], "more": [None, [2]]}
    assert block.values("absent") == [None, None]
