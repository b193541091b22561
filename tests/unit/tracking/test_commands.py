"""`python -m stages.tracking`: each failure is one line, and none of MLflow's ends a pipeline."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from stages.params.tracking import TrackingParams
from stages.tracking import __main__ as commands
from stages.tracking import delivery


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".tracking").mkdir()
    (tmp_path / "params.yaml").write_text("tracking: {experiment: mine}\n", encoding="utf-8")
    return tmp_path


def settings(root: Path, text: str) -> None:
    (root / "params.yaml").write_text(f"tracking: {text}\n", encoding="utf-8")


class Server:
    """Stands in for `subprocess.run`."""

    def __init__(self, answer: int | BaseException) -> None:
        self.answer = answer
        self.words: list[str] = []
        self.environment: dict[str, str] = {}

    def __call__(self, words: list[str], env: dict[str, str], check: bool) -> Any:
        self.words, self.environment = words, env
        if isinstance(self.answer, BaseException):
            raise self.answer
        return type("Done", (), {"returncode": self.answer})


def serve(monkeypatch: pytest.MonkeyPatch, answer: int | BaseException = 0) -> Server:
    server = Server(answer)
    monkeypatch.setattr("subprocess.run", server)
    return server


def test_where_prints_the_address_and_nothing_else(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["where"]) == 0
    assert capsys.readouterr().out == f"sqlite:///{root}/.mlflow/mlflow.db\n"
    settings(root, "{uri: 'http://127.0.0.1:9'}")
    assert commands.main(["where"]) == 0
    assert capsys.readouterr().out == "http://127.0.0.1:9\n"


def test_sync_gets_the_params_and_says_what_it_did(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[TrackingParams] = []

    def sync(found: TrackingParams) -> str:
        given.append(found)
        return "all is well"

    monkeypatch.setattr(commands, "sync", sync)
    with caplog.at_level(logging.INFO):
        assert commands.main(["sync"]) == 0
    assert given == [TrackingParams(experiment="mine")]
    assert "tracking: all is well" in caplog.messages


def test_a_delivery_needs_no_params(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may run when the queue has removed the folder that its stage ran in."""
    called: list[bool] = []
    monkeypatch.setattr(delivery, "deliver", lambda: called.append(True))
    (root / "params.yaml").unlink()
    assert commands.main(["deliver"]) == 0
    assert called == [True]


@pytest.mark.parametrize(
    ("text", "said"),
    [("{uir: null}", "tracking.uir: unknown key; did you mean 'uri'?"), ("{enabled: 1}", "tracking.enabled")],
)
def test_a_mistake_in_params_is_one_message_and_exit_code_2(
    root: Path, text: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings(root, text)
    assert commands.main(["sync"]) == 2
    assert said in caplog.text
    assert not (root / ".tracking" / "failure").exists()


@pytest.mark.parametrize("command", ["deliver", "sync"])
def test_whatever_mlflow_raises_is_one_line_that_the_next_stage_repeats(
    command: str, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def deliver() -> int:
        raise RuntimeError("no\n   answer " + "x" * 1000)

    monkeypatch.setattr(delivery, "deliver", deliver)
    assert commands.main([command]) == 0
    [said] = [one for one in caplog.messages if "did not take" in one]
    assert "RuntimeError: no answer xxx" in said
    assert str(root / ".tracking") in said
    assert "\n" not in said
    assert len(said) < 500 + len(str(root))
    assert (root / ".tracking" / "failure").read_text() == ("RuntimeError: no answer " + "x" * 1000)[:120]


def test_the_browser_sees_the_default_store_on_this_machine_only(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(monkeypatch)
    assert commands.main(["ui", "--port", "5123"]) == 0
    assert server.words[:4] == [sys.executable, "-m", "mlflow", "ui"]
    options = dict(zip(server.words[4::2], server.words[5::2], strict=True))
    assert options == {
        "--backend-store-uri": f"sqlite:///{root}/.mlflow/mlflow.db",
        "--host": "127.0.0.1",
        "--port": "5123",
    }
    assert server.environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert "http://127.0.0.1:5123" in capsys.readouterr().out


def test_another_sqlite_store_is_shown_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(monkeypatch)
    settings(root, "{uri: 'sqlite:////elsewhere/mlflow.db'}")
    assert commands.main(["ui"]) == 0
    assert "sqlite:////elsewhere/mlflow.db" in server.words
    assert server.words[-1] == "5000"


def test_a_record_on_a_server_is_only_pointed_to(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(monkeypatch)
    settings(root, "{uri: 'https://mlflow.example.org'}")
    assert commands.main(["ui"]) == 0
    assert "open https://mlflow.example.org" in capsys.readouterr().out
    assert server.words == []


@pytest.mark.parametrize(("answer", "code"), [(3, 3), (KeyboardInterrupt(), 0)], ids=["it failed", "Ctrl-C"])
def test_how_the_browser_ends_is_how_the_command_ends(
    root: Path, answer: int | BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, answer)
    assert commands.main(["ui"]) == code


@pytest.mark.parametrize("words", [[], ["delivr"], ["ui", "--port", "web"]])
def test_an_unknown_command_is_explained(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        commands.main(words)
    assert caught.value.code == 2
    assert "usage: python -m stages.tracking" in capsys.readouterr().err
