"""Messages that nobody has seen yet: what is refused before any model is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.alignment import shift


def test_without_a_prepared_corpus_it_is_said_what_makes_one(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((project / "tests/params.yaml").read_bytes())
    (tmp_path / "x.txt").write_text("message\n" * 30, encoding="utf-8")
    assert shift.main(["--incoming", "x.txt"]) == 2
    assert "not found. Run `dvc repro`" in caplog.text
