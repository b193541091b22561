"""One repro is one session, whatever starts the stages; the state of git is noted where there is one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from stages.tracking import session

NAMES = ("DVC_EXP_BASELINE_REV", "DVC_EXP_NAME", session.KEY)


class Process:
    """Stands in for a process and those that started it."""

    def __init__(
        self, pid: int, words: list[str], parents: list[Process] | None = None, *, closed: bool = False
    ) -> None:
        self.pid = pid
        self._words, self._parents, self._closed = words, parents or [], closed

    def parents(self) -> list[Process]:
        return self._parents

    def create_time(self) -> float:
        return self.pid / 8

    def cmdline(self) -> list[str]:
        if self._closed:
            raise psutil.AccessDenied(self.pid)
        return self._words


@pytest.fixture(autouse=True)
def _no_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("socket.gethostname", lambda: "host")


def key_below(monkeypatch: pytest.MonkeyPatch, *parents: Process) -> str:
    monkeypatch.setattr("psutil.Process", lambda: Process(40, ["python", "-m", "stages.prepare"], [*parents]))
    return session.key()


@pytest.mark.parametrize(
    "words",
    [
        ["/venv/bin/python3", "/venv/bin/dvc", "repro"],
        ["/venv/bin/dvc", "repro"],
        ["dvc.exe", "repro"],
        ["python", "-m", "dvc", "repro"],
    ],
)
def test_stages_of_one_repro_share_the_key_of_its_dvc(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shell, outer = Process(30, ["sh", "-c", "python -m stages.prepare"]), Process(10, ["make", "repro"])
    assert key_below(monkeypatch, shell, Process(20, words), outer) == "host-20-2.50"


def test_the_nearest_dvc_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_below(monkeypatch, Process(20, ["dvc", "repro"]), Process(8, ["dvc", "exp", "run"])) == "host-20-2.50"


@pytest.mark.parametrize("words", [["python", "-m", "dvclive"], ["vim", "dvc.yaml"], ["sh"], []])
def test_a_stage_that_was_started_by_hand_is_its_own_session(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_below(monkeypatch, Process(20, words)) == "host-40-5.00"


def test_a_parent_that_may_not_be_looked_at_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = Process(30, ["dvc"], closed=True)
    assert key_below(monkeypatch, hidden, Process(20, ["dvc", "repro"])) == "host-20-2.50"
    assert key_below(monkeypatch, hidden) == "host-40-5.00"


def test_an_experiment_needs_both_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "tidy-fox")
    assert key_below(monkeypatch) == "host-40-5.00"
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0123456789abcdef")
    assert key_below(monkeypatch) == "tidy-fox@0123456789ab"


def test_two_calls_of_one_process_agree() -> None:
    assert session.key() == session.key()


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_state_of_git_is_commit_branch_and_whether_files_differ(tmp_path: Path) -> None:
    git(tmp_path, "init", "--initial-branch", "topic")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    clean = {"git.commit": commit, "git.branch": "topic", "git.dirty": "false"}
    assert session.git_state(tmp_path) == clean
    (tmp_path / "untracked").touch()
    assert session.git_state(tmp_path) == clean
    (tmp_path / "a").write_text("2")
    assert session.git_state(tmp_path) == {**clean, "git.dirty": "true"}


def test_without_a_commit_there_is_no_state(tmp_path: Path) -> None:
    git(tmp_path, "init")
    assert session.git_state(tmp_path) == {}


@pytest.mark.parametrize("error", [FileNotFoundError("git"), subprocess.TimeoutExpired("git", 10)])
def test_without_a_git_that_answers_there_is_no_state(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("subprocess.run", run)
    assert session.git_state(tmp_path) == {}


def test_records_lie_in_the_checkout_and_not_where_one_happens_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "checkout"))
    monkeypatch.chdir(tmp_path)
    assert session.folder() == tmp_path / "checkout" / ".tracking"
    monkeypatch.delenv("DVC_ROOT")
    assert session.folder() == tmp_path / ".tracking"


def test_this_very_process_is_not_taken_for_dvc() -> None:
    assert not session._is_dvc(psutil.Process())


def test_a_launcher_hands_the_session_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(session.KEY, "host-7-1.00")
    assert key_below(monkeypatch) == "host-7-1.00"
