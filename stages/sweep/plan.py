"""The file that names a sweep: rows of settings, seeds, and what all rows share.

One such file::

    seeds: [1, 2, 3]
    base: {training.epochs: 4}
    rows:
      full: {}
      lora: {adaptation.method: lora, training.learning_rate: 1.0e-3}

Keys are dotted paths into `params.yaml`, and have to stand there already. Every combination is checked as the stages check it
before anything is queued, so that a row that cannot work costs no hour of the rows before it.
"""

from __future__ import annotations

import copy
import difflib
import json
import logging
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from ruamel.yaml import YAML

from stages.errors import ParamsError, Problem, report
from stages.params import whole
from stages.params.loading import FILE, read_yaml
from stages.params.section import Settings
from stages.sweep.identity import Pipeline

SEED = "training.seed"
PREFIX = "sweep-"
"""How the names of a sweep's experiments begin."""
Values = dict[str, Any]
log = logging.getLogger("stages.sweep")


class Sweep(Settings):
    """What a sweep's file says.

    Attributes:
        seeds: of training; each row is run with each of them.
        base: settings that all rows share, by dotted path.
        rows: settings of each row, by its name.
    """

    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    base: Values = Field(default_factory=dict)
    rows: Annotated[dict[str, Values], Field(min_length=1)]


@dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Attributes:
        row: that it belongs to.
        seed: of training.
        settings: what it changes in `params.yaml`, by dotted path.
        name: of the experiment; ends in a digest of everything that its result depends on.
        params: `params.yaml` as it will be.
    """

    row: str
    seed: int
    settings: Values
    name: str
    params: dict[str, Any]

    @property
    def words(self) -> list[str]:
        """Its settings for `dvc exp run`."""
        return [word for key, value in self.settings.items() for word in ("-S", f"{key}={spelt(value)}")]


def read(file: Path) -> Sweep:
    """Read a sweep's file.

    Raises:
        ParamsError: it is no YAML, or says something else than seeds, base and rows; all of it at once.
    """
    content = read_yaml(file)
    try:
        return Sweep.model_validate(content)
    except ValidationError as error:
        problems = [
            Problem(one["msg"], field=".".join(str(part) for part in one["loc"]) or None) for one in error.errors()
        ]
        remedy = "A sweep has seeds (a list), rows (name: settings), and, if need be, base (settings)."
        raise ParamsError(report(f"{file}: {_count(problems)}", problems, remedy)) from None


def trials(file: Path, params: Path = FILE) -> list[Trial]:
    """Every run of a sweep, rows in their order, seeds within rows; a row that says what an earlier one says is left out.

    Args:
        file: of the sweep.
        params: that its settings change.

    Raises:
        ParamsError: a key is unknown, or a combination cannot work; all of them at once.
    """
    sweep, before, pipeline = read(file), read_yaml(params), Pipeline.read()
    problems = list(_problems(sweep, before, file))
    if problems:
        raise ParamsError(report(f"{file}: {_count(problems)}", problems, "Mend the sweep and run again."))
    for key, value in sweep.base.items():
        if changed(before, {key: value}) != before:
            log.info("sweep: %s sets %s to %s for all rows, whatever params.yaml says", file, key, spelt(value))
    found: list[Trial] = []
    for row, settings in sweep.rows.items():
        for seed in sweep.seeds:
            own = {**sweep.base, **settings, SEED: seed}
            after = changed(before, own)
            found.append(Trial(row, seed, own, f"{PREFIX}{_slug(row)}-{seed}-{pipeline.digest(after)}", after))
    return _without_twins(found, file)


def changed(params: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of params with settings at their dotted paths."""
    result: dict[str, Any] = copy.deepcopy(dict(params))
    for key, value in settings.items():
        *parents, last = key.split(".")
        group = result
        for parent in parents:
            group = group[parent]
        group[last] = value
    return result


def spelt(value: Any) -> str:
    """A value as `dvc exp run -S` reads it back unchanged (the grammar of Hydra's overrides)."""
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return f"[{','.join(spelt(one) for one in value)}]"
    escaped = str(value).replace("'", "\\'")
    return f"'{escaped}'"


def _problems(sweep: Sweep, params: Mapping[str, Any], file: Path) -> Iterator[Problem]:
    """What is wrong with keys; only where nothing is, what the stages would say of each row."""
    found = list(_keys(sweep, params, file))
    yield from found
    if found:
        return
    for name, settings in sweep.rows.items():
        after = changed(params, {**sweep.base, **settings, SEED: sweep.seeds[0]})
        said = _refused(after)
        if not said and len(sweep.seeds) > 1 and (after.get("training") or {}).get("seeds"):
            said = "training.seeds trains with its own seeds, whatever `seeds` says; set it to null, or name one seed"
        if said:
            yield Problem(said, file=file, field=f"rows.{name}")


def _keys(sweep: Sweep, params: Mapping[str, Any], file: Path) -> Iterator[Problem]:
    known = list(_paths(params))
    if len(set(sweep.seeds)) < len(sweep.seeds):
        yield Problem("names a seed twice", file=file, field="seeds")
    for place, settings in [("base", sweep.base), *((f"rows.{name}", own) for name, own in sweep.rows.items())]:
        for key, value in settings.items():
            if key == SEED:
                yield Problem(f"{SEED} is set by `seeds`; take it out", file=file, field=place)
            elif isinstance(value, dict):
                yield Problem(f"{key}: name single keys ({key}.…), not a group", file=file, field=place)
            elif key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                yield Problem(f"params.yaml has no '{key}'{hint}", file=file, field=place)


def _refused(params: Mapping[str, Any]) -> str | None:
    """What the stages would say of these params; None where they would take them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE.name
        YAML().dump(dict(params), file)
        try:
            whole.check(file)
        except ParamsError as error:
            return " ".join(line.strip() for line in str(error).splitlines()[1:-1])
    return None


def _count(problems: Sequence[Problem]) -> str:
    return "1 problem" if len(problems) == 1 else f"{len(problems)} problems"


def _without_twins(found: Sequence[Trial], file: Path) -> list[Trial]:
    """Trials without rows that say what an earlier one says; of a ready sweep it is the user's own params that make twins."""
    first: dict[str, str] = {}
    twins: dict[str, str] = {}
    for one in found:
        digest = one.name.rsplit("-", 1)[-1]
        if first.setdefault(digest, one.row) != one.row:
            twins[one.row] = first[digest]
    for row, other in twins.items():
        log.warning("%s: row '%s' says what '%s' says, with the params that are here; it is left out", file, row, other)
    return [one for one in found if one.row not in twins]


def _paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")


def _slug(row: str) -> str:
    """A row's name in letters that a git ref takes."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", row).strip("-") or "row"
