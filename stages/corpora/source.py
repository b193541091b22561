"""From `data.path` to raw splits: which file is which.

A folder holds one file per split (`train.csv`, `test.jsonl`, ...; see `NAMES`); other files in it are left alone. A
single file is train, and the splits it lacks are cut from it. A `NAME.hub.yaml` file stands for a data set of the
hub.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stages.corpora import columns
from stages.corpora.blocks import Block
from stages.corpora.readers import HUB, READERS, hub
from stages.corpora.records import HIDDEN, Draft
from stages.corpora.shapes.shape import Shape
from stages.errors import SHOWN, DataError
from stages.params.data import DataParams

NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
    "shifted": ("shifted",),
    "unlabelled": ("unlabelled", "unlabeled"),
    "out_of_scope": ("out_of_scope", "out-of-scope", "oos"),
}


def read(params: DataParams, shape: Shape) -> dict[str, Draft]:
    """Read every split that `data.path` offers, as records of a shape.

    Raises:
        DataError: nothing is there, files are ambiguous or faulty, columns are missing, values are no text.
    """
    path = Path(params.path)
    if not path.exists():
        raise DataError(f"data.path: {path} does not exist. Put your data there, or name another file or folder.")
    if path.is_file() and path.name.lower().endswith(HUB):
        named = [(split, f"{path}[{split}]", blocks) for split, blocks in hub.read(path).items()]
    else:
        files = _by_split(path) if path.is_dir() else {"train": path}
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


def _by_split(folder: Path) -> dict[str, Path]:
    """Split name to file.

    Raises:
        DataError: two files could be one split, or none could be train.
    """
    candidates = sorted(file for file in folder.iterdir() if file.suffix.lower() in READERS and file.is_file())
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
