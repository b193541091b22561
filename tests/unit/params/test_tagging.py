"""What `task.kind: tagging` does not go together with is refused at load, with what would work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages.errors import ParamsError
from stages.params.whole import check


def changed(project: Path, folder: Path, changes: dict[str, dict[str, Any]]) -> Path:
    yaml = YAML()
    content = yaml.load(project / "recipes/wnut17.params.yaml")
    for section, values in changes.items():
        content[section].update(values)
    yaml.dump(content, folder / "params.yaml")
    return folder / "params.yaml"


@pytest.mark.parametrize(
    ("section", "values", "says"),
    [
        (
            "training",
            {"label_smoothing": 0.1},
            "training.label_smoothing: task.tagging.head: crf scores whole sequences",
        ),
        ("training", {"class_weights": "balanced"}, "training.class_weights: task.tagging.head: crf scores whole"),
        ("training", {"metric": "accuracy"}, "use one of auto, loss, f1, precision, recall, macro_f1"),
        ("training", {"head_start": "probe"}, "training.head_start: task.kind: tagging has no head"),
    ],
)
def test_what_cannot_work(project: Path, tmp_path: Path, section: str, values: dict[str, Any], says: str) -> None:
    with pytest.raises(ParamsError) as caught:
        check(changed(project, tmp_path, {section: values}))
    assert says in str(caught.value)


def test_single_words_can_be_weighed_and_smoothed(project: Path, tmp_path: Path) -> None:
    head = {"tagging": {"head": "linear", "scheme": "BIOES", "lstm_hidden": 64, "repair": False}}
    training = {"label_smoothing": 0.1, "class_weights": "balanced"}
    assert check(changed(project, tmp_path, {"task": head, "training": training}))
