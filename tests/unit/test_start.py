"""Stages load what they need when they need it: a stage without torch starts within a second."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "peft", "mlflow", "sklearn", "datasets", "onnxruntime", "matplotlib", "pandas")


@pytest.mark.parametrize("module", ["stages.prepare", "stages.tokenize", "stages.tracking", "stages.params.whole"])
def test_nothing_heavy_is_imported(module: str) -> None:
    asked = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["stages.finetune", "stages.evaluate", "stages.export"])
def test_no_stage_imports_mlflow(module: str) -> None:
    asked = f"import sys, {module}; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
