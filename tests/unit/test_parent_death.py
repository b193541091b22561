"""What a stage asks Linux for, what it does when it comes too late, and what a user sees of a mistake."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stages import harness


class Libc:
    """Stands in for the C library."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def prctl(self, option: int, value: int) -> int:
        self.asked.append((option, value))
        return 0


@pytest.fixture
def libc(monkeypatch: pytest.MonkeyPatch) -> Libc:
    fake = Libc()
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: fake)
    return fake


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr("os.kill", lambda pid, number: seen.append((pid, number)))
    return seen


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has prctl")
def test_it_asks_to_be_killed_with_its_parent(libc: Libc, killed: list[tuple[int, int]]) -> None:
    harness._die_with_parent()
    assert libc.asked == [(1, signal.SIGKILL)]
    assert killed == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has prctl")
@pytest.mark.parametrize("parents", [[10, 1], [2**22 + 1, 2**22 + 1]], ids=["adopted meanwhile", "gone"])
def test_a_parent_that_died_before_it_asked_is_noticed(
    parents: list[int], libc: Libc, killed: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(parents)
    monkeypatch.setattr("os.getppid", lambda: next(answers))
    harness._die_with_parent()
    assert killed == [(os.getpid(), signal.SIGKILL)]


def test_other_systems_are_asked_nothing(libc: Libc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    harness._die_with_parent()
    assert libc.asked == []


def run(root: Path, project: Path, work: str) -> subprocess.CompletedProcess[str]:
    code = (
        "from stages import harness\nfrom stages.errors import DataError\nfrom stages.params.task import TaskParams\n"
        f"def work(stage):\n    {work}\nharness.main('prepare', work, (TaskParams,))"
    )
    env = {**os.environ, "PYTHONPATH": str(project), "DVC_ROOT": str(root)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=env, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_user_sees_one_message_and_exit_code_2(tmp_path: Path, project: Path) -> None:
    (tmp_path / "params.yaml").write_text("tracking: {enabled: false}\ndata: {path: data/raw}\n", encoding="utf-8")
    mistake = run(tmp_path, project, "raise DataError('train.csv:3: text: is empty.')")
    assert (mistake.returncode, mistake.stdout, mistake.stderr) == (2, "", "prepare: train.csv:3: text: is empty.\n")
    defect = run(tmp_path, project, "1 / 0")
    assert defect.returncode == 1
    assert "Traceback" in defect.stderr
    assert defect.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert run(tmp_path, project, "assert stage.record is not None").returncode == 0


def test_a_typing_mistake_in_params_is_found_before_any_work(tmp_path: Path, project: Path) -> None:
    (tmp_path / "params.yaml").write_text(
        "tracking: {enabled: false}\ndata: {path: data/raw}\nexport: {opsets: 17}\ntrainig: {}\n", encoding="utf-8"
    )
    done = run(tmp_path, project, "open('worked', 'w').close()")
    assert done.returncode == 2
    assert done.stderr.startswith("prepare: params.yaml: 2 problems\n")
    assert "trainig: unknown key; did you mean 'training'?" in done.stderr
    assert "export.opsets: unknown key; did you mean 'opset'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "worked").exists()


def test_a_parent_that_is_not_to_be_seen_is_no_dead_one(
    libc: Libc, killed: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getppid", lambda: 0)
    harness._die_with_parent()
    assert libc.asked
    assert not killed
