"""Kill stages at random moments and see whether `dvc repro` ends in the bytes of an undisturbed run.

    python -m benchmarks.kills --kills 20 --data FOLDER

A small project (packaged encoder, a sample of the data) runs once undisturbed; its state before each stage is kept. Then, for
one stage after another, that state is taken up, `dvc repro STAGE` is started, and SIGKILL comes after a random share of the
time that the stage took before: to the stage alone, or to dvc and all that it started. A second `dvc repro STAGE` has to
succeed; then the stage's lock entry is compared with the undisturbed one's, and what should not be there is looked for.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("prepare", "tokenize", "finetune", "evaluate", "export")
PARTS = ("stages", "dvc.yaml", "params.yaml", ".gitignore", ".dvcignore")
TRIES = 3
"""Signals for each kill at most: some come when the stage has ended already."""
LEFT = ("**/*.partial", ".checkpoints")
SMALL: dict[str, dict[str, Any]] = {
    "data": {"limit": 100},
    "training": {"epochs": 2, "checkpoint_seconds": 0, "evaluations_per_epoch": 2},
    "evaluation": {"bootstrap": 100, "baselines": False, "alignment": {"enabled": False}},
    "export": {"onnx": False, "int8": False},
    "tracking": {"enabled": False},
}


@dataclass(frozen=True)
class Outcome:
    """What became of one kill."""

    stage: str
    whom: str
    after: float
    hit: bool
    recovered: bool
    identical: bool
    left: list[str]


def build(folder: Path, data: Path | None) -> None:
    """Write the small project."""
    for name in PARTS:
        source, target = ROOT / name, folder / name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, ignore=ignored) if source.is_dir() else shutil.copy(source, target)
    shutil.copytree(ROOT / "data/raw", folder / "data/raw")
    yaml = YAML()
    content = yaml.load(folder / "params.yaml")
    for section, values in SMALL.items():
        for key, value in values.items():
            content[section][key] = {**content[section][key], **value} if isinstance(value, dict) else value
    if data is not None:
        shutil.copytree(data, folder / "corpus")
        content["data"]["path"] = "corpus"
        content["data"]["columns"].update({"label": ["label", "intent", "label_text", "category"], "keep": []})
    yaml.dump(content, folder / "params.yaml")
    for words in (("git", "init", "-q"), ("dvc", "init", "-q"), ("dvc", "config", "core.analytics", "false")):
        subprocess.run(words, cwd=folder, check=True, env=environment(folder))


def environment(folder: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(folder), "DVC_NO_ANALYTICS": "1", "HF_HUB_OFFLINE": "1"}


def start(folder: Path, stage: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ("dvc", "repro", "--no-run-cache", stage),
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def stage_process(dvc: int, stage: str) -> psutil.Process | None:
    """The process that runs a stage below a dvc, once it is there."""
    try:
        for child in psutil.Process(dvc).children(recursive=True):
            if child.cmdline()[1:] == ["-m", f"stages.{stage}"]:
                return child
    except psutil.Error:
        return None
    return None


def watch(running: subprocess.Popen[str], stage: str) -> psutil.Process | None:
    """Wait for the stage's process to begin."""
    while running.poll() is None:
        found = stage_process(running.pid, stage)
        if found is not None:
            return found
        time.sleep(0.02)
    return None


def entry(folder: Path, stage: str) -> Any:
    """A stage's entry of dvc.lock."""
    content = YAML(typ="safe", pure=True).load((folder / "dvc.lock").read_text(encoding="utf-8"))
    return content["stages"].get(stage)


def undisturbed(folder: Path, states: Path) -> dict[str, float]:
    """Run all stages, keep the state before each, and say how long each took."""
    spent = {}
    for stage in STAGES:
        shutil.copytree(folder, states / stage, symlinks=True)
        running = start(folder, stage)
        began = time.perf_counter() if watch(running, stage) else 0.0
        said, _ = running.communicate()
        if running.returncode:
            raise SystemExit(said)
        spent[stage] = time.perf_counter() - began
        print(f"{stage:10s} {spent[stage]:6.1f} s undisturbed", flush=True)
    return spent


def disturbed(state: Path, folder: Path, stage: str, after: float, whom: str, expected: Any) -> Outcome:
    """Kill once, run again, compare."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(state, folder, symlinks=True)
    running = start(folder, stage)
    process = watch(running, stage)
    time.sleep(after)
    hit = process is not None and process.is_running() and running.poll() is None
    if hit and process is not None:
        if whom == "all":
            os.killpg(running.pid, signal.SIGKILL)
        else:
            process.kill()
    running.communicate()
    again = start(folder, stage)
    said, _ = again.communicate()
    if again.returncode:
        print(said)
    left = sorted({str(path.relative_to(folder)) for pattern in LEFT for path in folder.glob(pattern)})
    same = again.returncode == 0 and entry(folder, stage) == expected
    return Outcome(stage, whom, after, hit, again.returncode == 0, same, left)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="that hit")
    parser.add_argument(
        "--data", type=Path, help="a folder with train.csv and test.csv; without it, the default corpus"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        whole, states = place / "project", place / "states"
        whole.mkdir()
        build(whole, options.data)
        spent = undisturbed(whole, states)
        found: list[Outcome] = []
        for _ in range(TRIES * options.kills):
            hit = sum(one.hit for one in found)
            if hit == options.kills:
                break
            # A signal that came too late is sent again, to the same stage.
            stage = STAGES[hit % len(STAGES)]
            whom = ("stage", "all")[hit // len(STAGES) % 2]
            # The same path as the undisturbed project had: nothing may depend on it, and this is not what is asked here.
            one = disturbed(
                states / stage, place / "trial", stage, chance.random() * spent[stage], whom, entry(whole, stage)
            )
            found.append(one)
            print(one, flush=True)
    hits = [one for one in found if one.hit]
    print("\n| stage | kills | recovered | identical bytes | left behind |\n| --- | --- | --- | --- | --- |")
    for stage in STAGES:
        own = [one for one in hits if one.stage == stage]
        print(
            f"| {stage} | {len(own)} | {sum(one.recovered for one in own)} | {sum(one.identical for one in own)} "
            f"| {sum(bool(one.left) for one in own)} |"
        )
    print(f"{len(found) - len(hits)} of {len(found)} came when the stage had ended already")
    if len(hits) < options.kills or not all(one.recovered and one.identical and not one.left for one in hits):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
