"""Records of another corpus that are learned beside train: the split `rehearsed`.

Rehearsal (Robins 1995; "experience replay" in de Masson d'Autume et al. 2019) shows a model again what it would otherwise
forget: the data of several domains that a new one is added to, or an older version of one's own. It is read and cleaned as
`data.path` is, with the same columns, and cannot bring labels that train lacks. Texts that stand in train or in a held-out
split are left out, and groups of a held-out one. What is taken is decided by each record's text, as splits are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.corpora import assembling, cleaning, duplicates, leakage, source, splitting
from stages.corpora.records import Draft, Report
from stages.errors import DataError
from stages.params.data import DataParams

NAME = "rehearsed"


def rehearse(drafts: Mapping[str, Draft], labels: list[str], params: DataParams) -> dict[str, Draft]:
    """The split of rehearsed records, by its name; empty where params want none.

    Args:
        drafts: the final splits.
        labels: train's.
        params: the `data` section.

    Raises:
        DataError: the other corpus cannot be read, params refuse its labels, or none of its records is left.
    """
    asked, rules, train = params.rehearsal, params.cleaning, drafts["train"]
    if not asked.share:
        return {}
    if not Path(asked.path).exists():
        raise DataError(
            f"data.rehearsal.path: {asked.path} does not exist. Put the other corpus there, or set data.rehearsal.share: 0."
        )
    other = source.read(params.model_copy(update={"path": asked.path}), train.shape)["train"]
    cleaning.clean(other, rules)
    # Under train's own name it was read as train is: with labels, and with groups.
    other = Draft(NAME, other.origin, other.table, Report(other.done.read, other.done.counts), other.shape)
    _give_ids(other, drafts)
    duplicates.add_keys(other, swapped=rules.swapped_pairs == "same")
    other.handle(duplicates.repeats(other.keys(), other.codes()), "duplicates", "drop", "")
    other.handle(np.isin(other.keys(), train.keys()), "texts that train has", "drop", "")
    other.handle(np.isin(other.keys(), leakage.held_out(drafts)), leakage.WHAT, "drop", "")
    other.handle(leakage.in_held_out_groups(other, drafts), leakage.GROUPS, "drop", "")
    strange = other.shape.strange(other, labels)
    other.handle(strange, "labels that train lacks", rules.unknown_labels, "unknown_labels: drop", other.shape.target)
    if asked.share < 1:
        chosen = splitting.choose(other.shape.strata(other), asked.share, other.keys(), asked.seed)
        other.done.add("records not drawn", int((~chosen).sum()))
        other.keep(chosen)
    if not other.rows:
        did = "; ".join(f"{count:,} {what}" for what, count in other.done.counts.items())
        raise DataError(
            f"data.rehearsal: of {other.done.read:,} records of {other.origin} none is left ({did}). "
            "Raise data.rehearsal.share, or name another corpus."
        )
    return {NAME: other}


def _give_ids(other: Draft, drafts: Mapping[str, Draft]) -> None:
    """Ids of the other corpus, or its rows, behind the split's name.

    Raises:
        DataError: they stand twice.
    """
    own = pc.coalesce(other.table["id"], assembling.places(other))
    other.replace("id", pc.binary_join_element_wise(NAME, own, "-"))
    known = pa.chunked_array([chunk for draft in (*drafts.values(), other) for chunk in draft.table["id"].chunks])
    counted = pc.value_counts(known)
    again = counted.field("values").filter(pc.greater(counted.field("counts"), 1))
    if len(again):
        raise DataError(
            f"{other.origin}: '{again[0].as_py()}' stands twice among the ids of all splits. "
            "Make ids unique, or set data.columns.id: null to have them made."
        )
