"""Changed versions of train's records, as a split of their own: `augmented`.

They have their record's targets and kept columns, and an id made of its id: ``hd-0001+typos-2``. What is changed depends on
seed, kind, number of the version and the text, so that a version stays the same whatever else is in train. Left out are
versions

- that say what train says already: nothing was changed, or another record of train became of it;
- whose text stands in a held-out split: nobody may learn it, whatever `data.cleaning.leakage` says of the data's own;
- that came of records with different targets ("my order" of "refund my order" and of "cancel my order"), all of them;
- that another version is equal to, but for the first one.

Equal is what `stages.corpora.duplicates` calls equal. Two texts of a pair are both changed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.corpora import duplicates, leakage, marks
from stages.corpora.augmentation import KINDS, Change
from stages.corpora.cleaning import clean_text
from stages.corpora.dice import Dice
from stages.corpora.marks import Record
from stages.corpora.records import KEY, Draft, Report
from stages.corpora.shapes.shape import SEPARATOR
from stages.errors import DataError
from stages.params.augmentation import Augmentation
from stages.params.data import DataParams

NAME = "augmented"
SIZE = 8192
"""Records of train that are Python objects at once."""
log = logging.getLogger(__name__)


def augment(drafts: Mapping[str, Draft], params: DataParams) -> dict[str, Draft]:
    """The split of changed versions, by its name; empty where params want none, or none is left.

    Args:
        drafts: the final splits.
        params: the `data` section.

    Raises:
        DataError: a user's list is missing or wrong, or ids would stand twice.
    """
    settings, rules, train = params.augmentation, params.cleaning, drafts["train"]
    if not settings.copies:
        return {}

    def clean(text: str) -> str:
        return clean_text(text, rules.normalize)

    made = _versions(train, settings, clean)
    _check_ids(made, drafts)
    duplicates.add_keys(made, swapped=rules.swapped_pairs == "same")
    _leave_out(made, np.isin(made.keys(), train.keys()), "versions that say what train says")
    _leave_out(made, np.isin(made.keys(), leakage.held_out(drafts)), f"versions with {leakage.WHAT}")
    _leave_out(made, duplicates.conflicts(made.keys(), made.codes()), "versions of records with different targets")
    _leave_out(made, duplicates.repeats(made.keys(), made.codes()), "repeated versions")
    if made.rows:
        return {NAME: made}
    for what, count in made.done.counts.items():
        log.info("%s: %s %s", NAME, f"{count:,}", what)
    log.info("%s: no version is left", NAME)
    return {}


def _versions(train: Draft, settings: Augmentation, clean: Callable[[str], str]) -> Draft:
    """All versions that differ from their record, uncounted by what else they are equal to."""
    changes = {kind: KINDS[kind](settings, clean) for kind in settings.copies}
    table = train.table.drop_columns([KEY])
    counts: Counter[str] = Counter()
    parts = [table.schema.empty_table()]
    for chunk in table.to_batches(max_chunksize=SIZE):
        rows = [
            version
            for row in chunk.to_pylist()
            for kind, copies in settings.copies.items()
            for version in _of_record(row, train, kind, changes[kind], copies, settings.seed, counts)
        ]
        parts.append(pa.Table.from_pylist(rows, table.schema))
    made = Draft(NAME, train.origin, pa.concat_tables(parts), Report(), train.shape)
    made.done.read = made.rows
    for what in sorted(counts):
        made.done.add(what, counts[what])
    return made


def _of_record(
    row: Record, train: Draft, kind: str, change: Change, copies: int, seed: int, counts: Counter[str]
) -> Iterator[Record]:
    """Versions of one record by one kind."""
    own = {name: row[name] for name in train.shape.own}
    said = SEPARATOR.join(row[role] for role in train.shape.texts)
    for version in range(copies):
        dice = Dice(seed, kind, version, said)
        new = own
        for role in train.shape.texts:
            edits = change(marks.passage(new, role), dice, version)
            new = marks.edited(new, role, edits) if edits else new
        if all(new[role] == row[role] for role in train.shape.texts):
            counts[f"versions by {kind} with nothing to change"] += 1
            continue
        counts[f"versions by {kind}"] += 1
        yield {**row, **new, "id": f"{row['id']}+{kind.replace('_', '-')}-{version + 1}"}


def _leave_out(made: Draft, found: np.ndarray, what: str) -> None:
    made.handle(found, what, "drop", "")


def _check_ids(made: Draft, drafts: Mapping[str, Draft]) -> None:
    """No version may have the id of a record.

    Raises:
        DataError: one does.
    """
    for name, draft in drafts.items():
        twice: Any = made.table["id"].filter(pc.is_in(made.table["id"], value_set=draft.table["id"].combine_chunks()))
        if len(twice):
            raise DataError(
                f"data.augmentation: '{twice[0].as_py()}' is the id of a version, and of a record of {name} already. "
                "Rename that record, or set data.columns.id: null to have ids made."
            )
