"""CheckList's own sentiment suite is read from the references and judged as it asks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stages.alignment import references
from stages.analysis import behaviour

pytestmark = pytest.mark.real
CLASSES = ["negative", "neutral", "positive"]


def test_the_public_suite_is_read_and_judged(shared_data: Path, tmp_path: Path) -> None:
    shutil.copyfile(shared_data / "checklist_sentiment_small" / "a.jsonl", tmp_path / "a.jsonl")
    (tmp_path / "general.txt").write_text("one\ntwo\nthree\nfour\n", encoding="utf-8")
    found = references.read(tmp_path)
    assert len(found.behaviour) == 1002
    cases = [one for record in found.behaviour if (one := behaviour.case_of(record, CLASSES)) is not None]
    kinds = {record["type"] for record in found.behaviour}
    assert kinds == {"MFT", "INV", "DIR"}
    assert 500 < len(cases) < len(found.behaviour)
    # Somebody who says the same of everything passes every invariance test, and the tests whose label that is.
    always = behaviour.measure(cases, CLASSES, lambda texts: [2] * len(texts))
    passed = {one.test: one.passed.value for one in always}
    assert passed["single positive words"] == 1.0
    assert passed["single negative words"] == 0.0
    assert all(one.passed.n > 0 for one in always)
    assert [one.passed.value for one in always] == sorted(one.passed.value for one in always)
