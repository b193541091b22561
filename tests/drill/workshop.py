"""What the drill works with: a shared git repository, a DVC remote, an MLflow server, and clones of the project.

Everything lies in one temporary folder and listens on loopback only.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests import tiny
from tests.drill import corpus
from tests.mlflow_server import serving

PATIENCE = 300.0
"""Seconds that one command may take."""
PARTS = ("stages", "dvc.yaml", ".gitignore", ".dvcignore")
STAGES = "prepare", "tokenize", "finetune", "evaluate", "export"


class Workshop:
    """The shared places.

    Args:
        folder: to build them in.
        checkout: whose code is drilled.
        server: address of the MLflow server.
    """

    def __init__(self, folder: Path, checkout: Path, server: str) -> None:
        self.folder, self.server = folder, server
        self.origin, self.remote = folder / "origin.git", folder / "remote"
        run(folder, "git", "init", "-q", "--bare", "-b", "main", str(self.origin))
        first = self.clone("first")
        self._fill(first, checkout)

    def clone(self, name: str) -> Clone:
        """A fresh clone, with a cache of its own."""
        run(self.folder, "git", "clone", "-q", str(self.origin), name)
        made = Clone(self.folder / name)
        made.run("git", "config", "user.name", "Drill")
        made.run("git", "config", "user.email", "drill@example.org")
        return made

    def _fill(self, clone: Clone, checkout: Path) -> None:
        for name in PARTS:
            source, target = checkout / name, clone.folder / name
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target, ignore=ignored) if source.is_dir() else shutil.copy(source, target)
        shutil.copy(checkout / "tests/params.yaml", clone.folder)
        tiny.base(clone.folder / "base")
        clone.run("dvc", "init", "-q")
        clone.run("dvc", "remote", "add", "-q", "-d", "storage", str(self.remote))
        general = "".join(f"{row['text']}\n" for row in corpus.messages(30, 9))
        (clone.folder / "general.txt").write_text(general, encoding="utf-8")
        for section, values in self._params().items():
            clone.change(section, **values)

    def _params(self) -> dict[str, dict[str, Any]]:
        """A model that trains within seconds, and a gate whose margins suit 2,000 test records."""
        return {
            "data": {
                **{"path": "corpus", "rehearsal": {"path": "corpus"}},
                "augmentation": {
                    "synonyms": {"copies": 0, "rate": 0.3, "file": "general.txt"},
                    "back_translation": {"copies": 0, "file": "general.txt"},
                },
            },
            "model": {"base": "./base"},
            "training": {
                **{"epochs": 20, "learning_rate": 2e-3, "head_learning_rate": None, "batch_size": 32},
                **{"precision": "fp32", "threads": 1, "checkpoint_seconds": 60},
            },
            "evaluation": {
                **{"bootstrap": 200, "baselines": False, "references": "general.txt"},
                "alignment": {"enabled": False},
            },
            "export": {"onnx": False, "int8": False, "name": "drill"},
            "objectives": {"references": "general.txt"},
            "tracking": {"uri": self.server, "experiment": "drill"},
            "gate": {"margins": {"accuracy": 0.015, "macro_f1": 0.02}},
        }


class Clone:
    """One person's, or one runner's, copy of the project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.corpus = folder / "corpus"

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command here; see `run`."""
        return run(self.folder, *words, check=check)

    def gate(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the gate; its exit code is an answer."""
        return self.run(sys.executable, "-m", "stages.gate", *words, check=False)

    def change(self, section: str, **values: Any) -> None:
        """Change params; a mapping changes only the keys that it has."""
        yaml, file = YAML(), self.folder / "params.yaml"
        content = yaml.load(file)
        for key, value in values.items():
            if isinstance(value, dict):
                content[section][key].update(value)
            else:
                content[section][key] = value
        yaml.dump(content, file)

    def repro(self, *stages: str) -> list[str]:
        """Run what has to be run; returns the stages that ran."""
        said = self.run("dvc", "repro", *stages).stdout
        return [name for name in STAGES if f"Running stage '{name}'" in said]

    def commit(self, why: str) -> str:
        """Commit everything that is not ignored; returns the commit."""
        self.run("git", "add", ".")
        self.run("git", "commit", "-qm", why)
        return self.run("git", "rev-parse", "HEAD").stdout.strip()

    def publish(self) -> subprocess.CompletedProcess[str]:
        """Give outs to the remote and the commit to main; git's answer may be a refusal."""
        self.run("dvc", "push", "-q")
        return self.run("git", "push", "-q", "origin", "HEAD:main", check=False)

    def md5(self, out: str) -> str:
        """What `dvc.lock` says of an out."""
        lock = YAML(typ="safe").load(self.folder / "dvc.lock")
        return next(str(one["md5"]) for stage in lock["stages"].values() for one in stage["outs"] if one["path"] == out)

    def killed_when(self, ready: Callable[[], bool], *words: str) -> int:
        """Start a command, kill its whole process group as soon as something is the case; returns its exit code."""
        process = subprocess.Popen(
            words, cwd=self.folder, env=environment(self.folder), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        begun = time.monotonic()
        while process.poll() is None and time.monotonic() - begun < PATIENCE and not ready():
            time.sleep(0.02)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


@contextmanager
def opened(folder: Path, checkout: Path) -> Iterator[Workshop]:
    """A workshop, with its server running."""
    with serving(folder / "mlflow") as server:
        yield Workshop(folder, checkout, server)


def environment(folder: Path) -> dict[str, str]:
    """Of a command: the project's own code, this interpreter, and nobody's git settings."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "DVC_NO_ANALYTICS": "1",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }


def run(folder: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder.

    Raises:
        RuntimeError: it failed, with what it said.
    """
    done = subprocess.run(
        words, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    if check and done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done
