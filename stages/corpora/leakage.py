"""Texts and groups that stand on both sides of an evaluation.

A train record whose normalised text stands in a held-out split is learned by heart and then asked for. It is removed
*from train*: the figures of the held-out splits stay comparable with everybody else's. So is a record whose group
(`data.columns.group`) stands in a split that the data set came with: what was learned of a user, a patient or a document is
then asked for. What held-out splits share among themselves is only counted: a validation that holds test's texts makes
early stopping look at test.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.corpora.duplicates import normal_form
from stages.corpora.hashing import digests
from stages.corpora.records import GROUP, HELD_OUT, Draft
from stages.errors import DataError

SHARED, SHARED_GROUPS = "records whose text train has too", "records whose group train has too"
JUDGED = ("validation", "test")
"""Splits that choose and judge a model, which groups of train would flatter."""
WHAT, GROUPS = "texts shared with held-out splits", "records of groups shared with held-out splits"


def remove_given(drafts: Mapping[str, Draft], action: str) -> None:
    """Drop or refuse train's records whose texts or groups stand in the splits which the data set came with.

    This comes before any cutting: a validation that is cut from train shall not hold test's texts or groups either.

    Raises:
        DataError: params refuse them, with their rows, or no record of train is left.
    """
    train = drafts["train"]
    before = train.rows
    _count(drafts)
    for name in (name for name in HELD_OUT if name in drafts):
        drafts[name].done.add(SHARED_GROUPS, int(np.isin(_groups(drafts[name]), _groups(train)).sum()))
    if action != "keep":
        _remove(drafts, action)
    train.handle(in_held_out_groups(train, drafts), GROUPS, action, "leakage: drop", GROUP)
    if before and not train.rows:
        did = "; ".join(f"{count:,} {what}" for what, count in train.done.counts.items())
        raise DataError(
            f"{train.origin}: no record of train is left, since texts or groups stand in held-out splits ({did}). Give splits "
            "of other records, name another column in data.columns.group, or set data.cleaning.leakage: keep."
        )


def remove_made(drafts: Mapping[str, Draft], action: str) -> None:
    """Drop, or by params keep, train's records whose texts were cut into a held-out split.

    They are repeats that other params kept, such as conflicts; the user can mend nothing about where they fell, so that
    `refuse` drops them.
    """
    _count(drafts)
    _remove(drafts, "keep" if action == "keep" else "drop")


def _count(drafts: Mapping[str, Draft]) -> None:
    """Say in the account of each held-out split, once, what of it train has too."""
    for name in (name for name in HELD_OUT if name in drafts and SHARED not in drafts[name].done.counts):
        keys = drafts[name].keys()
        found = keys[np.isin(keys, drafts["train"].keys())]
        drafts[name].done.add(SHARED, len(found))
        drafts[name].done.add("different texts among those", len(np.unique(found)))


def _remove(drafts: Mapping[str, Draft], action: str) -> None:
    train = drafts["train"]
    if any(name in drafts for name in HELD_OUT):
        train.handle(np.isin(train.keys(), held_out(drafts)), WHAT, action, "leakage: drop")


def held_out(drafts: Mapping[str, Draft]) -> np.ndarray:
    """Keys of all records of held-out splits `(records,)`, uint64."""
    found = [drafts[name].keys() for name in HELD_OUT if name in drafts]
    return np.concatenate([np.zeros(0, dtype=np.uint64), *found])


def in_held_out_groups(draft: Draft, drafts: Mapping[str, Draft]) -> np.ndarray:
    """Whether the group of a record stands in validation or test `(records,)`; a record without one stands alone.

    Later messages of train's own users are what `shifted` is often about: they are counted, and train keeps theirs.
    """
    held = [drafts[name].table[GROUP] for name in JUDGED if name in drafts and GROUP in drafts[name].table.column_names]
    if not held or GROUP not in draft.table.column_names:
        return np.zeros(draft.rows, dtype=bool)
    groups = pa.chunked_array([chunk for column in held for chunk in column.chunks], pa.string()).drop_null()
    return np.asarray(pc.is_in(draft.table[GROUP], value_set=groups).to_numpy(), dtype=bool)


def overlaps(drafts: Mapping[str, Draft]) -> dict[str, int]:
    """For each two held-out splits (and train with each) that share texts, how many records of the second do.

    Contexts count besides: another question about a context that train asks about is no leak, but it is not news either. So do
    groups.
    """
    keys = {name: draft.keys() for name, draft in _present(drafts)}
    found = _shared(keys, "{} in {}")
    contexts = {name: _contexts(draft, draft.shape.context) for name, draft in _present(drafts) if draft.shape.context}
    groups = {name: _groups(draft) for name, draft in _present(drafts)}
    return found | _shared(contexts, "contexts of {} in {}") | _shared(groups, "groups of {} in {}")


def _present(drafts: Mapping[str, Draft]) -> list[tuple[str, Draft]]:
    return [(name, drafts[name]) for name in ("train", *HELD_OUT) if name in drafts]


def _shared(keys: Mapping[str, np.ndarray], named: str) -> dict[str, int]:
    found = {
        named.format(second, first): int(np.isin(keys[second], keys[first]).sum())
        for first, second in itertools.combinations(keys, 2)
    }
    return {pair: count for pair, count in found.items() if count}


def _contexts(draft: Draft, column: str) -> np.ndarray:
    """Keys of the records' normalised contexts `(records,)`, uint64."""
    return digests(normal_form(text or "") for chunk in draft.chunks(column) for text in chunk)


def _groups(draft: Draft) -> np.ndarray:
    """Keys of the groups of those records that have one, uint64."""
    if GROUP not in draft.table.column_names:
        return np.zeros(0, dtype=np.uint64)
    return digests(group for chunk in draft.table[GROUP].drop_null().chunks for group in chunk.to_pylist())
