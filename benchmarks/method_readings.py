"""What the tuned models of a sweep still can, and how right they are when messages are changed, read apart from the sweep.

The alignment report of each run reads as many records as its budget allows. Here every model is asked all there is: up to 2,000
labelled texts and 1,000 pairs per reference, and every message of test after each change of `stages.analysis.robustness`. Base
model and random weights are read once. What each record was worth is kept beside the clone's reports, so that a reading that
was interrupted goes on.

A figure is the mean over seeds, with the standard deviation over seeds and an interval over records: the one says what another
seed would change, the other what other records of the kind would. Differences from a reference row are paired by record.
"""

from __future__ import annotations

import csv
import logging
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.clones import REFERENCES
from stages import artifacts
from stages.alignment import asking, readers, references, retention
from stages.alignment.abilities import Ability
from stages.alignment.readers import Reader
from stages.alignment.surroundings import Model
from stages.analysis import robustness
from stages.analysis.plots import canvas
from stages.metrics.intervals import Bootstrap
from stages.sweep import harvest
from stages.sweep.harvest import Run
from stages.training.prediction import Tuned, load_tuned

RECORDS, SEED = 1000, 11
"""As in `evaluation.alignment`: records per statistic, and the seed of samples and of random weights."""
KEPT, CHANGED = "kept", "changed"
"""Kinds of figures: the share kept of an ability above random weights, and accuracy on changed messages."""
AS_IT_IS = "as it is"
REFERENCE = {KEPT: "plain", CHANGED: "full"}
"""Rows that the others are compared with."""
CHANGED_ROWS = ("full", "full-fgm", "full-r-drop", "full-contrastive")
"""Rows that are asked changed messages: what is said to help there, and what it is said to be better than."""
Credit = Mapping[str, np.ndarray]
"""What each record was worth `(records,)`, by kind and name."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """A figure of a row.

    Attributes:
        row: of the sweep.
        kind: one of the above.
        name: of the ability or the change.
        seeds: whose mean it is.
        records: that were asked.
        value: the mean.
        std: standard deviation over seeds; 0 for one.
        low: end of the interval over records.
        high: likewise.
        gap: value less that of the reference row; 0 for that row itself.
        gap_low: end of its interval.
        gap_high: likewise.
    """

    row: str
    kind: str
    name: str
    seeds: int
    records: int
    value: float
    std: float
    low: float
    high: float
    gap: float
    gap_low: float
    gap_high: float


NUMBERS = tuple(one.name for one in fields(Line) if one.type == "float")


def lines(clones: Sequence[Path], runs: Sequence[Run], how: Bootstrap) -> list[Line]:
    """Ask every model of a sweep what was not asked yet, and make figures of it.

    Args:
        clones: where the sweep ran.
        runs: of the sweep.
        how: intervals are made.
    """
    found: dict[str, Credit] = {}
    for clone in clones:
        with chdir(clone):
            here = set(harvest.commits().values())
            if own := [run for run in runs if run.commit in here]:
                found = {**_Asked().all_of(own), **found}
    rows: dict[str, list[Credit]] = {}
    for run in (run for run in runs if run.commit):
        rows.setdefault(run.row, []).append(found[run.experiment])
    return figures(rows, found["base"], found["random"], how)


def figures(rows: Mapping[str, Sequence[Credit]], base: Credit, floor: Credit, how: Bootstrap) -> list[Line]:
    """Means over seeds with their intervals, rows in their order.

    Args:
        rows: credit of each seed, by row.
        base: credit of the base model in abilities.
        floor: credit of random weights likewise.
        how: intervals are made.
    """
    made = []
    for row, seeds in rows.items():
        for key in seeds[0]:
            kind, name = key.split("/", 1)
            compared = rows.get(REFERENCE[kind], seeds)
            given = [np.mean([one[key] for one in part], axis=0) for part in (seeds, compared)]
            if kind == KEPT:
                ends = base[key], floor[key]
                if retention.reading(name, np.stack([ends[0], given[0], ends[1]]), how, access=True).retained is None:
                    continue
                given += ends
                each = [float(_values(*(part.mean() for part in (one[key], one[key], *ends)))[0]) for one in seeds]
            else:
                each = [float(one[key].mean()) for one in seeds]
            made.append(_line(row, kind, name, np.stack(given), each, how))
    return made


def _line(row: str, kind: str, name: str, given: np.ndarray, each: list[float], how: Bootstrap) -> Line:
    records = given.shape[1]
    value, reference = _values(*given.mean(axis=1))
    draws = np.concatenate([block @ given.T / records for block in how.weights(records)])
    own, other = _values(*draws.T)
    spread = float(np.std(each, ddof=1)) if len(each) > 1 else 0.0
    ends, gaps = how.interval(own), how.interval(own - other)
    return Line(row, kind, name, len(each), records, float(value), spread, *ends, float(value - reference), *gaps)


def _values(own: Any, reference: Any, base: Any = None, floor: Any = None) -> tuple[Any, Any]:
    """A row's figure and the reference row's: as they are, or as shares between random weights and the base model."""
    if base is None:
        return own, reference
    return (own - floor) / (base - floor), (reference - floor) / (base - floor)


class _Asked:
    """Models of the project in the working directory, one after another."""

    def __init__(self) -> None:
        given = references.read(Path(REFERENCES))
        self.abilities: list[Ability] = asking.abilities_of(given, RECORDS, SEED)
        self.kept = Path("readings")

    def all_of(self, runs: Sequence[Run]) -> dict[str, Credit]:
        """Credit by experiment, and of `base` and `random`."""
        self.kept.mkdir(exist_ok=True)
        found: dict[str, Credit] = {}
        for i, run in enumerate(runs, 1):
            file = self.kept / f"{run.experiment}.npz"
            if not file.is_file() or not (self.kept / "random.npz").is_file():
                with tempfile.TemporaryDirectory() as folder:
                    self._ask(run, Path(folder))
                log.info("readings: %d of %d models asked", i, len(runs))
            found[run.experiment] = _loaded(file)
        return {**found, **{name: _loaded(self.kept / f"{name}.npz") for name in ("base", "random")}}

    def _ask(self, run: Run, folder: Path) -> None:
        commit = str(run.commit)
        model = _fetched(commit, artifacts.FINETUNED, folder)
        tuned = load_tuned(model)
        reader = readers.of_tuned(tuned, model)
        credit = self._abilities(reader)
        if run.row in CHANGED_ROWS:
            test = artifacts.read_table(_fetched(commit, artifacts.prepared("test"), folder), ["text", "label"])
            credit |= self._changes(tuned, reader, test)
        self._keep(run.experiment, credit)
        if not (self.kept / "random.npz").is_file():
            base = readers.of_base(tuned)
            self._keep("base", self._abilities(base))
            self._keep("random", self._abilities(readers.of_random(base, SEED)))

    def _keep(self, name: str, credit: Mapping[str, Any]) -> None:
        np.savez_compressed(self.kept / f"{name}.npz", **credit)

    def _abilities(self, reader: Reader) -> dict[str, np.ndarray]:
        return {f"{KEPT}/{one.name}": one.right(reader).astype(float) for one in self.abilities}

    @staticmethod
    def _changes(tuned: Tuned, reader: Reader, test: pa.Table) -> dict[str, np.ndarray]:
        texts, place = test["text"].to_pylist(), {name: i for i, name in enumerate(tuned.schema.labels)}
        gold = np.array([place[one] for one in test["label"].to_pylist()])
        model = Model(tuned, reader)
        asked = {AS_IT_IS: texts, **{name: robustness.changed(texts, name) for name in robustness.CHANGES}}
        return {f"{CHANGED}/{name}": (model.decide(said) == gold).astype(float) for name, said in asked.items()}


def _fetched(commit: str, path: Path, folder: Path) -> Path:
    """A copy of what an experiment made, a file or a folder, from DVC's cache."""
    from dvc.api import DVCFileSystem

    place = folder / path.name
    DVCFileSystem(".", rev=commit).get(path.as_posix(), str(place), recursive=not path.suffix)
    return place


