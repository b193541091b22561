"""Apache Parquet, read by row groups so that a large file never lies in memory whole.

One raw record has the file's columns, for example ``text: string, label: int64``; dictionary-encoded columns are read
as their values. Labels that are numbers keep their digits as text.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stages.corpora.blocks import SIZE, Block
from stages.errors import DataError
from stages.params.data import Csv


def read(file: Path, settings: Csv) -> Iterator[Block]:  # noqa: ARG001 - all readers are called alike
    """Read records; a row's place is its number.

    Raises:
        DataError: the file is no Parquet file, or damaged.
    """
    row = 1
    try:
        for batch in pq.ParquetFile(file).iter_batches(SIZE):
            yield Block(
                list(range(row, row + batch.num_rows)), dict(zip(batch.schema.names, batch.columns, strict=True))
            )
            row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{file}: cannot be read as Parquet ({reason}). Write it again, or give another format."
        ) from None
