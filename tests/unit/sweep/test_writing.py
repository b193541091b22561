"""The table as CSV, Markdown and picture, and the document that holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.errors import DataError
from stages.sweep import writing
from stages.sweep.fronts import Row, Spread
from stages.sweep.harvest import Run

ROWS = [
    Row(
        "full", 3, 0, "accuracy", "macro_f1", Spread(0.9, 0.01), Spread(0.88, 0.02), Spread(0.5, 0.03), Spread(0.6, 0.03),
        Spread(22_700_000.0, 0.0), Spread(61.5, 2.0), Spread(1500.0, 3.0), ("seconds",),
    ),
    Row(
        "lora", 2, 1, "accuracy", "macro_f1", Spread(0.85, 0.01), Spread(0.84, 0.0), Spread(0.7, 0.01), Spread(0.7, 0.01),
        Spread(80_000.0, 0.0), fronts=("retention", "trainable_parameters"),
    ),
]  # fmt: skip


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "pareto.csv"
    writing.write_rows(file, ROWS)
    assert writing.read_rows(file) == ROWS


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pareto.csv"
    file.write_text("row,accuracy\nfull,1\n")
    with pytest.raises(DataError, match="expected the columns row, runs"):
        writing.read_rows(file)
    with pytest.raises(DataError, match="make sweep"):
        writing.read_rows(tmp_path / "missing.csv")


def test_the_table_names_metrics_fronts_failures_and_blanks() -> None:
    said = writing.markdown(ROWS)
    lines = said.splitlines()
    assert lines[0].startswith("| row | seeds | accuracy on test | macro f1 on validation | retention (worst ability)")
    assert lines[2] == (
        "| `full` | 3 | 0.900 ± 0.010 | 0.880 ± 0.020 | 0.500 ± 0.030 | 22,700,000 | 61.5 ± 2.0 | 1,500 ± 3 | seconds |"
    )
    assert lines[3].endswith("| 80,000 |  |  | retention, weights |")
    assert "1 of `lora`" in said
    assert "blank" in said


def test_every_run_has_a_line(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    found = [Run("a", 1, "a-1", "c0ffee", target=0.5), Run("a", 2, "a-2", error="no memory")]
    writing.write_runs(file, found)
    assert writing.read_runs(file) == found
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[1].startswith("a,1,a-1,c0ffee,,,0.5")
    assert lines[2].startswith("a,2,a-2,,no memory")


def test_the_picture_is_the_same_for_the_same_rows(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        writing.draw(tmp_path / name, ROWS)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    writing.draw(tmp_path / "other.png", ROWS[:1])
    assert (tmp_path / "other.png").read_bytes() != (tmp_path / "one.png").read_bytes()


def test_a_document_gets_the_table_between_its_marks(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    (begin, end), (first, last) = writing.marks("mine"), writing.marks("mine too")
    file.write_text(f"before\n{begin}\nold\n{end}\n{first}\nother\n{last}\nafter\n", encoding="utf-8")
    writing.put_into(file, "mine", "new\n")
    assert file.read_text(encoding="utf-8") == f"before\n{begin}\nnew\n{end}\n{first}\nother\n{last}\nafter\n"
    assert writing.held(file, "mine") == "new\n"
    file.write_text(f"{end}\n{begin}\n", encoding="utf-8")
    with pytest.raises(DataError, match="mine: begin"):
        writing.put_into(file, "mine", "new\n")
    with pytest.raises(DataError, match="yours: begin"):
        writing.held(file, "yours")
