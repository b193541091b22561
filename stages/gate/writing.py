"""Where the report goes: standard output, one Markdown file, or a folder with everything that CI shows and keeps."""

from __future__ import annotations

import sys
from pathlib import Path

from stages.analysis.plots.canvas import drawable
from stages.gate import drawing, markdown, page
from stages.gate.content import Report

COMMENT = 60_000
"""Characters of a comment; GitHub takes 65,536, GitLab a million."""


def write(report: Report, place: Path | None) -> None:
    """Write the report.

    Args:
        report: what to say.
        place: None for standard output; a name that ends in `.md` is one file; any other is a folder, which gets `report.md`
            and its pictures, `report.html`, and `comment.md`, which fits into a comment.
    """
    if place is None:
        sys.stdout.write(markdown.render(report))
    elif place.suffix == ".md":
        _text(place, markdown.render(report))
    else:
        _text(place / "report.md", markdown.render(report, pictures=True))
        _text(place / "comment.md", markdown.render(report, most=COMMENT))
        _text(place / "report.html", page.render(report))
        for section in report.sections:
            for one in section.drawings:
                (place / f"{one.name}.png").write_bytes(drawing.png(one.draw(_spelt)))


def _spelt(name: str) -> str:
    """A name in letters that a picture's font has; the page shows it as it is. Dollars need no escape here."""
    return drawable(name).replace(r"\$", "$")


def _text(file: Path, said: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(said, encoding="utf-8")
