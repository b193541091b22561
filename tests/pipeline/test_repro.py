"""The whole pipeline through the real dvc, on a small sample of the default corpus."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from stages.artifacts import tree_sha256
from tests.architecture import imports

pytestmark = [pytest.mark.pipeline, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SMALL: dict[str, dict[str, Any]] = {
    "data": {"limit": 60},
    "training": {"epochs": 1, "eval_batch_size": 64},
    "evaluation": {"bootstrap": 100, "baselines": False, "alignment": {"enabled": False}},
    "export": {"onnx": False, "int8": False},
    "tracking": {"enabled": False},
}


class Checkout:
    """A copy of the project with its own git and dvc."""

    def __init__(self, folder: Path, project: Path) -> None:
        self.folder = folder
        for name in ("stages", "data/raw/helpdesk", "dvc.yaml", ".gitignore"):
            source, target = project / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        shutil.copy(project / "tests/params.yaml", folder)
        for section, values in SMALL.items():
            for key, value in values.items():
                self.change(section, key, value)
        self.run("git", "init", "-q")
        self.run("dvc", "init", "-q")

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "PYTHONPATH": str(self.folder), "DVC_NO_ANALYTICS": "1"}
        done = subprocess.run(words, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def change(self, section: str, key: str, value: object) -> None:
        yaml = YAML()
        file = self.folder / "params.yaml"
        content = yaml.load(file)
        content[section][key] = value
        yaml.dump(content, file)

    def would_run(self) -> set[str]:
        """The stages that `dvc status` names; asked in this process, since the command imports dvc anew."""
        with contextlib.chdir(self.folder), Repo() as repo:
            changed = set(repo.status())
        return {name for name in ("prepare", "tokenize", "finetune", "evaluate", "export") if name in changed}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("checkout"), project)
    made.run("dvc", "repro")
    return made


def test_a_second_forced_run_writes_the_same_lock(checkout: Checkout) -> None:
    before = (checkout.folder / "dvc.lock").read_text()
    checkout.run("dvc", "repro", "-f")
    assert (checkout.folder / "dvc.lock").read_text() == before


def test_the_command_says_the_same(checkout: Checkout) -> None:
    assert json.loads(checkout.run("dvc", "status", "--json").stdout) == {}
    assert checkout.would_run() == set()


def test_the_outs_are_there_and_no_more(checkout: Checkout) -> None:
    metrics = json.loads((checkout.folder / "reports/evaluation/metrics.json").read_text())
    assert 0 < metrics["test"]["accuracy"] <= 1
    assert metrics["test"]["accuracy_low"] <= metrics["test"]["accuracy"] <= metrics["test"]["accuracy_high"]
    assert (checkout.folder / "models/release/manifest.json").is_file()
    assert not (checkout.folder / ".checkpoints").exists()
    assert not list(checkout.folder.rglob("*.partial"))


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("data", "limit", 50, {"prepare"}),
        ("task", "top_k", 2, {"prepare", "tokenize", "finetune", "evaluate"}),
        ("model", "head_dropout", 0.0, {"tokenize", "finetune"}),
        ("text", "percentile", 90.0, {"tokenize"}),
        ("training", "seed", 1, {"finetune"}),
        ("adaptation", "layer_decay", 0.9, {"finetune"}),
        ("objectives", "r_drop", 0.5, {"finetune"}),
        ("evaluation", "seed", 1, {"evaluate"}),
        ("export", "name", "other", {"export"}),
        ("tracking", "experiment", "other", set()),
    ],
)
def test_a_changed_section_touches_the_stages_that_read_it(
    checkout: Checkout, section: str, key: str, value: object, expected: set[str]
) -> None:
    file = checkout.folder / "params.yaml"
    before = file.read_text()
    try:
        checkout.change(section, key, value)
        assert checkout.would_run() == expected
    finally:
        file.write_text(before)


@pytest.mark.parametrize(
    "module",
    [
        "stages/corpora/cleaning.py",
        "stages/encoding/ids.py",
        "stages/training/trainer.py",
        "stages/metrics/intervals.py",
        "stages/alignment/page.py",
        "stages/exporters/int8.py",
        "stages/errors.py",
        "stages/tracking/delivery.py",
        "stages/summary.py",
    ],
)
def test_a_changed_module_touches_the_stages_that_import_it(checkout: Checkout, module: str) -> None:
    file = checkout.folder / module
    before = file.read_text(encoding="utf-8")
    try:
        file.write_text(before + "\n# changed\n", encoding="utf-8")
        assert checkout.would_run() == {stage for stage in imports.STAGES if module in imports.files_of(stage)}
    finally:
        file.write_text(before, encoding="utf-8")


def test_a_mistake_in_params_ends_with_one_message(checkout: Checkout) -> None:
    file = checkout.folder / "params.yaml"
    before = file.read_text()
    try:
        checkout.change("training", "epochz", 3)
        done = checkout.run(sys.executable, "-m", "stages.prepare", check=False)
    finally:
        file.write_text(before)
    assert done.returncode == 2
    assert "did you mean 'epochs'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_after_a_refusal_the_release_before_it_comes_back(checkout: Checkout) -> None:
    file = checkout.folder / "params.yaml"
    before, release = file.read_text(), tree_sha256(checkout.folder / "models/release")
    try:
        checkout.change("export", "onnx", value=True)
        checkout.change("export", "parity", {"onnx_logit_difference": 1e-30})
        done = checkout.run("dvc", "repro", "export", check=False)
    finally:
        file.write_text(before)
    assert done.returncode != 0
    assert not (checkout.folder / "models/release").exists()
    checkout.run("dvc", "checkout", "models/release")
    assert tree_sha256(checkout.folder / "models/release") == release
    assert checkout.would_run() == set()
