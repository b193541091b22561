"""Any number of labels per text (`multilabel`): a list, a string with a separator, or one column of 0 and 1 per label.

Raw records that say the same, with the params that read them::

    {"text": "thanks, see you", "labels": ["gratitude", "joy"]}     columns.labels: labels
    text,labels                                                     columns.label_separator: "|"
    "thanks, see you",gratitude|joy
    text,gratitude,joy,fear                                         columns.label_columns: [gratitude, joy, fear]
    "thanks, see you",1,1,0

A prepared record: ``{"id": "train-3", "text": "thanks, see you", "labels": ["gratitude", "joy"]}``, sorted, each once. A record
without any label (an empty list or cell) is legal and says that none of them fits. One whose labels are absent says nothing:
null, and a list or cell that is not empty but of which nothing is left, such as ``[null]``, ``["NaN"]`` or ``NULL``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.corpora import iterative
from stages.corpora.blocks import Block
from stages.corpora.records import Draft
from stages.corpora.shapes.shape import Mend, Shape
from stages.corpora.values import Refused, as_value
from stages.params.data import Columns, Names

YES, NO = {"1", "true", "yes"}, {"0", "false", "no"}


class LabelSet(Shape):
    """A text and its labels."""

    target = "labels"
    type = pa.list_(pa.string())

    def wanted(self, columns: Columns) -> dict[str, Names | None]:
        """With one column per label there is no column of all."""
        return {**super().wanted(columns), "labels": None if columns.label_columns else columns.labels}

    def further(self, columns: Columns) -> list[str]:
        """The columns of single labels."""
        return columns.label_columns

    def raw(self, role: str, name: str | None, block: Block, columns: Columns) -> list[Any]:
        """With one column per label, its values by the label's name."""
        if role != "labels" or not columns.label_columns or name is not None:
            return super().raw(role, name, block, columns)
        parts = [block.values(label) for label in columns.label_columns]
        return [dict(zip(columns.label_columns, values, strict=True)) for values in zip(*parts, strict=True)]

    def convert(self, role: str, value: Any, columns: Columns) -> Any:
        """See the module's docstring."""
        if role != "labels":
            return super().convert(role, value, columns)
        if isinstance(value, Mapping):
            return _chosen(value)
        if isinstance(value, str) and not value.strip():
            return []
        if value is None or (isinstance(value, float | str) and as_value(value) is None):
            return None
        if isinstance(value, str) and columns.label_separator is not None:
            value = value.split(columns.label_separator)
        if not isinstance(value, list | tuple):
            return Refused(
                f"expected a list of labels, found {type(value).__name__} {str(value)[:40]!r}; "
                "for labels in one string set data.columns.label_separator"
            )
        return _sorted(value)

    def mend(self, draft: Draft, function: Mend) -> int:
        """Clean each label; those that vanish are left out, and where none is left of any, labels are absent."""
        return draft.change(
            "labels", lambda labels: labels and (sorted({one for old in labels if (one := function(old))}) or None)
        )

    def codes(self, draft: Draft) -> np.ndarray:
        """Equal where all labels are; a record without labels has its own number, one with absent labels -1."""
        joined = pc.binary_join(draft.table["labels"], "\x00")
        found = pc.index_in(joined, value_set=pc.unique(joined).drop_null())
        return pc.fill_null(found, -1).to_numpy().astype(np.int64)

    def labels(self, draft: Draft) -> list[str]:
        """The labels that occur, sorted by code point."""
        return sorted(pc.unique(pc.list_flatten(draft.table["labels"])).drop_null().to_pylist())

    def matrix(self, draft: Draft, labels: list[str]) -> np.ndarray:
        """Whether each record has each label `(records, labels)`; labels that are not in the list are left out."""
        rows = pc.list_parent_indices(draft.table["labels"]).to_numpy()
        ids = pc.index_in(pc.list_flatten(draft.table["labels"]), value_set=pa.array(labels, pa.string()))
        known = ids.is_valid().to_numpy()
        found = np.zeros((draft.rows, len(labels)), dtype=bool)
        found[rows[known], ids.drop_null().to_numpy()] = True
        return found

    def carried(self, draft: Draft) -> np.ndarray:
        """All of them; see `Shape.carried`."""
        return self.matrix(draft, self.labels(draft))

    def strata(self, draft: Draft) -> np.ndarray:
        """The rarest label of each record; records without labels are a stratum of their own."""
        matrix = self.matrix(draft, self.labels(draft))
        if not matrix.any():
            return np.full(draft.rows, -1, dtype=np.int64)
        order = np.argsort(matrix.sum(axis=0), kind="stable")
        return np.where(matrix.any(axis=1), order[matrix[:, order].argmax(axis=1)], -1).astype(np.int64)

    def choose(self, draft: Draft, share: float, seed: int) -> np.ndarray:
        """By iterative stratification; see `stages.corpora.iterative`."""
        return iterative.choose(self.matrix(draft, self.labels(draft)), share, draft.keys(), seed)

    def counts(self, draft: Draft, labels: list[str]) -> np.ndarray:
        """Records of each label; a record counts once for each of its labels."""
        return self.matrix(draft, labels).sum(axis=0)

    def with_any(self, draft: Draft, labels: list[str]) -> np.ndarray:
        """Whether a record has one of these labels."""
        return np.asarray(self.matrix(draft, labels).any(axis=1), dtype=bool)

    def strange(self, draft: Draft, labels: list[str]) -> np.ndarray:
        """Whether a record has a label that is not in the list."""
        counted = pc.fill_null(pc.list_value_length(draft.table["labels"]), 0).to_numpy()
        return counted > self.matrix(draft, labels).sum(axis=1)

    def describe(self, draft: Draft) -> dict[str, Any]:
        """How many labels records have."""
        counted = pc.fill_null(pc.list_value_length(draft.table["labels"]), 0).to_numpy()
        return {
            "labels_per_record": {"mean": round(float(counted.mean()), 4), "max": int(counted.max(initial=0))},
            "records_without_labels": int((counted == 0).sum()),
        }


def _sorted(values: list[Any] | tuple[Any, ...]) -> list[str] | Refused | None:
    """Labels of a list, sorted, each once; absent ones are left out, and a list of nothing else is absent."""
    found = [as_value(one) for one in values]
    refused = next((one for one in found if isinstance(one, Refused)), None)
    named = sorted({one for one in found if isinstance(one, str)})
    return refused or (named if named or not found else None)


def _chosen(values: Mapping[str, Any]) -> list[str] | Refused | None:
    """Labels whose column says yes; absent where all columns are."""
    said = {label: as_value(value) for label, value in values.items()}
    if all(one is None for one in said.values()):
        return None
    chosen = []
    for label, one in said.items():
        word = one.casefold() if isinstance(one, str) else None
        if word in YES:
            chosen.append(label)
        elif word not in NO:
            return Refused(f"expected 0 or 1 in column '{label}', found {str(values[label])[:40]!r}")
    return sorted(chosen)
