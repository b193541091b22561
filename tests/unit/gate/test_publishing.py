"""What a retraining commits and shows: with a bare repository as origin, and a host that writes down what it is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from stages.gate import hosts, publishing

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org")


class Said:
    """A host that keeps what it is told."""

    def __init__(self) -> None:
        self.comments: dict[int, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.statuses: list[tuple[str, str, bool]] = []

    def comment(self, request: int, text: str) -> None:
        self.comments[request] = text

    def request(self, branch: str, into: str, title: str) -> int:
        self.requests.append((branch, into))
        return 5

    def status(self, commit: str, said: str, *, good: bool) -> None:
        self.statuses.append((commit, said, good))


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(tmp_path, "clone", "-q", "origin.git", "checkout")
    folder = tmp_path / "checkout"
    (folder / "dvc.lock").write_text("one\n", encoding="utf-8")
    (folder / "reports" / "evaluation").mkdir(parents=True)
    (folder / "reports" / "evaluation" / "metrics.json").write_text("{}\n", encoding="utf-8")
    git(folder, "checkout", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, *IDENTITY, "commit", "-qm", "one")
    git(folder, "push", "-q", "origin", "main")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Said:
    said = Said()
    monkeypatch.setattr(hosts, "from_environment", lambda: said)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return said


def report(folder: Path, outcome: str) -> None:
    (folder / "reports" / "gate").mkdir(parents=True, exist_ok=True)
    (folder / "reports" / "gate" / "comment.md").write_text(f"# {outcome}: said\n\n退货\n", encoding="utf-8")


def test_only_named_files_are_committed(checkout: Path, host: Said) -> None:
    (checkout / "dvc.lock").write_text("two\n", encoding="utf-8")
    (checkout / "secret.env").write_text("key\n", encoding="utf-8")
    (checkout / "other.txt").write_text("already staged\n", encoding="utf-8")
    git(checkout, "add", "other.txt")
    report(checkout, "PASS")
    assert publishing.main(["--branch", "topic", "--request", "3"]) == 0
    pushed = git(checkout, "rev-parse", "origin/topic")
    assert git(checkout, "show", "--name-only", "--format=", pushed) == "dvc.lock"
    assert host.comments == {3: "# PASS: said\n\n退货\n"}
    assert host.statuses == [(pushed, "PASS: said", True)]


@pytest.mark.parametrize("outcome", ["FAIL", "INCONCLUSIVE"])
def test_no_other_verdict_is_a_good_status(checkout: Path, host: Said, outcome: str) -> None:
    report(checkout, outcome)
    assert publishing.main(["--branch", "main", "--request", "3"]) == 0
    assert host.statuses[0][1:] == (f"{outcome}: said", False)


def test_without_a_report_nothing_is_called_good(checkout: Path, host: Said) -> None:
    assert publishing.main(["--branch", "main", "--request", "3"]) == 0
    assert host.comments[3].startswith("# NOT JUDGED")
    assert not host.statuses[0][2]


def test_a_scheduled_retraining_opens_a_request_only_for_a_change(checkout: Path, host: Said) -> None:
    report(checkout, "PASS")
    assert publishing.main(["--branch", "retrain/1", "--into", "main"]) == 0
    assert host.requests == []
    assert "retrain/1" not in git(checkout, "ls-remote", "origin")
    (checkout / "dvc.lock").write_text("two\n", encoding="utf-8")
    assert publishing.main(["--branch", "retrain/1", "--into", "main"]) == 0
    assert host.requests == [("retrain/1", "main")]
    assert list(host.comments) == [5]


def test_a_branch_that_moved_is_not_overwritten(
    checkout: Path, tmp_path: Path, host: Said, caplog: pytest.LogCaptureFixture
) -> None:
    git(tmp_path, "clone", "-q", "origin.git", "other")
    (tmp_path / "other" / "dvc.lock").write_text("theirs\n", encoding="utf-8")
    git(tmp_path / "other", *IDENTITY, "commit", "-qam", "theirs")
    git(tmp_path / "other", "push", "-q", "origin", "HEAD:main")
    (checkout / "dvc.lock").write_text("ours\n", encoding="utf-8")
    report(checkout, "PASS")
    assert publishing.main(["--branch", "main", "--request", "3"]) == 2
    assert "The branch moved" in caplog.text
    assert host.statuses == []
    assert git(tmp_path / "origin.git", "show", "main:dvc.lock") == "theirs"


def test_without_results_nothing_is_committed(checkout: Path, host: Said, caplog: pytest.LogCaptureFixture) -> None:
    for file in publishing.FILES:
        (checkout / file).unlink(missing_ok=True)
    (checkout / "other.txt").write_text("staged\n", encoding="utf-8")
    git(checkout, "add", "other.txt")
    before = git(checkout, "rev-parse", "HEAD")
    assert publishing.main(["--branch", "main"]) == 2
    assert "dvc repro" in caplog.text
    assert git(checkout, "rev-parse", "HEAD") == before


def test_the_summary_of_the_job_gets_the_report(
    checkout: Path, tmp_path: Path, host: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setattr(hosts, "from_environment", lambda: None)
    report(checkout, "PASS")
    assert publishing.main(["--branch", "main"]) == 0
    assert (tmp_path / "summary.md").read_text(encoding="utf-8").startswith("# PASS: said")
    assert host.statuses == []
