"""The report as Markdown: its tables hold, and nothing that other people wrote does anything."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from stages.gate import markdown
from stages.gate.content import Code, Quoted, Report, Section, Table
from tests.unit.gate.made_up import composed, side


def said(**changes: bool) -> str:
    return markdown.render(composed(side("main", 0.05), candidate=side("candidate", 0.25)), **changes)


def test_every_row_has_as_many_cells_as_its_head() -> None:
    width = 0
    for line in said().splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        # A bar within a cell is escaped, in code spans too.
        cells = len(re.findall(r"(?<!\\)\|", line))
        width = width or cells
        assert cells == width, line


def test_words_of_others_stay_words() -> None:
    found = said()
    assert found.startswith("# FAIL: the candidate must not replace main\n")
    outside = re.sub(r"(`+).+?\1", "", re.sub(r"^.*<details>.*$|^</details>$", "", found, flags=re.MULTILINE))
    assert "<" not in outside.replace("\\<", "")
    assert "@team" not in outside
    assert "evil.example" not in outside
    assert "\u202e" not in found
    assert "退货" in found


def test_another_reader_of_markdown_finds_tables_and_nothing_else() -> None:
    shown = MarkdownIt("commonmark").enable("table").render(said())
    report = composed(side("main", 0.05), candidate=side("candidate", 0.25))
    filled = [one.table for one in report.sections if one.table and one.table.rows]
    assert shown.count("<table>") == len(filled)
    assert shown.count("<tr>") == sum(1 + len(one.rows) for one in filled)
    assert shown.count("<td") == sum(len(one.rows) * len(one.head) for one in filled)
    assert not re.findall(r"<(?:a|img|script|em|strong|h3)\b", shown)
    assert "onerror=alert(1)&gt; `rm` [x](http://e)" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b*c", r"a\_b\*c"),
        ("@team", "@\u2060team"),
        ("#12 !3 &lt;", "#\u206012 !\u20603 &\u2060lt;"),
        ("https://x.y", "https:\u2060//x.y"),
        ("www.x.y", "www.\u2060x.y"),
        ("<b>", r"\<b\>"),
        ("95 % of 3", "95 % of 3"),
        (Code("a_b"), "`a_b`"),
        (Quoted("a|b"), r"`a\|b`"),
        (Quoted("`x` ``"), "``` `x` `` ```"),
        (Quoted(""), ""),
    ],
)
def test_escaping(text: str, shown: str) -> None:
    assert markdown.escaped(text) == shown


def test_pictures_are_linked_only_where_they_lie() -> None:
    assert "![" not in said()
    assert "(differences.png)" in said(pictures=True)
    assert "(loss.png)" in said(pictures=True)


def test_a_long_report_is_cut_between_sections() -> None:
    table = Table(("a", "b"), [["x" * 80, "y"]] * 20)
    report = Report("PASS", "t", "l", [Section(f"S{i}", table) for i in range(5)], ["again"])
    cut = markdown.render(report, most=5000)
    assert len(cut) <= 5000
    assert "## S1" in cut
    assert "## S4" not in cut
    assert cut.endswith("as an artifact.\n")
    assert markdown.render(report).count("## S") == 5


def test_a_folded_section_is_closed_again() -> None:
    report = Report("PASS", "t", "l", [Section("<b> & `x`", Table(("a",), [["1"]]), folded=True)], [])
    found = markdown.render(report)
    assert "<details><summary>&lt;b> &amp; 'x'</summary>" in found
    assert found.count("<details>") == found.count("</details>") == 1
