"""Half-written checkpoints are never taken up; history survives a round trip."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from stages.params.training import TrainingParams
from stages.training import checkpoints
from stages.training.history import History, write_curve


def test_only_complete_checkpoints_count(tmp_path: Path) -> None:
    for step in (5, 10, 20):
        (tmp_path / f"checkpoint-{step}").mkdir()
    for step in (5, 10):
        (tmp_path / f"checkpoint-{step}" / checkpoints.MARKER).touch()
    assert checkpoints.latest(tmp_path) == tmp_path / "checkpoint-10"
    assert not (tmp_path / "checkpoint-20").exists()
    checkpoints.mark_complete(tmp_path / "checkpoint-10")
    assert not (tmp_path / "checkpoint-5").exists()


def test_the_key_depends_on_params_and_inputs(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_text("a")
    first = checkpoints.key({"seed": 1}, [file])
    assert first == checkpoints.key({"seed": 1}, [file])
    assert first != checkpoints.key({"seed": 2}, [file])
    file.write_text("b")
    assert first != checkpoints.key({"seed": 1}, [file])


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    folder = checkpoints.folder_for("finetune", "k")
    (folder / "checkpoint-1").mkdir()
    checkpoints.discard(folder)
    assert not (tmp_path / ".checkpoints").exists()


def test_history_keeps_every_digit_and_the_best_weights(tmp_path: Path) -> None:
    history = History.begin(TrainingParams(), "accuracy")
    history.observe(1 / 3)
    assert history.add_evaluation(1, 0.5, 1e-4, {"loss": 0.7, "accuracy": 0.5})
    history.observe(0.1)
    history.save(tmp_path, {"w": torch.ones(2)})
    loaded, best = History.load(tmp_path)
    assert loaded == history
    assert best is not None
    assert best["w"].tolist() == [1, 1]


def test_patience_counts_evaluations_without_improvement() -> None:
    history = History("accuracy", patience=2, min_delta=0.0)
    found = [
        history.add_evaluation(i, i, 0.1, {"loss": 1.0, "accuracy": v}) for i, v in enumerate([0.5, 0.6, 0.6, 0.4])
    ]
    assert found == [True, True, False, False]
    assert history.exhausted
    assert history.summary()["best_step"] == 1


def test_loss_as_the_metric_prefers_less() -> None:
    history = History("loss", patience=None, min_delta=0.0)
    assert [history.add_evaluation(i, i, 0.1, {"loss": v}) for i, v in enumerate([0.5, 0.4, 0.45])] == [
        True,
        True,
        False,
    ]
    assert not history.exhausted


def test_a_curve_is_written_with_all_columns(tmp_path: Path) -> None:
    write_curve(tmp_path / "c.csv", [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25, "extra": 1}])
    assert (tmp_path / "c.csv").read_text().splitlines() == ["step,loss,extra", "1,0.5,", "2,0.25,1"]


def test_a_checkpoint_that_is_half_removed_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint-3"
    path.mkdir()
    checkpoints.mark_complete(path)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # killed before anything else went
    checkpoints.remove(path)
    assert path.exists()
    assert checkpoints.latest(tmp_path) is None


def test_a_kill_while_work_is_discarded_leaves_nothing_that_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    folder = checkpoints.folder_for("finetune", "k")
    for name in ("model", "report"):
        (folder / "seed-1" / name).mkdir(parents=True)

    def killed(path: Path, **_: object) -> None:
        if path.is_dir():
            (path / "seed-1" / "model").rmdir()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.discard(folder)
    again = checkpoints.folder_for("finetune", "k")
    assert not list(again.iterdir())
    checkpoints.discard(again)
    assert not (tmp_path / ".checkpoints").exists()


def test_an_evaluation_without_a_number_after_the_start_is_seen() -> None:
    history = History("accuracy", patience=None, min_delta=0.0)
    history.add_evaluation(0, 0, 0.1, {"loss": 1.0, "accuracy": 0.5})
    history.observe(0.3)
    history.add_evaluation(5, 1, 0.1, {"loss": 1.0, "accuracy": 0.4})
    assert vars(history)["diverged"] is None
    history.observe(float("nan"))
    history.add_evaluation(10, 2, 0.1, {"loss": 0.9, "accuracy": 0.4})
    assert history.diverged == 10
    assert history.summary()["best_step"] == 0


def test_unfinished_runs_of_other_settings_are_told_with_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with caplog.at_level("INFO"):
        first = checkpoints.folder_for("finetune", "a" * 32)
        assert "unfinished" not in caplog.text
        (first / "weights").write_bytes(bytes(2_500_000))
        checkpoints.folder_for("finetune", "b" * 32)
        assert "unfinished" not in caplog.text, "somebody may be at work on it"
        os.utime(first / "weights", (1, 1))
        checkpoints.folder_for("finetune", "c" * 32)
    assert "1 unfinished runs of other params or code hold 2.5 MB" in caplog.text
