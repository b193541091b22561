"""Rows of different lengths in one flat array: token ids, tags of tokens, outputs of a model that speaks of every token.

A million short lists as Python objects take gigabytes; as one array with offsets they take their own bytes. Batches are
padded from here, the same way for training, prediction and the exported graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Ragged:
    """Arrays that differ in their first axis.

    Attributes:
        values: all rows, one after another `(total, ...)`.
        offsets: where each row begins in `values` `(rows + 1,)`, int64.
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def empty(cls, lengths: np.ndarray, shape: Sequence[int], dtype: Any) -> Ragged:
        """Rows of given lengths `(rows,)` whose values are still to be filled in; each of their items has `shape`."""
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return cls(np.empty((int(offsets[-1]), *shape), dtype=dtype), offsets)

    @classmethod
    def of_lists(cls, column: pa.ChunkedArray | pa.Array) -> Ragged:
        """A column of lists of numbers; an absent list is an empty row."""
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        lists = whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)
        begin = lists.offsets.to_numpy().astype(np.int64)
        return cls(lists.values.to_numpy(zero_copy_only=False)[begin[0] : begin[-1]], begin - begin[0])

    @property
    def lengths(self) -> np.ndarray:
        """Items per row `(rows,)`."""
        return np.diff(self.offsets)

    def lengths_of(self, row: int) -> int:
        """Items of one row."""
        return int(self.offsets[row + 1] - self.offsets[row])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __setitem__(self, row: int, values: np.ndarray) -> None:
        self.values[self.offsets[row] : self.offsets[row + 1]] = values

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))


def numbers(column: pa.ChunkedArray) -> np.ndarray | Ragged | None:
    """A column of numbers, or of lists of numbers, as collating takes it; None where it holds something else."""
    kind = column.type
    if pa.types.is_list(kind) and pa.types.is_primitive(kind.value_type):
        return Ragged.of_lists(column)
    found: np.ndarray | None = column.to_numpy() if pa.types.is_primitive(kind) else None
    return found


Columns = dict[str, "np.ndarray | Ragged"]
"""What is known of tokenized records, by column: numbers `(rows,)`, or lists of numbers."""
Outputs = np.ndarray | Ragged
"""A model's outputs by record: `(rows, ...)`, or ragged where it speaks of every token, `(tokens of the row, ...)`."""


def padded(rows: Sequence[Any], fill: int, width: int | None = None) -> np.ndarray:
    """Rows of whole numbers as one array, filled up on the right.

    Args:
        rows: each of them `(length,)`.
        fill: what stands where a row has ended; -100 where positions shall not count.
        width: of the result; by default the longest row's.

    Returns:
        `(rows, width)`, int64.
    """
    width = max((len(row) for row in rows), default=0) if width is None else width
    result = np.full((len(rows), width), fill, dtype=np.int64)
    for i, row in enumerate(rows):
        result[i, : len(row)] = row
    return result


def token_batch(rows: Sequence[Any], pad_id: int) -> dict[str, np.ndarray]:
    """`input_ids` and `attention_mask` `(batch, length)` of rows of token ids, padded to the longest one."""
    ids = padded(rows, pad_id)
    lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
    return {"input_ids": ids, "attention_mask": (np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int64)}


def dense(outputs: Outputs) -> np.ndarray:
    """Outputs of a model that says one thing of a record `(rows, ...)`.

    Raises:
        TypeError: they are ragged.
    """
    if isinstance(outputs, Ragged):
        raise TypeError("expected outputs by record, found outputs by token")
    return outputs


def by_token(outputs: Outputs) -> Ragged:
    """Outputs of a model that speaks of every token.

    Raises:
        TypeError: they are not.
    """
    if not isinstance(outputs, Ragged):
        raise TypeError("expected outputs by token, found outputs by record")
    return outputs
