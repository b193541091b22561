"""Outs appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.corpora.publishing import replacing

FOLDERS = [Path("data/out"), Path("reports/out")]


def fill(folders: list[Path], content: str) -> None:
    for folder in folders:
        (folder / "file").write_text(content)


def test_new_folders_take_the_place_of_old_ones() -> None:
    with replacing(FOLDERS) as folders:
        fill(folders, "old")
        (folders[0] / "more").touch()
    with replacing(FOLDERS) as folders:
        fill(folders, "new")
        assert [Path(folder, "file").read_text() for folder in FOLDERS] == ["old", "old"]
    assert [Path(folder, "file").read_text() for folder in FOLDERS] == ["new", "new"]
    assert sorted(Path("data").rglob("*")) == [Path("data/out"), Path("data/out/file")]


def test_a_failure_leaves_everything_as_it_was() -> None:
    with replacing(FOLDERS) as folders:
        fill(folders, "old")
    with pytest.raises(FileNotFoundError), replacing(FOLDERS) as folders:
        fill([*folders, Path("nowhere")], "new")
    assert [Path(folder, "file").read_text() for folder in FOLDERS] == ["old", "old"]
    assert sorted(Path("reports").iterdir()) == [Path("reports/out")]
