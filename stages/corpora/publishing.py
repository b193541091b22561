"""Outs appear whole or not at all: they are written beside their place and moved there at the end.

A refused data set, or a stage that is killed, therefore leaves what was there before.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(folders: Sequence[Path]) -> Iterator[list[Path]]:
    """Give empty siblings of folders to write into; they take the folders' places if nothing was raised."""
    partial = [folder.with_name(f".{folder.name}.partial") for folder in folders]
    try:
        for sibling in partial:
            shutil.rmtree(sibling, ignore_errors=True)
            sibling.mkdir(parents=True)
        yield partial
        for folder, sibling in zip(folders, partial, strict=True):
            shutil.rmtree(folder, ignore_errors=True)
            sibling.replace(folder)
    finally:
        for sibling in partial:
            shutil.rmtree(sibling, ignore_errors=True)