def _loaded(file: Path) -> Credit:
    with np.load(file) as found:
        return dict(found)


def write(file: Path, made: Sequence[Line]) -> None:
    """A line per figure."""
    rows = [[f"{cell:.4f}" if isinstance(cell, float) else cell for cell in astuple(one)] for one in made]
    canvas.write_csv(file, [one.name for one in fields(Line)], rows)


def read(file: Path) -> list[Line]:
    """Read what `write` wrote."""
    with file.open(encoding="utf-8", newline="") as stream:
        return [_read(line) for line in csv.DictReader(stream)]


def _read(line: dict[str, str]) -> Line:
    kinds: dict[str, Any] = {**dict.fromkeys(NUMBERS, float), "seeds": int, "records": int}
    return Line(**{name: kinds.get(name, str)(cell) for name, cell in line.items()})


def table(made: Sequence[Line], kind: str, shown: Sequence[str] | None = None) -> str:
    """Rows against the figures of a kind, as Markdown.

    Args:
        made: figures of all kinds.
        kind: that is told.
        shown: names in their order; all by default.
    """
    own = [one for one in made if one.kind == kind]
    names = list(shown or dict.fromkeys(one.name for one in own))
    asked = {one.name: one.records for one in own}
    out = [
        f"| row | {' | '.join(f'{name} (n = {asked[name]:,})' for name in names)} |",
        "| --- |" + " --- |" * len(names),
    ]
    cell = {(one.row, one.name): (_kept(one) if kind == KEPT else _beside(one)) for one in own}
    rows = dict.fromkeys(one.row for one in own)
    out += [f"| `{row}` | {' | '.join(cell.get((row, name), '') for name in names)} |" for row in rows]
    return "\n".join(out) + "\n"


def _kept(one: Line) -> str:
    return f"{one.value:.2f} ± {one.std:.2f} ({one.low:.2f} to {one.high:.2f})"


def _beside(one: Line) -> str:
    gap = "" if one.row == REFERENCE[one.kind] else f"; {one.gap:+.4f} ({one.gap_low:+.4f} to {one.gap_high:+.4f})"
    return f"{one.value:.4f} ± {one.std:.4f}{gap}"
