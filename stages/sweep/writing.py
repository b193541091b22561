"""The sweep's table as CSV, as Markdown and as a picture; the Markdown is made from the CSV alone.

So a document that holds the table can be checked against the CSV beside it, and nothing in it is copied by hand.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from stages.analysis.plots import canvas
from stages.errors import DataError
from stages.sweep.fronts import COSTS, FIGURES, Row, Spread
from stages.sweep.harvest import Run

DIGITS = {"trainable_parameters": 0, "seconds": 1, "memory_mib": 0}
SHARES = 4
"""Digits of metrics and shares."""
NAMES = {
    "retention": "retention (worst ability)",
    "trainable_parameters": "weights that learn",
    "seconds": "training seconds",
    "memory_mib": "peak MiB",
}
PLAIN = tuple(one.name for one in fields(Row) if one.name not in {*FIGURES, "fronts"})
COLUMNS = (*PLAIN, *(f"{name}{end}" for name in FIGURES for end in ("", "_std")), "fronts")


def write_rows(file: Path, rows: Sequence[Row]) -> None:
    """The table, a line per row; unknown figures are empty."""
    lines = []
    for one in rows:
        figures = [_rounded(name, value) for name in FIGURES for value in asdict(getattr(one, name)).values()]
        lines.append([*(getattr(one, name) for name in PLAIN), *figures, " ".join(one.fronts)])
    canvas.write_csv(file, COLUMNS, lines)


def read_rows(file: Path) -> list[Row]:
    """Read what `write_rows` wrote.

    Raises:
        DataError: the file is missing, or has other columns.
    """
    if not file.is_file():
        raise DataError(f"{file}: not found. Run `make sweep`, which makes it.")
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise DataError(
                f"{file}: expected the columns {', '.join(COLUMNS)}. Run `make sweep`, which makes it anew."
            )
        return [_row(line) for line in reader]


def write_runs(file: Path, runs: Sequence[Run]) -> None:
    """Every run with its experiment, for whoever wants to look closer."""
    columns = [one.name for one in fields(Run)]
    lines = [["" if value is None else value for value in (getattr(one, name) for name in columns)] for one in runs]
    canvas.write_csv(file, columns, lines)


def read_runs(file: Path) -> list[Run]:
    """Read what `write_runs` wrote.

    Raises:
        DataError: the file is missing.
    """
    if not file.is_file():
        raise DataError(f"{file}: not found. Run `make sweep`, which makes it.")
    with file.open(encoding="utf-8", newline="") as stream:
        return [_run(line) for line in csv.DictReader(stream)]


def _run(line: dict[str, str]) -> Run:
    """An empty cell is a figure that is not known."""
    numbers = {"seed": int, **{one.name: float for one in fields(Run) if one.type == "float | None"}}
    given: dict[str, Any] = {name: numbers.get(name, str)(cell) for name, cell in line.items() if cell}
    return Run(**given)


def markdown(rows: Sequence[Row]) -> str:
    """The table as Markdown, and below it what failed or is unknown."""
    metric = next((one.metric for one in rows if one.metric), "metric").replace("_", " ")
    chosen = next((one.chosen_by for one in rows if one.chosen_by), "").replace("_", " ")
    head = [
        "row",
        "seeds",
        f"{metric} on test",
        f"{chosen or 'metric'} on validation",
        *NAMES.values(),
        "on the front of",
    ]
    lines = [_line(head), _line(["---"] * len(head))]
    for one in rows:
        figures = [_shown(name, getattr(one, name)) for name in ("target", "validation", *COSTS)]
        fronts = ", ".join(_short(name) for name in one.fronts)
        lines.append(_line([f"`{one.row}`", str(one.runs), *figures, fronts]))
    lines += ["", "Means and standard deviations over seeds."]
    failed = [f"{one.failed} of `{one.row}`" for one in rows if one.failed]
    if failed:
        lines.append(f"Runs that failed and are left out: {', '.join(failed)}.")
    if any(one.runs and one.seconds.mean is None for one in rows):
        lines.append(
            "Where seconds and memory are blank, the run was restored or resumed, and nothing recorded them whole."
        )
    return "\n".join(lines) + "\n"


def marks(name: str) -> tuple[str, str]:
    """The lines of a document between which a table stands, by the table's name; HTML comments, so that no reader sees them."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def held(file: Path, name: str) -> str:
    """What stands between a document's marks.

    Raises:
        DataError: the document or its marks are missing.
    """
    return _parts(file, name)[1]


