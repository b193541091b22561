"""The report's drawings, as SVG. The page holds them as they are; `png` makes pictures of them to lie beside the Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from stages.alignment import svg
from stages.alignment.svg import BLUE, GREY, LIGHT, ORANGE, WIDTH

COLOURS = (GREY, ORANGE, BLUE, "#7a4fa3")
FONTS = 'font-family="system-ui, Roboto, Arial, sans-serif"'
GREEN, RED = "#2e7d4f", "#b3261e"
Spelling = Callable[[str], str]
Points = Sequence[tuple[float, float]]


def forest(rows: Sequence[tuple[str, float, float, float]], limit: float, spell: Spelling) -> str:
    """Differences in units of their margin, with bounds; left of the dashed line the loss exceeds the margin.

    Args:
        rows: name, value and bounds.
        limit: where the dashed line stands.
        spell: makes names that the font has.
    """
    reach = max([2.0, *(abs(end) for _, value, low, high in rows for end in (value, low, high))]) * 1.05
    return _with_fonts(svg.forest([(spell(name), *rest) for name, *rest in rows], limit, -reach, reach))  # type: ignore[misc]


def lines(series: Sequence[tuple[str, Points, bool]], axis: str, spell: Spelling) -> str:
    """Lines over a common axis, with a legend below.

    Args:
        series: name, points, and whether the line is dashed; a dashed line has the colour of the one before it.
        axis: what the points lie over.
        spell: makes names that the font has.
    """
    points = [one for _, some, _ in series for one in some]
    left, right, top, height = 46.0, WIDTH - 16.0, 10.0, 214.0
    span_x = _span([x for x, _ in points])
    span_y = _span([y for _, y in points])

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + (right - left) * (x - span_x[0]) / (span_x[1] - span_x[0]),
            top + (height - top) * (1 - (y - span_y[0]) / (span_y[1] - span_y[0])),
        )

    rows = math.ceil(len(series) / 2)
    parts = [svg.opening(int(height) + 44 + 18 * rows, f"lines over {axis}")]
    for tick in svg.ticks(*span_y):
        y = at(span_x[0], tick)[1]
        parts += [svg.line(left, y, right, y, LIGHT), svg.text(left - 6, y + 4, f"{tick:g}", "end")]
    parts += [svg.text(at(tick, 0)[0], height + 16, f"{tick:g}", "middle") for tick in svg.ticks(*span_x)]
    parts.append(svg.text((left + right) / 2, height + 32, axis, "middle"))
    colour = -1
    for i, (name, some, dashed) in enumerate(series):
        colour += not dashed
        ink = COLOURS[max(colour, 0) % len(COLOURS)]
        places = [at(x, y) for x, y in some]
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{ink}" stroke-width="2"{dash}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{ink}"/>' for x, y in places]
        x, y = left + (i % 2) * (right - left) / 2, height + 52 + 18 * (i // 2)
        parts += [
            svg.line(x, y - 4, x + 24, y - 4, ink, width=2, dashed=dashed),
            svg.text(x + 30, y, svg.short(spell(name)), "start"),
        ]
    return _with_fonts("".join([*parts, "</svg>"]))


def bars(rows: Sequence[tuple[str, int]], spell: Spelling) -> str:
    """Gains to the right and losses to the left, one per row.

    Args:
        rows: name and change.
        spell: makes names that the font has.
    """
    most = max(abs(value) for _, value in rows)
    left, right, row = 280.0, WIDTH - 40.0, 22
    middle = (left + right) / 2
    parts = [svg.opening(row * len(rows) + 12, "changes by class")]
    parts.append(svg.line(middle, 2, middle, row * len(rows) + 6, GREY))
    for i, (name, value) in enumerate(rows):
        y, width = 6 + row * i, (right - left) / 2 * abs(value) / most
        start = middle if value > 0 else middle - width
        ink = GREEN if value > 0 else RED
        parts.append(f'<rect x="{start:.1f}" y="{y}" width="{width:.1f}" height="14" fill="{ink}"/>')
        end = middle + width + 6 if value > 0 else middle - width - 6
        parts.append(svg.text(end, y + 11, f"{value:+d}", "start" if value > 0 else "end"))
        parts.append(svg.text(left - 34, y + 11, svg.short(spell(name), 34), "end"))
    return _with_fonts("".join([*parts, "</svg>"]))


def png(drawn: str) -> bytes:
    """A picture of a drawing, twice its size, on white."""
    import vl_convert

    white = drawn.replace(">", '><rect width="100%" height="100%" fill="#fff"/>', 1)
    picture: bytes = vl_convert.svg_to_png(white, scale=2.0)
    return picture


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis that holds all values and is never empty."""
    low, high = min(values), max(values)
    return (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)


def _with_fonts(drawn: str) -> str:
    return drawn.replace("<svg ", f"<svg {FONTS} ", 1)
