"""One file per format; the table below maps a file's suffix to its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from stages.corpora.blocks import Block
from stages.corpora.readers import conll, delimited, jsonl, parquet, squad
from stages.params.data import Csv

Reader = Callable[[Path, Csv], Iterator[Block]]

READERS: dict[str, Reader] = {
    ".csv": delimited.read,
    ".tsv": delimited.read,
    ".jsonl": jsonl.read,
    ".ndjson": jsonl.read,
    ".parquet": parquet.read,
    ".json": squad.read,
    ".conll": conll.read,
    ".conll2003": conll.read,
    ".bio": conll.read,
}
HUB = ".hub.yaml"
"""Suffix of a file that names a hub data set; it stands for several splits, see `stages.corpora.readers.hub`."""
