"""Data sets of the Hugging Face hub, named and pinned by a small file, `NAME.hub.yaml`.

One such file::

    dataset: mteb/banking77
    revision: 0fd18e25b25c072e09e0d92ab615fda904d66300
    subset: null                         # a configuration's name, where the data set has several
    splits: {train: train, test: test}   # ours: theirs; left out: by their usual names

The file is what DVC watches: another revision is another file and reruns the pipeline, without asking the network.
`dataset` may also be a local folder in the hub's layout, which DVC does not watch. Code from the hub is never run:
`datasets` reads data files only. Importing `datasets` takes about two seconds, which only those pay who have such a file.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import pyarrow as pa
from pydantic import Field, ValidationError

from stages.artifacts import SPLITS
from stages.corpora.blocks import SIZE, Block
from stages.corpora.split_names import NAMES
from stages.errors import DataError, ParamsError, Problem, report
from stages.params.loading import read_yaml
from stages.params.section import Settings

HUB = "https://huggingface.co"
log = logging.getLogger(__name__)
SECONDS = 5
"""Patience with a hub that does not answer at all."""


class Reference(Settings):
    """A `*.hub.yaml` file.

    Attributes:
        dataset: hub id, or a local folder in the hub's layout.
        revision: commit of the data set, 40 hexadecimal digits; only a local folder does without.
        subset: configuration of the data set.
        splits: our name of a split to theirs.
    """

    dataset: Annotated[str, Field(min_length=1)]
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    subset: str | None = None
    splits: dict[str, str] | None = None


def reference(file: Path) -> Reference:
    """Read and check a `*.hub.yaml` file.

    Raises:
        DataError: one of its keys is wrong or missing.
    """
    try:
        found = Reference.model_validate(read_yaml(file))
    except ParamsError as error:
        raise DataError(str(error)) from None
    except ValidationError as error:
        problems = [Problem(one["msg"], file, field=".".join(map(str, one["loc"]))) for one in error.errors()]
        remedy = "Keys are dataset, revision (a commit of 40 hexadecimal digits), subset and splits."
        raise DataError(report(f"{file}: not a hub reference", problems, remedy)) from None
    strange = sorted(set(found.splits or {}) - set(SPLITS))
    if strange:
        raise DataError(f"{file}: splits: '{strange[0]}' is no split here. Use some of {', '.join(SPLITS)}.")
    if found.revision is None and not Path(found.dataset).is_dir():
        raise DataError(
            f"{file}: revision is required: {found.dataset} is no folder here, and a branch of a hub data set "
            "can move. Pin its commit of 40 hexadecimal digits."
        )
    return found


def read(file: Path) -> dict[str, Iterator[Block]]:
    """Load the data set that a `*.hub.yaml` file names.

    Returns:
        Our name of each split to its blocks. ClassLabel columns hold the classes' names.

    Raises:
        DataError: it cannot be loaded, or lacks a split that the file names.
    """
    chosen = reference(file)
    if Path(chosen.dataset).is_dir():
        log.warning(
            "%s: DVC does not watch the folder %s, so a change in it would not rerun anything. Set data.path to a folder "
            "with one file per split, or run `dvc repro -f prepare` after a change.",
            file,
            chosen.dataset,
        )
    found = _load(chosen, file)
    wanted = chosen.splits or _usual(found)
    missing = sorted(set(wanted.values()) - set(found))
    if missing or "train" not in wanted:
        lack = f"'{missing[0]}'" if missing else "that could be train"
        raise DataError(f"{file}: {chosen.dataset} has no split {lack}; it has {', '.join(found)}. Set `splits`.")
    left = [theirs for theirs in found if theirs not in wanted.values()]
    if left and chosen.splits is None:
        log.warning(
            "%s: nothing reads %s of %s. Set `splits` if they are wanted.", file, ", ".join(left), chosen.dataset
        )
    return {ours: _blocks(found[theirs]) for ours, theirs in wanted.items()}


def _usual(present: Mapping[str, Any]) -> dict[str, str]:
    """Our splits to theirs, by the names that data sets usually have."""
    pairs = ((ours, next((name for name in names if name in present), None)) for ours, names in NAMES.items())
    return {ours: theirs for ours, theirs in pairs if theirs is not None}


def _load(chosen: Reference, file: Path) -> Mapping[str, Any]:
    """All splits, by their own names.

    Raises:
        DataError: it cannot be found, reached or read.
    """
    if not Path(chosen.dataset).is_dir() and not _reachable():
        # Read when huggingface_hub is imported. Without it five retries with growing pauses come first.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(chosen.dataset, chosen.subset, revision=chosen.revision)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(
            f"{file}: {chosen.dataset} cannot be loaded: {reason}. With a network, check its name, revision and "
            "subset; without one, download its files elsewhere and set data.path to their folder."
        ) from None


def _reachable() -> bool:
    """Whether the hub answers at all; behind a proxy nobody knows, so that it is asked for the data itself."""
    address = urlsplit(os.environ.get("HF_ENDPOINT", HUB))
    if getproxies():
        return True
    try:
        port = address.port or (80 if address.scheme == "http" else 443)
        socket.create_connection((address.hostname or "", port), timeout=SECONDS).close()
    except OSError:
        return False
    return True


def _blocks(split: Any) -> Iterator[Block]:
    """A split of `datasets`, without decoding what nobody asked for (images, audio)."""
    names = {key: feature.names for key, feature in split.features.items() if hasattr(feature, "names")}
    inner = {key: getattr(feature, "feature", None) for key, feature in split.features.items()}
    listed = {key: feature.names for key, feature in inner.items() if feature is not None and hasattr(feature, "names")}
    row = 1
    for table in split.with_format("arrow").iter(batch_size=SIZE):
        columns: dict[str, Any] = {key: table[key].combine_chunks() for key in table.column_names}
        columns |= {key: _named(columns[key], classes) for key, classes in names.items()}
        columns |= {key: _each_named(columns[key], classes) for key, classes in listed.items()}
        yield Block(list(range(row, row + table.num_rows)), columns)
        row += table.num_rows


def _named(ids: pa.Array, classes: Sequence[str]) -> list[str | None]:
    """Class names of ids; -1 is how data sets mark a withheld label."""
    return [None if one is None or one < 0 else classes[one] for one in ids.to_pylist()]


def _each_named(lists: pa.Array, classes: Sequence[str]) -> list[list[str | None] | None]:
    """The same for lists of ids: several labels of one record."""
    return [
        None if ids is None else [None if one is None or one < 0 else classes[one] for one in ids]
        for ids in lists.to_pylist()
    ]
