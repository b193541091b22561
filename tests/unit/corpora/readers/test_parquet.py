"""Parquet: rows are numbered through all blocks, and columns nobody wants are not converted."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stages.corpora.blocks import SIZE
from stages.corpora.readers import parquet
from stages.params.data import Csv


def test_rows_are_numbered_through() -> None:
    pq.write_table(pa.table({"text": [str(i) for i in range(SIZE + 2)]}), "a.parquet", row_group_size=1000)
    blocks = list(parquet.read(Path("a.parquet"), Csv()))
    rows = [row for block in blocks for row in block.rows]
    assert rows == list(range(1, SIZE + 3))
    assert max(len(block.rows) for block in blocks) <= SIZE
    assert isinstance(blocks[0].columns["text"], pa.Array)
    assert [text for block in blocks for text in block.values("text")][-1] == str(SIZE + 1)
