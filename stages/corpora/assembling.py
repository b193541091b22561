"""From cleaned splits to the corpus: ids, duplicates, cuts, leakage, rare and unknown labels.

The order matters. Duplicates go first, or a record could be cut into validation while its twin trains; then what train
shares with the given splits, or validation could be cut from test's texts. Only after the cuts is it known which labels
train has.
"""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.artifacts import SPLITS
from stages.corpora import duplicates, hashing, leakage, near_duplicates, splitting
from stages.corpora.records import GROUP, HELD_OUT, ROW, Draft, Report
from stages.errors import SHOWN, DataError, Problem, report
from stages.params.data import Cleaning, DataParams

COUNTED = 200_000_000
"""Bytes of text in a split up to which near duplicates are looked for when they are only to be counted."""
log = logging.getLogger(__name__)


def assemble(drafts: dict[str, Draft], params: DataParams) -> tuple[dict[str, Draft], list[str]]:
    """Make the corpus of cleaned splits.

    Returns:
        The final splits, and train's labels, sorted by code point.

    Raises:
        DataError: the corpus cannot be right, or params refuse something in it.
    """
    require_records(drafts)
    give_ids(drafts)
    for draft in drafts.values():
        handle_duplicates(draft, params.cleaning)
    tell_of_missing_groups(drafts, params.columns.group)
    leakage.remove_given(drafts, params.cleaning.leakage)
    made = cut_missing(drafts, params)
    leakage.remove_made(drafts, params.cleaning.leakage)
    handle_rare(drafts["train"], params.cleaning)
    labels = drafts["train"].labels()
    check_labels(drafts, labels, params.cleaning, made)
    require_records(drafts)
    if params.limit is not None:
        for draft in drafts.values():
            draft.keep(splitting.sample(draft.shape.strata(draft), params.limit, params.split.seed))
        lack = drafts["train"].shape.too_little(drafts["train"])
        if lack is not None:
            raise DataError(f"data.limit: {params.limit} leaves too little of train: {lack} Raise it.")
    return {name: drafts[name] for name in SPLITS if name in drafts}, labels


def require_records(drafts: dict[str, Draft]) -> None:
    """Make sure that no split is empty.

    Raises:
        DataError: one is.
    """
    for name, draft in drafts.items():
        if draft.rows == 0:
            what = f"all {draft.done.read:,} records of {name} were left out" if draft.done.read else "no records"
            did = "; ".join(f"{count:,} {counted}" for counted, count in draft.done.counts.items())
            remedy = (
                "Give records, or remove the file." if name != "train" else "Expected at least two labels with records."
            )
            raise DataError(f"{draft.origin}: {what}{f' ({did})' if did else ''}. {remedy}")


def give_ids(drafts: dict[str, Draft]) -> None:
    """Give every record an id that no other record has: its own, or split and row.

    Raises:
        DataError: two records share an id.
    """
    for draft in drafts.values():
        made = pc.binary_join_element_wise(draft.name, places(draft), "-")
        draft.replace("id", pc.coalesce(draft.table["id"], made))
    counted = pc.value_counts(pa.chunked_array([chunk for d in drafts.values() for chunk in d.table["id"].chunks]))
    again = counted.field("values").filter(pc.greater(counted.field("counts"), 1))
    if len(again) == 0:
        return
    seen: dict[str, str] = {}
    problems: list[Problem] = []
    for draft in drafts.values():
        held = draft.table.filter(pc.is_in(draft.table["id"], value_set=again))
        for one, row in zip(held["id"].to_pylist(), held[ROW].to_pylist(), strict=True):
            if one in seen:
                problems.append(Problem(f"'{one}' is the id of {seen[one]} already", draft.origin, row, "id"))
            seen.setdefault(one, f"{draft.origin}:{row}")
    remedy = "Make ids unique over all splits, or set data.columns.id: null to have them made."
    raise DataError(report("duplicate ids", problems[:SHOWN], remedy, total=len(problems)))


def places(draft: Draft) -> pa.Array:
    """The row of each record as text; of several records in one row, with their number there (`7#2`)."""
    rows = draft.table[ROW].to_numpy()
    if len(np.unique(rows)) == len(rows):
        return pc.cast(draft.table[ROW], pa.string())
    order = np.argsort(rows, kind="stable")
    _, first, counts = np.unique(rows[order], return_index=True, return_counts=True)
    number = np.empty(len(rows), dtype=np.int64)
    number[order] = np.arange(len(rows)) - np.repeat(first, counts) + 1
    shared = set(rows[order][first[counts > 1]].tolist())
    return pa.array(
        [f"{row}#{at}" if row in shared else f"{row}" for row, at in zip(rows, number, strict=True)], pa.string()
    )


