"""A sweep through DVC's real queue: rows times seeds, a row that fails, going on, and an interruption.

The pipeline is a stand-in of one stage without torch that writes what the sweep reads (the committed reports with other
figures, and a record of its run), so that four runs take seconds; the stages themselves are tested elsewhere.
"""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]
PATIENCE = 240.0
"""Seconds for anything, on a busy machine."""
PIPELINE = """
stages:
  evaluate:
    cmd: python toy.py
    deps: [toy.py]
    params: [task, adaptation, training]
    outs: [reports/training]
    metrics:
      - reports/evaluation/metrics.json: {cache: false}
      - reports/alignment/metrics.json: {cache: false}
"""
TOY = """
import json, sys, time
from pathlib import Path
from stages.artifacts import ALIGNMENT_METRICS, METRICS, SUMMARY, project_root, write_json
from stages.params.loading import read_yaml
from stages.tracking import TrackingParams, spool

params = read_yaml(Path("params.yaml"))
spool._start_delivery = lambda: None
method, seed = params["adaptation"]["method"], params["training"]["seed"]
with spool.stage_run("finetune", {}, TrackingParams()):
    if method == "ia3":
        (project_root() / "begun").touch()
        time.sleep(600)
    if method == "lora":
        sys.exit("finetune: lora: no such modules")
metrics, alignment = (json.loads(Path("pattern", one).read_text()) for one in ("evaluation.json", "alignment.json"))
metrics["test"]["accuracy"] = {"full": 0.8, "bitfit": 0.7}[method] + seed / 100
alignment["retention"]["worst"] = {"full": 0.4, "bitfit": 0.9}[method]
write_json(METRICS, metrics)
write_json(ALIGNMENT_METRICS, alignment)
weights = {"full": 1000, "bitfit": 10}[method]
write_json(SUMMARY, {"metric": "accuracy", "validation_accuracy": 0.75, "trainable_parameters": weights})
"""


class Workplace:
    """A project of the stand-in, and its sweeps."""

    def __init__(self, folder: Path, project: Path) -> None:
        self.folder, self.project = folder, project
        shutil.copy(project / "tests/params.yaml", folder)
        (folder / "pattern").mkdir()
        for name in ("evaluation", "alignment"):
            shutil.copy(project / "reports" / name / "metrics.json", folder / "pattern" / f"{name}.json")
        (folder / "dvc.yaml").write_text(PIPELINE)
        (folder / "toy.py").write_text(TOY)
        (folder / ".gitignore").write_text(
            "/.tracking/\n/reports/training/\n/reports/pareto*\n/sweep.yaml\n/begun\n__pycache__/\n"
        )
        self.run("git", "init", "-q")
        self.run("git", "config", "user.name", "Sweep")
        self.run("git", "config", "user.email", "sweep@example.org")
        self.run("dvc", "init", "-q")
        self.run("git", "add", ".")
        self.run("git", "commit", "-qm", "a stand-in")

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": path, "PYTHONPATH": str(self.project), "GIT_CONFIG_GLOBAL": os.devnull, "DVC_NO_ANALYTICS": "1"}
        return {**os.environ, **own}

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def words(self, rows: dict[str, str], *more: str) -> list[str]:
        content = {"seeds": [1, 2], "rows": {name: {"adaptation.method": method} for name, method in rows.items()}}
        YAML().dump(content, self.folder / "sweep.yaml")
        return [sys.executable, "-m", "stages.sweep", "sweep.yaml", *more]

    def table(self) -> dict[str, dict[str, str]]:
        with (self.folder / "reports/pareto.csv").open(encoding="utf-8", newline="") as stream:
            return {line["row"]: line for line in csv.DictReader(stream)}

    def left(self) -> list[list[str]]:
        """Workers and runs of this project that are still there."""
        found = []
        for one in psutil.process_iter():
            try:
                words = one.cmdline()
                if Path(one.cwd()).is_relative_to(self.folder) and ("queue-worker" in words or "toy.py" in words):
                    found.append(words)
            except (psutil.Error, OSError):
                continue
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("sweep").resolve(), project)


def until(ready: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    begun = time.monotonic()
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - begun < PATIENCE
        time.sleep(0.1)


def test_rows_times_seeds_and_one_row_that_fails(place: Workplace) -> None:
    rows = {"everything": "full", "biases": "bitfit"}
    done = place.run(*place.words({**rows, "broken": "lora"}, "--jobs", "2"), check=False)
    assert done.returncode == 1, done.stderr
    assert "broken, seed 2, is missing: finetune: lora: no such modules" in done.stderr
    table = place.table()
    assert [float(table[name]["target"]) for name in rows] == pytest.approx([0.815, 0.715])
    assert float(table["everything"]["target_std"]) == pytest.approx(0.0071)
    assert (table["everything"]["retention"], table["biases"]["retention"]) == ("0.4000", "0.9000")
    assert (table["everything"]["validation"], table["everything"]["chosen_by"]) == ("0.7500", "accuracy")
    assert (table["broken"]["runs"], table["broken"]["failed"], table["broken"]["target"]) == ("0", "2", "")
    assert float(table["biases"]["seconds"]) >= 0
    assert float(table["biases"]["memory_mib"]) > 1
    assert "retention trainable_parameters" in table["biases"]["fronts"]
    assert "| `biases` | 2 | 0.715 ± 0.007 |" in (place.folder / "reports/pareto.md").read_text(encoding="utf-8")
    assert (place.folder / "reports/pareto.png").read_bytes()[:4] == b"\x89PNG"
    assert place.left() == []
    again = place.run(*place.words(rows))
    assert "4 runs, 4 done before, 0 to queue" in again.stderr
    assert place.table()["biases"] == {**table["biases"], "fronts": place.table()["biases"]["fronts"]}


def test_an_interruption_leaves_no_process_and_keeps_what_was_done(place: Workplace) -> None:
    process = subprocess.Popen(
        place.words({"slow": "ia3"}), cwd=place.folder, env=place.environment, stderr=subprocess.PIPE, text=True
    )
    try:
        until((place.folder / "begun").exists, process)
        # Not SIGINT, which a process that a script started in the background never gets to see.
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert place.left() == []
    assert "the same command goes on" in said
    said = place.run(*place.words({"slow": "ia3"}, "--only-read"), check=False).stderr
    assert "slow, seed 1, is missing" in said
