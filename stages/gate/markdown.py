"""The gate's report as Markdown, for a pull request's comment and a job's summary.

Hosts render comments with extensions: a name after an at sign notifies somebody, a number after a hash links to an issue, and
a bare address becomes a link. Words of other people must do none of that, so those signs are parted from what follows them by
a word joiner, which is invisible, and Markdown's own signs are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stages.gate.content import Code, Quoted, Report, Section, Table, legible

SIGNS = re.compile(r"([\\`*_{}\[\]<>|~$])")
CALLS = re.compile(r"([@#!&%^])(?=\w)|(:)(?=//)|(?<=\bwww)(\.)", re.IGNORECASE)
WORD_JOINER = "\u2060"
CUT = "\n\nThe rest is in the page that the job keeps as an artifact.\n"


def render(report: Report, *, pictures: bool = False, most: int | None = None) -> str:
    """The report.

    Args:
        report: what to say.
        pictures: link the PNG files that lie beside it; a comment cannot hold them.
        most: characters; what is beyond the last whole section that fits is left out.
    """
    said = f"# {report.outcome}: {escaped(report.title)}\n\n{escaped(report.lead)}\n"
    for section in report.sections:
        part = "\n" + "\n".join(_section(section, pictures=pictures)) + "\n"
        if most is not None and len(said) + len(part) + len(CUT) > most:
            return said + CUT
        said += part
    again = "\n".join(
        ["", "## Again", "", "```", *(legible(line).replace("```", "") for line in report.again), "```", ""]
    )
    return said + again if most is None or len(said) + len(again) <= most else said


def escaped(text: str) -> str:
    """Words that are only words, wherever they stand."""
    if isinstance(text, Code | Quoted):
        return _code(text)
    signs = SIGNS.sub(r"\\\1", legible(text))
    return CALLS.sub(lambda found: found[0] + WORD_JOINER, signs)


def _code(text: str) -> str:
    """A code span; its fence is longer than any run of backticks within."""
    line = legible(text).replace("|", "\\|")
    if not line:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", line)), default=0))
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _section(section: Section, *, pictures: bool) -> Iterator[str]:
    if section.folded:
        yield f"<details><summary>{_in_html(section.title)}</summary>"
    else:
        yield f"## {escaped(section.title)}"
    for note in section.notes:
        yield from ("", escaped(note))
    if section.table:
        yield ""
        yield from _table(section.table)
    for drawing in section.drawings if pictures else ():
        yield from ("", f"![{escaped(drawing.title)}]({drawing.name}.png)")
    if section.folded:
        yield from ("", "</details>")


def _in_html(title: str) -> str:
    """Within a block of HTML, Markdown's escapes do not hold."""
    words = CALLS.sub(lambda found: found[0] + WORD_JOINER, legible(title))
    return words.replace("&", "&amp;").replace("<", "&lt;").replace("`", "'")


def _table(table: Table) -> Iterator[str]:
    if not table.rows:
        yield "None."
        return
    yield _row([escaped(name) for name in table.head])
    yield "|" + "".join(" --- |" if i == 0 or i in table.words else " ---: |" for i in range(len(table.head)))
    for row in table.rows:
        yield _row([escaped(cell) for cell in row])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
