"""What the rest of the room asks of a kind of record. The base class answers for records of texts with one target column.

A shape knows which columns a kind needs, how raw values become Arrow values, what counts as the same record and the same
target, what splits are stratified by, and which labels there are. It holds no data: each method looks at a draft.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.corpora import splitting
from stages.corpora.blocks import Block
from stages.corpora.duplicates import normal_form
from stages.corpora.records import Draft
from stages.corpora.values import Refused, as_text, as_value
from stages.params.data import Cleaning, Columns, DataParams, Names

Mend = Callable[[str], str | None]
SEPARATOR = "\x00"
"""What no cleaned text holds: stands between the parts of a record's identity."""


class Shape:
    """Records of one or two texts and a target.

    Attributes:
        texts: columns of text, which are cleaned and make the record's identity.
        target: column of what is to be predicted.
        type: Arrow type of the target.
        context: column of a text that several records are asked about, where there is such a one.
    """

    texts: ClassVar[tuple[str, ...]] = ("text",)
    target: ClassVar[str] = "label"
    context: ClassVar[str | None] = None
    type: ClassVar[pa.DataType] = pa.string()

    @property
    def own(self) -> tuple[str, ...]:
        """Columns of a prepared split, before the kept ones."""
        return ("id", *self.texts, self.target)

    def fields(self) -> dict[str, pa.DataType]:
        """Arrow type of each own column."""
        return {name: self.type if name == self.target else pa.string() for name in self.own}

    def wanted(self, columns: Columns) -> dict[str, Names | None]:
        """For each own column, what the data set may call it; None where no single column is it."""
        return {role: getattr(columns, role) for role in self.own}

    def further(self, columns: Columns) -> list[str]:  # noqa: ARG002
        """Columns of the data set that are needed besides those of `wanted`."""
        return []

    def expand(self, block: Block, columns: Columns) -> Block:  # noqa: ARG002
        """A block with one row per record, where files hold several records in one."""
        return block

    def raw(self, role: str, name: str | None, block: Block, columns: Columns) -> list[Any]:  # noqa: ARG002
        """A raw value for each record of a block."""
        return block.values(name) if name is not None else [None] * len(block.rows)

    def convert(self, role: str, value: Any, columns: Columns) -> Any:  # noqa: ARG002
        """A raw value as Arrow takes it, None where it is absent, or `Refused`."""
        return as_text(value) if role in self.texts else as_value(value)

    def check(self, record: Mapping[str, Any]) -> str | None:  # noqa: ARG002
        """What is wrong with a record whose values are right one by one; None where nothing is."""
        return None

    def settle(self, draft: Draft, rules: Cleaning) -> None:  # noqa: ARG002
        """Deal with values that contradict each other, before anything is cleaned.

        Raises:
            DataError: params refuse them, with their rows.
        """
        return

    def watch(self, blocks: Iterable[Block], origin: str, data: DataParams, counts: dict[str, int]) -> Iterable[Block]:  # noqa: ARG002
        """Look at raw blocks as they pass, and count what no converted value shows."""
        return blocks

    def mend_texts(self, draft: Draft, function: Mend) -> int:
        """Clean the texts; returns how many changed."""
        return sum(draft.change(role, lambda text: text and function(text)) for role in self.texts)

    def mend(self, draft: Draft, function: Mend) -> int:
        """Clean the labels; returns how many records changed."""
        return draft.change(self.target, lambda label: label and function(label))

    def identity(self, draft: Draft, *, swapped: bool) -> Iterator[str]:
        """What two records share that are the same: normal forms of their texts.

        Args:
            draft: a cleaned split.
            swapped: whether two texts in the other order are the same record.
        """
        for parts in draft.table.select(self.texts).to_batches():  # columns may lie in different chunks
            for texts in zip(*(part.to_pylist() for part in parts.columns), strict=True):
                forms = [normal_form(text or "") for text in texts]
                yield SEPARATOR.join(sorted(forms) if swapped else forms)

    def readable(self, draft: Draft) -> pa.ChunkedArray:
        """All that there is to read of each record, as one text."""
        if len(self.texts) == 1:
            return draft.table[self.texts[0]]
        return pc.binary_join_element_wise(*(draft.table[role] for role in self.texts), "\n")

    def compared(self, draft: Draft) -> tuple[pa.ChunkedArray, np.ndarray]:
        """What near duplicates are looked for in: a text per record, and numbers that have to be equal besides `(records,)`."""
        return self.readable(draft), self.codes(draft)

    def exactly(self, draft: Draft) -> pa.ChunkedArray:
        """What is equal where a record is repeated character by character, its target aside."""
        return self.readable(draft)

    def codes(self, draft: Draft) -> np.ndarray:
        """A number per record `(records,)`, int64, equal where the target is; -1 where there is none."""
        return self.ids_of(draft, self.labels(draft))

    def ids_of(self, draft: Draft, labels: list[str]) -> np.ndarray:
        """Class ids `(records,)`; -1 for labels that are not in the list, and for none."""
        found = pc.index_in(draft.table[self.target], value_set=pa.array(labels, pa.string()))
        return pc.fill_null(found, -1).to_numpy().astype(np.int64)

    def labels(self, draft: Draft) -> list[str]:
        """The labels that occur, sorted by code point."""
        return sorted(label for label in pc.unique(draft.table[self.target]).to_pylist() if label is not None)

    def strata(self, draft: Draft) -> np.ndarray:
        """Numbers of the strata that a sample keeps the shares of `(records,)`."""
        return self.codes(draft)

    def carried(self, draft: Draft) -> np.ndarray | None:  # noqa: ARG002
        """Which labels each record has, `(records, labels)`, boolean; None where it has one, which `strata` tells."""
        return None

    def bound(self, draft: Draft) -> np.ndarray | None:  # noqa: ARG002
        """Keys of what has to stay in one split together `(records,)`, uint64; None where each record may go alone."""
        return None

    def choose(self, draft: Draft, share: float, seed: int) -> np.ndarray:
        """Whether each record is cut into a new split that takes such a share `(records,)`."""
        together = self.bound(draft)
        if together is not None:
            return splitting.choose_groups(self.strata(draft), share, together, seed)
        return splitting.choose(self.strata(draft), share, draft.keys(), seed)

    def counts(self, draft: Draft, labels: list[str]) -> np.ndarray | None:
        """Records of each label `(labels,)`; None where there are no labels to count."""
        return np.bincount(self.ids_of(draft, labels), minlength=len(labels))

    def with_any(self, draft: Draft, labels: list[str]) -> np.ndarray:
        """Whether a record has one of these labels `(records,)`."""
        return self.ids_of(draft, labels) >= 0

    def strange(self, draft: Draft, labels: list[str]) -> np.ndarray:
        """Whether a record has a label that is not in the list `(records,)`."""
        return self.ids_of(draft, labels) < 0

    def too_little(self, train: Draft) -> str | None:
        """What train lacks to be learned from, with a remedy; None where it is enough."""
        labels = self.labels(train)
        if len(labels) >= 2:
            return None
        found = f"only '{labels[0]}'" if labels else "none"
        return (
            f"{self.target}: expected at least two different labels in train, found {found}. "
            f"Add records of another class, or name another column in data.columns.{self.target}."
        )

    def numbers(self, draft: Draft) -> np.ndarray | None:  # noqa: ARG002
        """Targets that are numbers `(records,)`; None where they are labels."""
        return None

    def describe(self, draft: Draft) -> dict[str, Any]:  # noqa: ARG002
        """Figures of the profile that only this shape has."""
        return {}


__all__ = ["Mend", "Refused", "Shape"]