def handle_duplicates(draft: Draft, rules: Cleaning) -> None:
    """Exact and near repeats within a split, and the same text with different labels.

    Raises:
        DataError: params refuse them, with their rows.
    """
    held_out = draft.name in HELD_OUT
    duplicates.add_keys(draft, swapped=rules.swapped_pairs == "same")
    codes = draft.codes()
    draft.done.add("exact repeats among the duplicates", duplicates.exact_repeats(draft, codes))
    # A published test split stays whole, or its figures could not be compared: there, repeats are only counted.
    action = "keep" if held_out and rules.duplicates == "drop" else rules.duplicates
    draft.handle(duplicates.repeats(draft.keys(), codes), "duplicates", action, "duplicates: drop")
    found = duplicates.conflicts(draft.keys(), draft.codes())
    action = rules.conflicts if draft.name == "train" else "keep"
    draft.handle(found, "texts with conflicting labels", action, "conflicts: drop")
    texts = draft.shape.readable(draft)
    if rules.near_duplicates == "keep" and texts.nbytes > COUNTED:
        log.info("%s: near duplicates are not counted above %d MB of text", draft.name, COUNTED // 1_000_000)
        return
    again = duplicates.repeats(draft.keys(), draft.codes())
    texts, codes = draft.shape.compared(draft)
    near = np.zeros(draft.rows, dtype=bool)
    single = texts.filter(pa.array(~again))
    near[~again] = near_duplicates.near_repeats(single, codes[~again], rules.near_threshold)
    action = "keep" if held_out and rules.near_duplicates == "drop" else rules.near_duplicates
    draft.handle(near, "near duplicates", action, "near_duplicates: drop")


def tell_of_missing_groups(drafts: dict[str, Draft], column: str | None) -> None:
    """Warn of splits without groups: train is then cut by record, and held-out ones cannot be compared with it."""
    for name in (name for name in ("train", *HELD_OUT) if column is not None and name in drafts):
        if drafts[name].table[GROUP].null_count == drafts[name].rows:
            then = "they are cut apart" if name == "train" else "nobody can see whether train has its groups"
            log.warning(
                "data.columns.group: no record of %s has a value in '%s', so that %s.",
                drafts[name].origin,
                column,
                then,
            )


def cut_missing(drafts: dict[str, Draft], params: DataParams) -> set[str]:
    """Cut test, then validation, from train where the data set has none.

    Returns:
        Names of the splits that were cut.

    Raises:
        DataError: there are too few records.
    """
    train, rest = drafts["train"], 1.0
    made: set[str] = set()
    for name, share in (("test", params.split.test), ("validation", params.split.validation)):
        if name in drafts:
            continue
        if params.columns.group is None:
            chosen = train.shape.choose(train, share / rest, params.split.seed)
        else:
            strata = train.shape.strata(train)
            carried = train.shape.carried(train)
            chosen = splitting.choose_groups(strata, share / rest, together(train), params.split.seed, carried)
        if not chosen.any():
            raise DataError(f"{train.origin}: {_too_few(train, params, name)}. Give a {name} file, or more records.")
        part = train.table.filter(pa.array(chosen))
        drafts[name] = Draft(name, train.origin, part, Report(read=part.num_rows), train.shape)
        train.done.add(f"moved to {name}", part.num_rows)
        train.keep(~chosen)
        rest -= share  # shares are of the whole file
        made.add(name)
    return made


def _too_few(train: Draft, params: DataParams, name: str) -> str:
    """Why nothing of train can be cut off."""
    column = params.columns.group
    if column is not None:
        count = len(np.unique(together(train)))
        return f"{train.rows:,} records in {count:,} groups (data.columns.group: {column}) cannot be cut into train and {name}"
    bound = train.shape.bound(train)
    if bound is not None:
        count, what = len(np.unique(bound)), "text" if train.shape.context is None else "context"
        return f"{train.rows:,} records on {count:,} {what}s cannot be cut into train and {name}: a {what} stays whole"
    classes = len(train.labels())
    within = f" in {classes} classes are too few to cut {name} from (a class keeps one record)"
    return f"{train.rows:,} records" + (within if classes else f" are too few to cut {name} from")


def together(draft: Draft) -> np.ndarray:
    """Keys of what stays in one split `(records,)`, uint64: groups, joined where they share what the shape keeps together.

    A record without a group is one with those of its own text, or of its context.
    """
    absent = pc.is_null(draft.table[GROUP]).to_numpy()
    named = hashing.digests(f"group {group}" for groups in draft.chunks(GROUP) for group in groups)
    bound = draft.shape.bound(draft)
    if bound is None:
        return np.where(absent, draft.keys(), named)
    return splitting.joined(np.where(absent, bound, named), bound)


def handle_rare(train: Draft, rules: Cleaning) -> None:
    """Labels with too few records in train to be learned.

    Raises:
        DataError: params refuse them, with their rows.
    """
    names = train.labels()
    counts = train.shape.counts(train, names)
    if counts is None:
        return
    rare = {name: int(count) for name, count in zip(names, counts, strict=True) if count < rules.rare_below}
    found = train.shape.with_any(train, list(rare))
    what = f"records of classes with fewer than {rules.rare_below} records"
    train.handle(found, what, rules.rare, "rare: drop", train.shape.target)
    if found.any():
        shown = ", ".join(f"'{name}' ({count})" for name, count in rare.items())
        log.info("train: rare classes: %s", shown if len(shown) < 500 else shown[:500] + " ...")


def check_labels(drafts: dict[str, Draft], labels: list[str], rules: Cleaning, made: set[str]) -> None:
    """Targets that can be learned, and none held out that train lacks.

    Args:
        drafts: the splits.
        labels: train's.
        rules: what params say.
        made: splits that were cut from train; where train lost a label afterwards (`rare: drop`), they lose its records too.

    Raises:
        DataError: otherwise.
    """
    train = drafts["train"]
    lack = train.shape.too_little(train)
    if lack is not None:
        raise DataError(f"{train.origin}: {lack}")
    for name in HELD_OUT:
        if name in drafts:
            draft = drafts[name]
            unknown, action = draft.shape.strange(draft, labels), "drop" if name in made else rules.unknown_labels
            draft.handle(unknown, "labels that train lacks", action, "unknown_labels: drop", draft.shape.target)
