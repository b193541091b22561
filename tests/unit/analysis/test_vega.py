"""Differences of plots become PNGs without a browser."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from stages.analysis.plots import vega

SPEC = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "data": {"values": [{"x": 1, "y": 2, "rev": "退货"}, {"x": 2, "y": 3, "rev": "HEAD"}]},
    "mark": "point",
    "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
}
DIFF = {"data": {"reports/plots/a.csv": [{"type": "vega", "content": SPEC}], "b.png": [{"type": "image", "url": "b"}]}}


def test_only_tables_are_drawn_and_twice_the_same(tmp_path: Path) -> None:
    made = vega.render(DIFF, tmp_path / "one")
    assert [file.name for file in made] == ["reports-plots-a.png"]
    assert made[0].read_bytes().startswith(b"\x89PNG")
    assert vega.render(DIFF, tmp_path / "two")[0].read_bytes() == made[0].read_bytes()


def test_the_command_names_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(words)
        return subprocess.CompletedProcess(words, 0, '{"data": {}}', "")

    monkeypatch.setattr(subprocess, "run", run)
    assert vega.main(["HEAD~1", "--out", str(tmp_path)]) == 0
    assert asked == [["dvc", "plots", "diff", "HEAD~1", "--json"]]


def test_a_revision_that_does_not_exist_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed = subprocess.CompletedProcess(["dvc"], 255, "", "unknown Git revision 'nope'")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    assert vega.main(["nope", "--out", str(tmp_path)]) == 2
    assert "unknown Git revision 'nope'" in caplog.text
