"""A user's mistake is one message and exit code 2; a defect shows its traceback."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors import SafetensorError

from stages import harness
from stages.errors import DataError, UserError
from stages.params.task import TaskParams
from stages.tracking import session


@pytest.fixture
def root(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    text = (
        (project / "tests/params.yaml")
        .read_text(encoding="utf-8")
        .replace("enabled: true\n  uri", "enabled: false\n  uri")
    )
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(harness, "_die_with_parent", lambda: None)
    return tmp_path


def test_a_stage_gets_its_sections_and_no_others(root: Path) -> None:
    seen: list[harness.Stage] = []
    harness.main("prepare", seen.append, (TaskParams,))
    assert seen[0].params(TaskParams).top_k == 3
    assert set(seen[0].sections) == {"task"}


def test_a_mistake_is_one_message(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    def work(stage: harness.Stage) -> None:
        raise DataError("train.csv:3: text: is empty. Mend it.")

    with pytest.raises(SystemExit) as caught:
        harness.main("prepare", work, (TaskParams,))
    assert caught.value.code == 2
    assert "prepare: train.csv:3: text: is empty. Mend it." in caplog.text


def test_a_defect_is_not_hidden(root: Path) -> None:
    def work(stage: harness.Stage) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        harness.main("prepare", work, (TaskParams,))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "data/x"),
            "No space left on device: 'data/x'. Free some room",
        ),
        (
            SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
            "28). Free some",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "reports"), "'reports'. Give yourself the right"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "reports/x"), "A file stands where a folder"),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
            "memory. Halve training.batch_size",
        ),
    ],
)
def test_a_failure_of_the_machine_is_one_message(
    root: Path, caplog: pytest.LogCaptureFixture, error: Exception, says: str
) -> None:
    def work(stage: harness.Stage) -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        harness.main("prepare", work, (TaskParams,))
    assert ended.value.code == 2
    assert says in caplog.text


def test_what_one_machine_lacks_is_said_by_the_process_that_lacks_it(
    root: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(stage: harness.Stage) -> None:
        raise failures[-1]

    failures: list[Exception] = []
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_RANK", "3")
    for failure, said in ((torch.OutOfMemoryError("CUDA out of memory."), 1), (UserError("a typing mistake"), 0)):
        failures.append(failure)
        caplog.clear()
        with pytest.raises(SystemExit):
            harness.main("prepare", work, (TaskParams,))
        assert caplog.text.count("process 3") == said


def test_a_file_that_is_missing_without_a_word_of_it_is_a_defect(root: Path) -> None:
    def work(stage: harness.Stage) -> None:
        Path("nowhere").read_text(encoding="utf-8")

    with pytest.raises(FileNotFoundError):
        harness.main("prepare", work, (TaskParams,))


def test_other_sections_are_checked_before_any_work(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = root / "params.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("licence:", "license:"), encoding="utf-8")
    with pytest.raises(SystemExit):
        harness.main("prepare", lambda _: pytest.fail("it worked"), (TaskParams,))
    assert "did you mean 'licence'?" in caplog.text


def test_garbage_is_collected_seldom_while_a_stage_is_imported_and_not_at_its_end(root: Path, project: Path) -> None:
    program = """
import gc, sys
usual = gc.get_threshold()
sys.orig_argv.append("stages.prepare")
from stages import harness

class Circle:
    def __init__(self):
        self.own = self
    def __del__(self):
        print("sorted out")

print(gc.get_threshold()[0])
harness.main("prepare", lambda _: print(gc.get_threshold() == usual), ())
gc.collect()
Circle()
"""
    words = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["50000", "True"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_a_stage_dies_with_the_process_that_started_it(project: Path) -> None:
    child = (
        "from stages import harness; harness._die_with_parent(); import time; print('up', flush=True); time.sleep(60)"
    )
    parent = (
        f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE); "
        "p.stdout.readline(); print(p.pid, flush=True); import time; time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(project)}
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    pytest.fail("the stage outlived its parent")


def test_a_stage_becomes_the_launcher_that_the_environment_names(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[tuple[list[str], dict[str, str]]] = []

    class BegunError(Exception):
        pass

    def execve(program: str, words: list[str], env: dict[str, str]) -> None:
        began.append((words, env))
        raise BegunError

    monkeypatch.setattr("os.execve", execve)
    monkeypatch.setenv(harness.LAUNCH, "torchrun --nproc-per-node '2'")
    with pytest.raises(BegunError):
        harness.main("finetune", lambda _: None, (), launchable=True)
    words, env = began[0]
    assert words[0].endswith("torchrun")
    assert words[1:] == ["--nproc-per-node", "2", "-m", "stages.finetune"]
    assert harness.LAUNCH not in env, "what is launched must not launch again"
    assert env[session.KEY] == session.key(), "what is launched may have no dvc above it"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("tortchrun -n 2", "tortchrun was not found"),
        ("torchrun '--nproc-per-node 2", "WHETSTONE_LAUNCH: No closing quotation. .* close every quote"),
    ],
)
def test_a_launcher_that_cannot_be_started_is_one_message(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, words: str, says: str
) -> None:
    monkeypatch.setenv(harness.LAUNCH, words)
    with pytest.raises(SystemExit) as ended:
        harness.main("finetune", lambda _: None, (), launchable=True)
    assert ended.value.code == 2
    assert re.search(says, caplog.text)
