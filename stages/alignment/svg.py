"""Small drawings as SVG text: they stand inside the report page, need no script, and have the same bytes each time."""

from __future__ import annotations

import bisect
import itertools
import math
import unicodedata
from collections.abc import Sequence
from html import escape

BLUE, ORANGE, GREY, LIGHT = "#3b6ea5", "#d9822b", "#667080", "#d8dde4"
WIDTH = 640


def forest(rows: Sequence[tuple[str, float, float, float]], limit: float | None, low: float, high: float) -> str:
    """Values with intervals, one per row, and a line where the limit lies.

    Args:
        rows: name, value, and the ends of its interval.
        limit: threshold to draw; None for none.
        low: left end of the axis.
        high: right end.
    """
    left, row = 270, 24
    height = row * len(rows) + 34

    def x(value: float) -> float:
        return left + (WIDTH - left - 20) * (min(max(value, low), high) - low) / (high - low)

    parts = [opening(height, "values with their intervals")]
    for tick in ticks(low, high):
        parts.append(line(x(tick), 6, x(tick), height - 22, LIGHT))
        parts.append(text(x(tick), height - 8, f"{tick:g}", "middle"))
    if limit is not None:
        parts.append(line(x(limit), 2, x(limit), height - 22, ORANGE, dashed=True))
    for i, (name, value, start, end) in enumerate(rows):
        y = 18 + row * i
        parts.append(text(left - 10, y + 4, short(name), "end"))
        parts.append(line(x(start), y, x(end), y, BLUE, width=2))
        parts.append(f'<circle cx="{x(value):.1f}" cy="{y}" r="4" fill="{BLUE}"/>')
    return "".join([*parts, "</svg>"])


