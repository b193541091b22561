"""A card's lines run as they stand, for every kind; what it says follows from what is known of the model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stages import tasks
from stages.artifacts import Encoding, Schema
from stages.exporters import model_card
from stages.exporters.card_kinds import KINDS, NEEDS_THE_PROJECT
from stages.params.export import ExportParams
from stages.params.task import TaskParams

Made = Callable[[str], Path]
SCHEMA = Schema("classification", ["a", "b"], {"train": 1200, "test": 300})
ENCODING = Encoding(57, 0, 100, "base", None)


def card(metrics: dict[str, Any] | None = None, schema: Schema = SCHEMA, kind: Any = "classification") -> str:
    task = tasks.make(TaskParams(kind=kind))
    figures = dict.fromkeys(task.figures.headline, 0.69)
    found = {"test": {"n": 300, **figures}, **(metrics or {})}
    parity = {"onnx": {"agreement": 1.0, "largest_logit_difference": 1e-6, task.figures.headline[0]: 0.69}}
    return model_card.render(ExportParams(), task, schema, ENCODING, found, parity)


@pytest.mark.parametrize("kind", sorted(tasks.TASKS))
def test_a_cards_lines_run_as_they_stand(release: Made, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = KINDS[kind].usage.split("```python\n")[1].split("```")[0]
    with chdir(release(kind)):
        exec(lines, {})  # noqa: S102 - the card's own example
    said = capsys.readouterr().out.strip()
    if kind in {"classification", "pair_classification"}:
        assert said in {"cause", "effect", "投诉"}
    elif kind == "pair_regression":
        assert isinstance(eval(said)[0], float)  # noqa: S307 - a list of numbers, printed a line above
    else:
        assert {"multilabel": "[", "tagging": "[", "question_answering": "[Answer", "relation": "[Prediction"}[
            kind
        ] in said


@pytest.mark.parametrize("kind", sorted(tasks.TASKS))
def test_a_kind_that_needs_this_project_says_so_and_how_to_get_it(kind: str, project: Path) -> None:
    usage = KINDS[kind].usage
    assert ("from stages" in usage) == usage.startswith(NEEDS_THE_PROJECT)
    assert "does the same" not in usage
    readme = (project / "README.md").read_text(encoding="utf-8")
    install = NEEDS_THE_PROJECT.strip().splitlines()[1]
    assert "pip install" in install
    assert install.rstrip(".") in readme
    assert usage.strip() in card(kind=kind)


@pytest.mark.parametrize(
    ("shifted", "says"),
    [
        (None, "test split. On other channels, products or languages expect less. Texts"),
        (0.5, "languages expect less: accuracy is 0.5 on the shifted split, 0.69 on test. Texts"),
        (
            0.73,
            "On the shifted split accuracy is 0.73, higher than on test (0.69); on other channels, products or languages",
        ),
        (0.69, "On the shifted split accuracy is 0.69, the same as on test (0.69); on other channels"),
    ],
)
def test_the_shifted_split_is_held_against_test(shifted: float | None, says: str) -> None:
    assert says in card(None if shifted is None else {"shifted": {"accuracy": shifted}})


def test_a_trial_is_called_one() -> None:
    assert "data.limit" not in card()
    said = card(schema=replace(SCHEMA, limit=1200)).split("## Data")[1].split("## Results")[0]
    assert "Every split was cut to 1,200 records by `data.limit`: this is a trial" in said
