"""Figures of one style whose bytes depend on the data alone: fixed size, no date, no version, no system font."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

BLUE, ORANGE, GREY, GREEN = "#3b6ea5", "#d9822b", "#8a8f98", "#4f9d69"
DPI = 110


def figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches."""
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def bare(axes: Any, title: str, x: str, y: str) -> None:
    """Title, names of the axes, and no frame."""
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)


def save(made: Figure, file: Path) -> None:
    """Write a PNG."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made.savefig(file, dpi=DPI, metadata={"Software": None})


def drawable(label: str, longest: int = 32) -> str:
    """A label that the font that comes with matplotlib can draw, and that is no formula to it.

    Other characters are spelt by their code, since which other fonts are there differs from machine to machine, and so would
    the bytes.
    """
    known = _characters()
    shown = "".join(char if ord(char) in known and char.isprintable() else f"\\u{ord(char):04x}" for char in label)
    shown = shown if len(shown) <= longest else shown[: longest - 1] + "…"
    return shown.replace("$", r"\$")


@lru_cache(maxsize=1)
def _characters() -> frozenset[int]:
    """Code points of Latin, Greek and Cyrillic that DejaVu Sans has."""
    font = FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"))
    return frozenset(code for code in font.get_charmap() if code < 0x530)


def write_csv(file: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table for `dvc plots`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
