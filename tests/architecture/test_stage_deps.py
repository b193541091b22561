"""`dvc.yaml` lists exactly the modules that each stage imports, and stages run by module."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.architecture.imports import STAGES, files_of, imported_by, listed_for


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_what_it_imports(stage: str) -> None:
    assert sorted(listed_for(stage)) == files_of(stage), "run `make deps`"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_by_module(stage: str, project: Path) -> None:
    content = YAML(typ="safe", pure=True).load((project / "dvc.yaml").read_text(encoding="utf-8"))
    assert content["stages"][stage]["cmd"] == f"python -m stages.{stage}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_sections_that_it_reads(stage: str, project: Path) -> None:
    content = YAML(typ="safe", pure=True).load((project / "dvc.yaml").read_text(encoding="utf-8"))
    read = importlib.import_module(f"stages.{stage}").SECTIONS
    assert sorted(content["stages"][stage]["params"]) == sorted(section.section for section in read)


def test_imports_inside_functions_count_and_those_for_types_do_not(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from stages.params.training import TrainingParams\n"
        "def work():\n    from stages.artifacts import sha256\n"
    )
    assert imported_by(file) == {"stages.artifacts"}


@pytest.mark.parametrize("stage", ["prepare", "tokenize"])
def test_a_stage_without_a_model_imports_no_torch(stage: str, project: Path) -> None:
    heavy = ("torch", "transformers", "mlflow", "sklearn")
    code = f"import sys, stages.{stage}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
