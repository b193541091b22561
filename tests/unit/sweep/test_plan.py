"""The file of a sweep: which runs it names, and what it refuses before anything is queued."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from stages.errors import ParamsError
from stages.params.adaptation import AdaptationParams
from stages.params.loading import read_yaml
from stages.sweep import plan

EPOCHS = read_yaml(Path(__file__).parents[2] / "params.yaml")["training"]["epochs"]
"""That the project's own params name."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose pipeline reads nothing but params."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(project / "tests/params.yaml", tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {evaluate: {cmd: x, params: [training, adaptation]}}\n")
    return tmp_path


def sweep(**content: Any) -> Path:
    file = Path("sweep.yaml")
    YAML().dump({"seeds": [3, 5], "rows": {"full": {}}, **content}, file)
    return file


def test_rows_times_seeds_in_their_order() -> None:
    rows = {"full": {}, "lora, 轻": {"adaptation.method": "lora", "training.learning_rate": 1e-3}}
    found = plan.trials(sweep(base={"training.epochs": 2}, rows=rows))
    assert [(one.row, one.seed) for one in found] == [("full", 3), ("full", 5), ("lora, 轻", 3), ("lora, 轻", 5)]
    last = found[-1]
    assert last.settings == {
        "training.epochs": 2,
        "adaptation.method": "lora",
        "training.learning_rate": 1e-3,
        "training.seed": 5,
    }
    assert (last.params["training"]["epochs"], last.params["training"]["seed"]) == (2, 5)
    assert last.words[:4] == ["-S", "training.epochs=2", "-S", "adaptation.method='lora'"]
    assert last.name.startswith("sweep-lora-5-")
    assert len({one.name for one in found}) == 4


def test_a_run_keeps_its_name_when_only_what_it_does_not_read_changes(folder: Path) -> None:
    before = plan.trials(sweep())[0].name
    text = (folder / "params.yaml").read_text(encoding="utf-8")
    (folder / "params.yaml").write_text(text.replace("name: whetstone-helpdesk", "name: other"), encoding="utf-8")
    assert plan.trials(sweep())[0].name == before
    (folder / "params.yaml").write_text(text.replace("batch_size: 32", "batch_size: 16"), encoding="utf-8")
    assert plan.trials(sweep())[0].name != before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"rows": {"a": {"training.epochz": 1}, "b": {"x": 1}}}, "did you mean 'training.epochs'?"),
        ({"rows": {"a": {"training.epochs": "many"}}}, "training.epochs: input should be a valid number"),
        (
            {"rows": {"a": {"objectives.wise_ft.shares": [0.5], "adaptation.method": "lora"}}},
            "rows.a: objectives.wise_ft.shares: is about the base",
        ),
        ({"rows": {"a": {"training.seed": 1}}}, "training.seed is set by `seeds`"),
        ({"rows": {"a": {"adaptation.lora": {"rank": 4}}}}, "name single keys"),
        ({"seeds": [1, 1]}, "names a seed twice"),
        ({"seeds": []}, "seeds"),
        ({"rows": {}}, "rows"),
        ({"grid": {}}, "grid"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(content: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamsError) as found:
        plan.trials(sweep(**content))
    assert said in str(found.value)
    assert "sweep.yaml" in str(found.value)


def test_a_row_that_says_what_another_one_says_is_left_out(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = plan.trials(sweep(rows={"a": {}}, seeds=[1, 2]))
    found = plan.trials(sweep(rows={"a": {}, "b": {"training.epochs": EPOCHS}}, seeds=[1, 2]))
    assert found == own
    assert "row 'b' says what 'a' says" in caplog.text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.learning_rate", 2e-5),
        ("training.batch_tokens", None),
        ("training.group_by_length", False),
        ("training.betas", [0.9, 0.99]),
        ("adaptation.frozen.patterns", ["^layer\\.[0-3]\\.", "it's, a = {b}"]),
        ("export.intended_use", "问: it's \"so\", isn't it? a=b, [c]"),
        ("data.split.seed", 7),
    ],
)
def test_dvc_reads_a_setting_as_it_was_meant(folder: Path, key: str, value: Any) -> None:
    from dvc.utils.hydra import apply_overrides

    file = folder / "params.yaml"
    meant = plan.changed(read_yaml(file), {key: value})
    apply_overrides(file, [f"{key}={plan.spelt(value)}"])
    assert read_yaml(file) == meant


def test_the_ready_sweep_has_every_method_and_objective(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    found = plan.trials(project / "recipes/sweeps/methods.yaml")
    methods = {one.params["adaptation"]["method"] for one in found}
    assert methods == set(get_args(AdaptationParams.model_fields["method"].annotation))
    extra = [one.params["objectives"] for one in found]
    assert any(one["replay"]["weight"] for one in extra)
    assert any(one["ewc"]["weight"] for one in extra)
    assert any(one["l2_sp"] for one in extra)
    assert any(one["wise_ft"]["shares"] for one in extra)


def test_the_two_halves_of_general_text_share_nothing(project: Path) -> None:
    read, asked = (
        set((project / f"recipes/sweeps/general_{name}.txt").read_text(encoding="utf-8").splitlines())
        for name in ("read", "asked")
    )
    whole = set((project / "data/raw/helpdesk/general.txt").read_text(encoding="utf-8").splitlines())
    assert not read & asked
    assert read | asked == whole