def put_into(file: Path, name: str, table: str) -> None:
    """Replace what stands between a document's marks.

    Raises:
        DataError: the document or its marks are missing.
    """
    before, _, after = _parts(file, name)
    file.write_text(f"{before}{table}{after}", encoding="utf-8")


def _parts(file: Path, name: str) -> tuple[str, str, str]:
    """A document up to and with its first mark, between the marks, and from the second one on."""
    begin, end = marks(name)
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if text.count(f"{begin}\n") != 1 or text.count(end) != 1 or text.index(f"{begin}\n") > text.index(end):
        raise DataError(
            f"{file}: expected one line '{begin}' and, below it, one line '{end}'; write them where the table goes."
        )
    first, last = text.index(f"{begin}\n") + len(begin) + 1, text.index(end)
    return text[:first], text[first:last], text[last:]


def draw(file: Path, rows: Sequence[Row]) -> None:
    """The target metric against each cost, with its front."""
    made = canvas.figure(11.0, 8.0)
    metric = next((one.metric for one in rows if one.metric), "metric").replace("_", " ")
    for axes, cost in zip(made.subplots(2, 2).flat, COSTS, strict=True):
        known = [one for one in rows if one.target.mean is not None and getattr(one, cost).mean is not None]
        for one in known:
            x, y, on = getattr(one, cost), one.target, cost in one.fronts
            ink = canvas.BLUE if on else canvas.GREY
            axes.errorbar(x.mean, y.mean, xerr=x.std, yerr=y.std, fmt="o", color=ink, markersize=5, elinewidth=0.7)
            axes.annotate(canvas.drawable(one.row), (x.mean, y.mean), (4, 3), textcoords="offset points", fontsize=7)
        front = sorted((getattr(one, cost).mean, one.target.mean) for one in known if cost in one.fronts)
        if front:
            axes.plot(*zip(*front, strict=True), color=canvas.BLUE, linewidth=0.8)
        if cost == "trainable_parameters" and known:
            axes.set_xscale("log")
        title = f"{metric} on test and {NAMES[cost]}" + ("" if known else ": not known")
        canvas.bare(axes, title, NAMES[cost], metric)
    canvas.save(made, file)


def _row(line: dict[str, str]) -> Row:
    plain: dict[str, Any] = {name: line[name] for name in PLAIN}
    for name in ("runs", "failed"):
        plain[name] = int(plain[name])
    figures: dict[str, Any] = {name: Spread(_number(line[name]), _number(line[f"{name}_std"])) for name in FIGURES}
    return Row(**plain, **figures, fronts=tuple(line["fronts"].split()))


def _number(text: str) -> float | None:
    return float(text) if text else None


def _rounded(name: str, value: float | None) -> str:
    return "" if value is None else f"{value:.{DIGITS.get(name, SHARES)}f}"


def _shown(name: str, one: Spread) -> str:
    if one.mean is None:
        return ""
    digits = DIGITS.get(name, 3)
    spread = "" if one.std is None or (name == "trainable_parameters" and not one.std) else f" ± {one.std:,.{digits}f}"
    return f"{one.mean:,.{digits}f}{spread}"


def _short(cost: str) -> str:
    return {"trainable_parameters": "weights", "memory_mib": "memory"}.get(cost, cost)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
