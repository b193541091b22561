"""From `data.path` to raw splits: which file is which.

A folder holds one file per split (`train.csv`, `test.jsonl`, ...; see `NAMES`); other files in it are left alone, and named
where they could be read and nothing else in params speaks of them: a test file by another name would be cut from train
without a word. A single file is train, and the splits it lacks are cut from it. A `NAME.hub.yaml` file stands for a data
set of the hub.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from stages.corpora import columns
from stages.corpora.blocks import Block
from stages.corpora.readers import HUB, READERS, hub
from stages.corpora.records import HIDDEN, Draft
from stages.corpora.shapes.shape import Shape
from stages.corpora.split_names import NAMES
from stages.errors import SHOWN, DataError
from stages.params.data import DataParams

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
log = logging.getLogger(__name__)


def read(params: DataParams, shape: Shape) -> dict[str, Draft]:
    """Read every split that `data.path` offers, as records of a shape.

    Raises:
        DataError: nothing is there, files are ambiguous or faulty, columns are missing, values are no text.
    """
    path = Path(params.path)
    if not path.exists():
        raise DataError(
            f"data.path: {path} does not exist. Put your data there, or name another file or folder.{_of_the_hub(path)}"
        )
    if path.is_file() and path.name.lower().endswith(HUB):
        named = [(split, f"{path}[{split}]", blocks) for split, blocks in hub.read(path).items()]
    else:
        files = _by_split(path) if path.is_dir() else {"train": path}
        if path.is_dir():
            _name_the_rest(path, files, params)
        named = [(split, str(file), _open(file, params)) for split, file in files.items()]
    drafts: dict[str, Draft] = {}
    for split, origin, blocks in named:
        counts: dict[str, int] = {}
        watched = shape.watch(blocks, origin, params, counts)
        drafts[split] = columns.collect(split, origin, watched, params.columns, shape)
        for what, count in counts.items():
            drafts[split].done.add(what, count)
    return drafts


def _open(file: Path, params: DataParams) -> Iterator[Block]:
    """The records of one file.

    Raises:
        DataError: its format has no reader.
    """
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        raise DataError(f"{file}: no reader for '{file.suffix}'; there are {', '.join(READERS)} and {HUB}.")
    return reader(file, params.csv)


def _of_the_hub(path: Path) -> str:
    """What to do where a path that does not exist looks like the name of a hub data set."""
    if not _HUB_ID.fullmatch(str(path)) or path.parent.exists() or path.suffix.lower() in READERS:
        return ""
    return (
        f" If {path} is a data set of the hub, write its name and the commit to use into a file NAME{HUB}, as in "
        f"recipes/banking77{HUB}, and set data.path to that file."
    )


def _name_the_rest(folder: Path, files: Mapping[str, Path], params: DataParams) -> None:
    """Warn of data files that neither a split nor another param of `data` took, but for JSON documents beside other data."""
    settings = params.augmentation
    others = (settings.synonyms.file, settings.back_translation.file, params.rehearsal.path)
    known = {*files.values(), *map(Path, others)}
    left = [file for file in _readable(folder) if not any(file.samefile(one) for one in known if one.exists())]
    if files["train"].suffix.lower() != ".json":
        left = [file for file in left if file.suffix.lower() != ".json"]
    if left:
        log.warning(
            "%s: no split takes %s%s. A file is a split by its name before the suffix, one of %s. Rename it, unless it is for "
            "something else.",
            folder,
            ", ".join(file.name for file in left[:SHOWN]),
            f" and {len(left) - SHOWN:,} more" if len(left) > SHOWN else "",
            ", ".join(name for names in NAMES.values() for name in names),
        )


def _readable(folder: Path) -> list[Path]:
    """Files of a folder whose format has a reader, in the order of their names."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in READERS and file.is_file())


def _by_split(folder: Path) -> dict[str, Path]:
    """Split name to file.

    Raises:
        DataError: two files could be one split, or none could be train.
    """
    candidates = _readable(folder)
    found: dict[str, Path] = {}
    for split, names in NAMES.items():
        matching = [file for file in candidates if file.stem.lower() in names]
        if len(matching) > 1:
            both = " and ".join(file.name for file in matching)
            raise DataError(f"{folder}: {both} could each be {split}. Remove or rename all but one.")
        if matching:
            found[split] = matching[0]
    if "train" in found:
        return found
    # A JSON document beside the data is seldom data.
    alone = [file for file in candidates if file.suffix.lower() != ".json"] or candidates
    if len(alone) == 1 and not found:
        return {"train": alone[0]}
    seen = ", ".join(file.name for file in candidates[:SHOWN]) or "no data file"
    raise DataError(
        f"{folder}: expected a file train with suffix {', '.join(READERS)}, found {seen}. Name one 'train'."
    )


def kept_columns(drafts: Mapping[str, Draft]) -> list[str]:
    """The further columns that at least one split has, in the order of params."""
    tables, own = [draft.table for draft in drafts.values()], next(iter(drafts.values())).shape.own
    further = [name for name in tables[0].column_names if name not in own and not name.startswith(HIDDEN)]
    return [name for name in further if any(table[name].null_count < table.num_rows for table in tables)]