def curves(series: Sequence[tuple[str, Sequence[float]]], x_name: str, low: float, high: float) -> str:
    """Lines over the layers, embeddings first.

    Args:
        series: name and one value per layer.
        x_name: name of the axis.
        low: lower end of the values' axis.
        high: upper end.
    """
    height, left, bottom, right = 220, 46, 36, 130
    count = max(len(values) for _, values in series)

    def x(i: int) -> float:
        return left + (WIDTH - left - right) * i / max(count - 1, 1)

    def y(value: float) -> float:
        return 10 + (height - bottom - 10) * (1 - (min(max(value, low), high) - low) / (high - low))

    parts = [opening(height, f"values by {x_name}")]
    for tick in ticks(low, high):
        parts.append(line(left, y(tick), WIDTH - right, y(tick), LIGHT))
        parts.append(text(left - 6, y(tick) + 4, f"{tick:g}", "end"))
    parts += [text(x(i), height - 18, str(i), "middle") for i in range(count)]
    parts.append(text((left + WIDTH - right) / 2, height - 3, x_name, "middle"))
    names = _apart([y(values[-1]) for _, values in series])
    for (name, values), colour, place in zip(series, (BLUE, ORANGE, GREY), names, strict=False):
        points = " ".join(f"{x(i):.1f},{y(value):.1f}" for i, value in enumerate(values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(i):.1f}" cy="{y(v):.1f}" r="3" fill="{colour}"/>' for i, v in enumerate(values)]
        parts.append(text(x(len(values) - 1) + 8, place + 4, name, "start", colour))
    return "".join([*parts, "</svg>"])


def reliability(bins: Sequence[tuple[float, float, float, float]]) -> str:
    """Accuracy over confidence, each bin with the band where chance alone would put it.

    Args:
        bins: confidence, accuracy, and both ends of the band.
    """
    height, left, bottom = 260, 46, 36
    low = min([0.0 if not bins else min(min(one) for one in bins), 0.9])

    def x(value: float) -> float:
        return left + (WIDTH - left - 20) * (value - low) / (1 - low)

    def y(value: float) -> float:
        return 10 + (height - bottom - 10) * (1 - (value - low) / (1 - low))

    parts = [opening(height, "accuracy by confidence")]
    for tick in ticks(low, 1):
        parts += [line(left, y(tick), WIDTH - 20, y(tick), LIGHT), text(left - 6, y(tick) + 4, f"{tick:g}", "end")]
        parts.append(text(x(tick), height - 18, f"{tick:g}", "middle"))
    parts.append(line(x(low), y(low), x(1), y(1), GREY, dashed=True))
    for confidence, accuracy, start, end in bins:
        parts.append(line(x(confidence), y(start), x(confidence), y(end), "#b9c1cc", width=7))
        inside = start <= accuracy <= end
        parts.append(
            f'<circle cx="{x(confidence):.1f}" cy="{y(accuracy):.1f}" r="4" fill="{BLUE if inside else ORANGE}"/>'
        )
    parts.append(text((left + WIDTH - 20) / 2, height - 3, "confidence", "middle"))
    return "".join([*parts, "</svg>"])


def trade(points: Sequence[tuple[str, float, float]], x_name: str, y_name: str) -> str:
    """Two figures of which more is better, one point per choice, joined in their order; choices that nothing beats are filled.

    Args:
        points: name, and both figures.
        x_name: of the first figure.
        y_name: of the second.
    """
    height, left, bottom, right = 240, 56, 36, 60
    (x0, x1), (y0, y1) = (_roomy(values) for values in ([a for _, a, _ in points], [b for _, _, b in points]))

    def x(value: float) -> float:
        return left + (WIDTH - left - right) * (value - x0) / (x1 - x0)

    def y(value: float) -> float:
        return 10 + (height - bottom - 10) * (1 - (value - y0) / (y1 - y0))

    parts = [opening(height, f"{y_name} against {x_name}")]
    for tick in ticks(y0, y1):
        parts += [line(left, y(tick), WIDTH - right, y(tick), LIGHT), text(left - 6, y(tick) + 4, f"{tick:g}", "end")]
    parts += [text(x(tick), height - 18, f"{tick:g}", "middle") for tick in ticks(x0, x1)]
    joined = " ".join(f"{x(a):.1f},{y(b):.1f}" for _, a, b in points)
    parts.append(f'<polyline points="{joined}" fill="none" stroke="{LIGHT}" stroke-width="2"/>')
    for name, a, b in points:
        beaten = any(c >= a and d >= b and (c, d) != (a, b) for _, c, d in points)
        fill = "#fff" if beaten else BLUE
        parts.append(f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="5" fill="{fill}" stroke="{BLUE}" stroke-width="2"/>')
        parts.append(text(x(a) + 7, y(b) - 7, name, "start"))
    parts.append(text((left + WIDTH - right) / 2, height - 3, x_name, "middle"))
    parts.append(text(left, height - 3, f"up: {y_name}", "start"))
    return "".join([*parts, "</svg>"])


def _apart(places: Sequence[float], room: float = 14.0) -> list[float]:
    """Heights for names beside their curves, moved down where one would cover another."""
    found = list(places)
    order = sorted(range(len(found)), key=lambda i: found[i])
    for upper, lower in itertools.pairwise(order):
        found[lower] = max(found[lower], found[upper] + room)
    return found


def _roomy(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis with some room around the values."""
    low, high = min(values), max(values)
    room = 0.08 * ((high - low) or 0.1)
    return low - room, high + room


def opening(height: int, label: str) -> str:
    """The tag that opens a drawing; its label is read out to those who do not see it."""
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}" xmlns="http://www.w3.org/2000/svg">'


def line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: int = 1, dashed: bool = False) -> str:
    """A straight line."""
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"{dash}/>'


def text(x: float, y: float, said: str, anchor: str, colour: str = GREY) -> str:
    """Words at a place; anchor is start, middle or end."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="12">{escape(said)}</text>'


def short(name: str, longest: int = 40) -> str:
    """A name that fits beside its row; a Chinese character takes the place of two others (Unicode Annex 11).

    Args:
        name: any text.
        longest: columns, of about 7 pixels each.
    """
    ends = list(itertools.accumulate(_columns(char) for char in name))
    if not ends or ends[-1] <= longest:
        return name
    return name[: bisect.bisect_right(ends, longest - 1)] + "…"


def _columns(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else int(not unicodedata.combining(char))


def ticks(low: float, high: float) -> list[float]:
    """About five round values between two ends."""
    span = high - low
    step = next(
        (s for s in (0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 100) if span / s <= 6),
        10 ** math.ceil(math.log10(span / 6)),
    )
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 4) for i in range(first, int(high / step + 1e-9) + 1)]
