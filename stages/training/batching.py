"""Tokenized rows in memory, and the order in which training sees them.

Rows lie in one flat array of ids with offsets, not as a million Python lists: 1 M records of 32 tokens take 136 MB. A row is
what a model reads at once: a record, or one window of a long one. Batches
are formed anew each epoch from (seed, epoch) alone, so that a resumed run meets the same ones. Grouping by length shuffles
first, sorts within windows of many batches, and shuffles the batches: nearly all padding goes, and order stays random
except that a batch's texts are of similar length.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from torch.utils.data import DataLoader, Dataset, Sampler

from stages.artifacts import read_table
from stages.encoding.ragged import Columns, Ragged, numbers

IDLE = "idle"
"""Key of a batch whose records count nothing in this process."""
WINDOW = 50
"""Batches that are sorted by length together: more saves padding, fewer mixes better."""


@dataclass(frozen=True)
class Rows(Dataset[dict[str, Any]]):
    """Tokenized records.

    Attributes:
        ids: record ids; windows of one record share theirs.
        flat: token ids of all rows, one after another.
        offsets: where each row begins in `flat` `(rows + 1,)`.
        columns: the other columns of numbers or lists of numbers, such as `label`, by name.
        own: how many of the first rows are of the corpus itself; the others were made of them, or come from elsewhere. None
            for all.
    """

    ids: pa.ChunkedArray
    flat: np.ndarray
    offsets: np.ndarray
    columns: Columns
    own: int | None = None

    @classmethod
    def read(cls, file: Path, *further: Path) -> Rows:
        """Read what tokenize wrote of a split, and behind it of further ones."""
        tables = [read_table(one) for one in (file, *further)]
        return replace(cls.of(pa.concat_tables(tables)), own=tables[0].num_rows)

    @classmethod
    def of(cls, table: pa.Table) -> Rows:
        """Take over a table with columns id, input_ids and others; lengths, strings and structs are left out."""
        ids = Ragged.of_lists(table["input_ids"])
        columns = {
            name: found
            for name in table.column_names
            if name not in {"id", "input_ids", "length", "full_length"} and (found := numbers(table[name])) is not None
        }
        return cls(table["id"], ids.values, ids.offsets, columns)

    @property
    def corpus(self) -> Rows:
        """The rows of the corpus itself."""
        if self.own is None or self.own == len(self):
            return self
        columns: Columns = {
            name: Ragged(one.values, one.offsets[: self.own + 1]) if isinstance(one, Ragged) else one[: self.own]
            for name, one in self.columns.items()
        }
        return Rows(self.ids[: self.own], self.flat[: self.offsets[self.own]], self.offsets[: self.own + 1], columns)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per record `(records,)`."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> dict[str, Any]:
        """The rows of a batch as columns; torch's loader calls this with all indices of a batch at once."""
        columns: dict[str, Any] = {
            "input_ids": [self.flat[self.offsets[i] : self.offsets[i + 1]] for i in indices],
        }
        at = np.asarray(indices)
        for name, values in self.columns.items():
            columns[name] = [values[i] for i in indices] if isinstance(values, Ragged) else values[at]
        if isinstance(indices, Idle):
            columns[IDLE] = True
        return columns


class Batches(Sampler[list[int]]):
    """Batches of record numbers, in an order that depends on seed and epoch alone.

    With a budget of tokens, records are sorted by length and cut wherever the next one would not fit, so that short texts
    come in larger batches. Cuts depend on lengths alone: every epoch has as many batches as the last one, of the same shapes,
    and only who is in them and their order is by chance.

    Args:
        lengths: tokens per record `(records,)`.
        size: records per batch; the last one of an epoch may be smaller.
        seed: of the order.
        group: whether batches hold records of similar length.
        tokens: most tokens of a batch, padding included; takes the place of `size` and `group`. A longer record comes alone.
    """

    def __init__(self, lengths: np.ndarray, size: int, seed: int, *, group: bool, tokens: int | None = None) -> None:
        self.lengths = lengths
        self.batch_size = size
        self.drop_last = False
        self.seed = seed
        self.group = group
        self.epoch = 0
        self.cuts = None if tokens is None else budgeted(np.sort(lengths), tokens)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration gives."""
        self.epoch = epoch

    def share(self, batch: list[int], rank: int, world: int) -> list[int]:
        """What one of several processes gets of a batch: every n-th record."""
        return batch[rank::world]

    def __len__(self) -> int:
        return math.ceil(len(self.lengths) / self.batch_size) if self.cuts is None else len(self.cuts) - 1

    def __iter__(self) -> Iterator[list[int]]:
        generator = np.random.default_rng([self.seed, self.epoch])
        order = generator.permutation(len(self.lengths))
        if self.cuts is not None:
            order = order[np.argsort(self.lengths[order], kind="stable")]
            for i in generator.permutation(len(self)):
                yield order[self.cuts[i] : self.cuts[i + 1]].tolist()
            return
        if self.group:
            window = self.batch_size * WINDOW
            parts = [order[i : i + window] for i in range(0, len(order), window)]
            order = np.concatenate([part[np.argsort(self.lengths[part], kind="stable")] for part in parts])
        batches = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        if self.group:
            # Only full batches change places: the short one stays last, so that accumulation counts stay the same.
            full = len(order) // self.batch_size
            batches = [batches[i] for i in [*generator.permutation(full), *range(full, len(batches))]]
        for batch in batches:
            yield batch.tolist()


def budgeted(ascending: np.ndarray, tokens: int) -> np.ndarray:
    """Where to cut sorted lengths so that each batch, padded, has at most so many tokens.

    Args:
        ascending: lengths `(records,)`.
        tokens: the budget.

    Returns:
        Cuts `(batches + 1,)`, from 0 to the number of records.
    """
    cuts = [0]
    for i, length in enumerate(ascending.tolist()):
        if i > cuts[-1] and (i + 1 - cuts[-1]) * length > tokens:
            cuts.append(i)
    return np.array([*cuts, len(ascending)])


class Shares(Sampler[list[int]]):
    """One process's part of each batch.

    Args:
        batches: that all processes form alike.
        rank: of the process.
        world: number of processes.
    """

    def __init__(self, batches: Batches, rank: int, world: int) -> None:
        self.batches, self.rank, self.world = batches, rank, world

    def set_epoch(self, epoch: int) -> None:
        """See `Batches.set_epoch`."""
        self.batches.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches:
            # A process that gets nothing has to take part all the same; what it computes counts nothing.
            yield self.batches.share(batch, self.rank, self.world) or Idle(batch[:1])


class Idle(list[int]):
    """A share of a batch that had no record left."""


class Loader(DataLoader[dict[str, Any]]):
    """A loader that tells its batches the epoch; it collates in this process, since rows lie in memory."""

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer at the beginning of each epoch."""
        order: Any = self.batch_sampler
        order.set_epoch(epoch)


def padding_share(batches: Batches, lengths: np.ndarray) -> float:
    """Share of positions of an epoch's batches that is padding."""
    positions = tokens = 0
    for batch in batches:
        own = lengths[batch]
        positions += int(own.max()) * len(batch)
        tokens += int(own.sum())
    return 1 - tokens / positions if positions else 0.0
