"""What is read of a run: the last line of a failure, and what its record says it cost."""

from __future__ import annotations

import pytest

from stages.gate.runtime import StageRun
from stages.sweep import harvest

LOG = """Running stage 'finetune':
> python -m stages.finetune
finetune: adaptation.lora.targets: no linear module ends in x.
ERROR: failed to reproduce 'finetune': failed to run: python -m stages.finetune, exited with 2

"""


def test_the_last_line_of_a_failure_is_the_stages_own() -> None:
    assert harvest.last_line(LOG) == "finetune: adaptation.lora.targets: no linear module ends in x."
    assert "no log" in harvest.last_line("")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ([StageRun("evaluate", "FINISHED", 9.0, 1.0), StageRun("finetune", "FINISHED", 60.0, 900.0)], (60.0, 900.0)),
        ([StageRun("finetune", "KILLED", None, None), StageRun("finetune", "FINISHED", 5.0, 900.0)], (None, None)),
        ([StageRun("finetune", "FAILED", 5.0, 900.0)], (None, None)),
        ([], (None, None)),
    ],
)
def test_only_one_whole_finetune_tells_what_it_cost(
    record: list[StageRun], expected: tuple[float | None, float | None]
) -> None:
    assert harvest.cost(record) == expected
