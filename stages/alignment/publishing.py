"""The alignment's outs: scalars for diffs, details, plot tables, and the report page."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stages import artifacts
from stages.alignment import page
from stages.alignment.result import Alignment
from stages.alignment.verdict import bounds
from stages.analysis.plots.canvas import write_csv
from stages.params.alignment import AlignmentParams

OFF = "Not measured: evaluation.alignment.enabled is false."


def write(found: Alignment | None, params: AlignmentParams, decimals: int) -> None:
    """Write every out; with nothing measured, outs that say so."""
    shutil.rmtree(artifacts.ALIGNMENT, ignore_errors=True)
    artifacts.write_json(artifacts.ALIGNMENT_METRICS, found.scalars(decimals) if found else {})
    artifacts.write_json(artifacts.ALIGNMENT / "details.json", found.details(decimals) if found else {"note": OFF})
    _text(artifacts.ALIGNMENT / "report.html", page.html(found, params.thresholds) if found else f"<p>{OFF}</p>\n")
    _text(artifacts.ALIGNMENT / "report.md", page.markdown(found) if found else f"{OFF}\n")
    tables = _tables(found, decimals) if found else {}
    for name, (columns, _) in COLUMNS.items():
        write_csv(artifacts.ALIGNMENT / "plots" / f"{name}.csv", columns, tables.get(name, []))


COLUMNS: dict[str, tuple[Sequence[str], str]] = {
    "retention": (("ability", "kind", "n", "base", "tuned", "floor", "retained", "low", "high"), "one row per ability"),
    "layers": (("layer", "probe", "cka"), "one row per layer, embeddings first"),
    "information": (("layer", "correct", "of"), "one row per refitted ability, model and layer"),
    "way": (("share", "accuracy", "ability"), "one row per share of tuned weights"),
    "reliability": (("confidence", "accuracy", "low", "high", "n"), "one row per bin, with the null band"),
    "robustness": (("change", "drop", "low", "high", "flips", "n"), "one row per kind of change"),
    "shift": (("split", "statistic", "value", "low", "high", "n"), "one row per split and statistic"),
}
"""Columns of each plot table, and what its rows are."""


def _tables(found: Alignment, decimals: int) -> dict[str, Iterable[Sequence[Any]]]:
    def numbers(*values: float) -> list[float]:
        return [round(value, decimals) for value in values]

    abilities = [
        [
            one.ability,
            "access" if one.access else "information",
            one.base.n,
            *numbers(one.base.value, one.tuned.value, one.floor.value),
            *(numbers(one.retained.value, *bounds(one.retained)) if one.retained else ["", "", ""]),
        ]
        for one in found.retention.readings
    ]
    probes = [numbers(one)[0] for one in found.task.layers] if found.task else [""] * len(found.retention.cka)
    layers = [[i, probe, *numbers(cka)] for i, (probe, cka) in enumerate(zip(probes, found.retention.cka, strict=True))]
    around = found.around
    information = [
        [i, *numbers(value), f"{model}, {name}"]
        for name, both in found.retention.by_layer.items()
        for model, values in zip(("base", "tuned"), both, strict=True)
        for i, value in enumerate(values)
    ]
    shifts = []
    for split, one in found.shifts.items():
        test, ratio = one.normalised, one.distance_ratio
        shifts.append([split, "separation", *numbers(test.auc, test.low, test.high), test.n])
        shifts.append([split, "distance ratio", *numbers(ratio.value, *bounds(ratio)), one.n])
    way = [numbers(one.share, one.accuracy.value, one.ability.value) for one in found.way]
    bins = [
        [*numbers(one.confidence, one.accuracy, one.low, one.high), one.count]
        for one in (around.reliability if around else [])
    ]
    changes = [
        [
            one.name,
            *(["", "", ""] if one.drop is None else numbers(one.drop.value, *bounds(one.drop))),
            *numbers(one.flips.value),
            one.flips.n,
        ]
        for one in (around.robustness if around else [])
    ]
    return {
        "retention": abilities,
        "layers": layers,
        "information": information,
        "shift": shifts,
        "way": way,
        "reliability": bins,
        "robustness": changes,
    }


def _text(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")
