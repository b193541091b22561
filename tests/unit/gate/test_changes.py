"""What changed between two models: confusions and stages."""

from __future__ import annotations

import numpy as np

from stages.gate import changes
from stages.gate.rules import Decisions
from tests.unit.gate.made_up import lock


def test_confusions_are_ordered_from_grown_to_shrunk() -> None:
    gold = np.array([0, 0, 0, 1, 1, 1])
    before = Decisions(list("abcdef"), gold, np.array([1, 0, 0, 0, 0, 1]), np.ones(6))
    after = Decisions(list("abcdef"), gold, np.array([1, 2, 2, 1, 1, 0]), np.ones(6))
    found = [(one.gold, one.predicted, one.before, one.after) for one in changes.confusions(before, after, list("xyz"))]
    assert found == [("x", "z", 0, 2), ("y", "x", 2, 1)]
    assert changes.confusions(before, before, list("xyz")) == []


def test_a_stage_is_described_by_what_differs() -> None:
    old = lock("m", 0.1)
    assert [one.state for one in changes.stages(old, old)] == ["skipped, nothing changed"] * 2
    prepare, finetune = changes.stages(old, lock("n", 0.2))
    assert prepare.state == "skipped, nothing changed"
    assert (finetune.inputs, finetune.outs) == (["params.training"], ["models/finetuned"])
    assert changes.stages(old, lock("m", 0.2))[1].state == "the same outs from other inputs"
    assert [one.state for one in changes.stages({}, old)] == ["new", "new"]


def test_what_is_read_and_not_made_is_data() -> None:
    assert changes.sources_of(lock("m", 0.1)) == ["data/raw"]
    assert changes.out_hash(lock("m", 0.1), "models/finetuned") == "m" * 32
    assert changes.out_hash({}, "models/finetuned") == ""
