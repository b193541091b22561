"""The report as a page: balanced, self-contained, escaped; and the files of the folder that CI keeps."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from stages.gate import drawing, page, writing
from stages.gate.content import Code, Report, Section, Table
from tests.unit.gate.made_up import Parsed, composed, side


@pytest.fixture(scope="module")
def shown() -> str:
    return page.render(composed(side("main", 0.05), side("old", 0.2), candidate=side("candidate", 0.25)))


def test_the_page_is_balanced_and_asks_for_nothing(shown: str) -> None:
    read = Parsed(shown)
    assert read.stack == []
    assert read.addresses == []
    assert read.events == []
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(read.seen)
    assert "url(" not in shown
    assert "@import" not in shown
    assert read.seen.count("svg") == 5
    assert {"details", "table", "header"} <= set(read.seen)


def test_words_of_others_are_text_on_the_page(shown: str) -> None:
    read = Parsed(shown)
    assert "<img src=x onerror=alert(1)>" in read.text
    assert "<script>|`x`" in read.text
    assert "退货" in read.text
    assert "\u202e" not in shown


def test_each_cell_names_its_column_for_narrow_screens() -> None:
    table = Table(("a", "b<"), [["FAIL", Code("k")], ["x", "0.5 (0.4 to 0.6)"]], frozenset({1}))
    shown = page.render(Report("FAIL", "t", "l", [Section("S", table)], ["x && y"]))
    assert 'data-head="b&lt;"' in shown
    assert '<span class="FAIL">FAIL</span>' in shown
    assert "<code>k</code>" in shown
    assert "0.5<small>(0.4 to 0.6)</small>" in shown
    assert "x &amp;&amp; y" in shown


def test_the_folder_holds_page_markdown_comment_and_pictures(tmp_path: Path) -> None:
    report = composed(side("main", 0.05), candidate=side("candidate", 0.25))
    writing.write(report, tmp_path / "gate")
    names = {file.name for file in (tmp_path / "gate").iterdir()}
    pictures = {"differences.png", "classes-1.png", "loss.png", "validation_accuracy.png"}
    assert names == {"report.md", "report.html", "comment.md", *pictures}
    for name in pictures:
        content = (tmp_path / "gate" / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert f"]({name})" in (tmp_path / "gate" / "report.md").read_text(encoding="utf-8")
    assert "![" not in (tmp_path / "gate" / "comment.md").read_text(encoding="utf-8")
    writing.write(report, tmp_path / "one.md")
    assert (tmp_path / "one.md").read_text(encoding="utf-8").startswith("# FAIL")


def test_without_a_place_the_report_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    writing.write(Report("PASS", "t", "l"), None)
    assert capsys.readouterr().out.startswith("# PASS: t")


@pytest.mark.parametrize(
    "points",
    [[(1.0, 2.0)], [(1.0, 1e6), (2.0, 0.0)], [(1.0, 0.5), (2.0, 0.5)], [(i, i**2) for i in range(1, 2000, 100)]],
)
def test_lines_of_any_range_are_drawn_within_the_picture(points: list[tuple[float, float]]) -> None:
    drawn = drawing.lines([("<a>", points, False), ("b", points, True)], "epoch", str)
    read = Parsed(drawn)
    assert read.stack == []
    assert "<a>" in read.text
    places = [pair.split(",") for pair in drawn.split('points="')[1].split('"')[0].split()]
    assert all(0 <= float(x) <= 640 and 0 <= float(y) <= 230 and math.isfinite(float(y)) for x, y in places)


def test_bars_point_the_way_of_the_change() -> None:
    drawn = drawing.bars([("won", 4), ("lost", -2)], str)
    assert drawn.count("<rect") == 2
    widths = [float(part.split('width="')[1].split('"')[0]) for part in drawn.split("<rect")[1:]]
    assert widths[0] == 2 * widths[1]
    assert drawing.GREEN in drawn
    assert drawing.RED in drawn
    assert drawing.png(drawn).startswith(b"\x89PNG")
