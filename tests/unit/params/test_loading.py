"""Everything wrong with `params.yaml` is reported at once, with its dotted path and the nearest name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from stages.errors import ParamsError
from stages.params.loading import load
from stages.params.training import TrainingParams
from stages.params.whole import SECTIONS, check


def write(folder: Path, text: str) -> Path:
    file = folder / "params.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("trainig: {}", "trainig: unknown key; did you mean 'training'?"),
        ("training: {learning_rat: 1}", "training.learning_rat: unknown key; did you mean 'learning_rate'?"),
        ("training: {early_stopping: {patiense: 1}}", "training.early_stopping.patiense: unknown key"),
        ("training: {epochs: many}", "training.epochs"),
        ("data: {path: x}\ntracking: false", "tracking"),
        ("data: {path: x}\nobjectives: 0", "objectives"),
        ("data: {path: x}\nevaluation: []", "evaluation"),
        ("training: {epochs: 0}", "training.epochs: input should be greater than 0, found 0"),
        ("training: {seed: true}", "training.seed"),
        ("data: {path: x}\ntext: {max_length: 4}", "text.max_length: input should be greater than or equal to 8"),
        ("training: {schedule: square}", "training.schedule"),
        ("training: {learning_rate: .nan}", "training.learning_rate"),
        ("data: {}", "data.path: is required"),
        ("data: {path: x, split: {validation: 0.5, test: 0.5}}", "less than 20 %"),
        ("data: {path: x}\nexport: {onnx: false}", "int8: true needs onnx: true"),
        ("data: {path: x}\nmodel: {revision: main}", "40 hexadecimal digits"),
        (
            "data: {path: x}\ntraining: {metric: f1}",
            "classification has no metric 'f1'; use one of auto, loss, accuracy",
        ),
        (
            "data: {path: x}\ntask: {kind: pair_regression, regression: {loss: ordinal, range: [0, 5]}}",
            "training.head_start: task.regression.loss: ordinal has no head",
        ),
        ("data: {path: x}\ntask: {kind: pair_regression, regression: {loss: ordinal}}", "ordinal needs range"),
        ("data: {path: x}\ntask: {kind: pair_regression, regression: {range: [5, 0]}}", "lowest and the highest"),
        (
            "data: {path: x}\ntask: {kind: multilabel}\ntraining: {label_smoothing: 0.1}",
            "exclude each other; set it to 0",
        ),
        ("data: {path: x}\ntask: {kind: pair_regression}\ntraining: {class_weights: balanced}", "has no classes"),
        (
            "data: {path: x}\ntask: {kind: multilabel, multilabel: {loss: asymmetric}}\ntraining: {class_weights: balanced}",
            "weights of its own",
        ),
        ("- a", "found list"),
        ("a: [", "not valid YAML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ParamsError) as caught:
        check(write(tmp_path, text))
    assert says in str(caught.value)


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    file = write(tmp_path, "data: {path: 3}\ntraining: {epochs: -1, batch_sise: 2}\nmodell: {}")
    with pytest.raises(ParamsError, match="4 problems"):
        check(file)


def test_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="not found"):
        check(tmp_path / "params.yaml")


def test_exponents_are_numbers_as_dvc_reads_them(tmp_path: Path) -> None:
    loaded = load((TrainingParams,), write(tmp_path, "training: {learning_rate: 1e-4}"))["training"]
    assert isinstance(loaded, TrainingParams)
    assert loaded.learning_rate == 1e-4


@pytest.mark.parametrize("file", ["params.yaml", "tests/params.yaml"])
def test_the_project_spells_out_every_key(project: Path, file: str) -> None:
    """Tests read a copy of the params that the project comes with, so that they hold whatever a user sets."""
    check(project / file)
    content = YAML(typ="safe", pure=True).load((project / file).read_text(encoding="utf-8"))
    for section in SECTIONS:
        known = keys(section)
        assert known == flat(content[section.section], known), section.section


def keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= keys(kind, f"{prefix}{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found


def flat(values: dict[str, Any], known: set[str], prefix: str = "") -> set[str]:
    """Dotted keys of a file; a key that the model takes whole, as a mapping with free keys, is not opened."""
    found: set[str] = set()
    for key, value in values.items():
        opened = isinstance(value, dict) and f"{prefix}{key}" not in known
        found |= flat(value, known, f"{prefix}{key}.") if opened else {f"{prefix}{key}"}
    return found


def test_every_recipe_is_valid(project: Path) -> None:
    for recipe in (project / "recipes").glob("*.params.yaml"):
        assert len(check(recipe)) == len(SECTIONS), recipe
