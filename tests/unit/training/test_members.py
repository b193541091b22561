"""Several seeds: members that are what they would be alone, the mean of weights and of probabilities, and what is kept."""

from __future__ import annotations

import csv
import json
import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.special import expit, softmax

from stages import artifacts
from stages.adaptation import METHODS
from stages.encoding.ragged import dense
from stages.errors import DivergedError, ModelError, ParamsError
from stages.exporters import manifest
from stages.exporters.predictor import Predictor
from stages.params import regimen, whole
from stages.params.adaptation import AdaptationParams
from stages.params.model import ModelParams
from stages.params.objectives import ObjectivesParams
from stages.params.task import TaskParams
from stages.params.training import TrainingParams
from stages.training import assembly, members
from stages.training.batching import Rows
from stages.training.prediction import load_tuned, outputs_of
from stages.training.tuning import Settings
from tests import tiny
from tests.pipeline.running import run
from tests.pipeline.test_stages import change


def test_a_soup_is_the_mean_of_its_tensors(tmp_path: Path) -> None:
    parts = [{"w": torch.full((2, 2), value), "n": torch.tensor([3])} for value in (0.5, 1.0, 3.0)]
    files = [tmp_path / f"{i}.safetensors" for i in range(3)]
    for file, part in zip(files, parts, strict=True):
        save_file(part, file)
    found = members.mean(files)
    torch.testing.assert_close(found["w"], torch.full((2, 2), 1.5))
    assert found["n"].tolist() == [3]
    save_file({"w": torch.zeros(3)}, files[2])
    with pytest.raises(ModelError, match="no mean"):
        members.mean(files)


def test_an_ensemble_has_the_mean_of_probabilities() -> None:
    outputs = [one.astype(np.float32) for one in np.random.default_rng(0).normal(0, 3, (3, 5, 4))]
    said = members.ensemble(outputs, TaskParams(kind="classification"))
    np.testing.assert_allclose(
        softmax(said, axis=1), np.mean([softmax(one, axis=1) for one in outputs], axis=0), rtol=1e-5
    )
    said = members.ensemble(outputs, TaskParams(kind="multilabel"))
    assert said is not None
    np.testing.assert_allclose(expit(said), np.mean([expit(one) for one in outputs], axis=0), rtol=1e-5)
    scores = [one[:, 0] for one in outputs]
    said = members.ensemble(scores, TaskParams(kind="pair_regression"))
    assert said is not None
    np.testing.assert_allclose(said, np.mean(scores, axis=0), rtol=1e-5)
    assert members.ensemble(outputs, TaskParams(kind="tagging")) is None


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    """A project whose labels are half noise, so that a fitted head is not right on all of validation from the start."""
    how = {"training__epochs": 3, "training__evaluations_per_epoch": 2}
    folder = tiny.project(tmp_path_factory.mktemp("seeds") / "project", project, **how)
    draw, names = np.random.default_rng(1), sorted(tiny.SUBJECTS)
    for split in ("train", "validation"):
        file = folder / "corpus" / f"{split}.jsonl"
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        noisy = [{**row, "label": names[draw.integers(3)]} if draw.random() < 0.5 else row for row in rows]
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in noisy), encoding="utf-8")
    run(folder, "prepare", "tokenize")
    return folder


def tuned(folder: Path, **training: object) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Files of the tuned model and of the report, with these params."""
    shutil.rmtree(folder / artifacts.FINETUNED, ignore_errors=True)
    change(folder, "training", **{"seed": 42, "seeds": None, "keep": "best", "metric": "auto", **training})
    run(folder, "finetune")
    places = (folder / artifacts.FINETUNED, folder / artifacts.TRAINING_REPORT)
    assert not (folder / ".checkpoints").exists()
    model, report = ({one.name: one.read_bytes() for one in place.iterdir() if one.is_file()} for place in places)
    return model, report


def test_seeds_through_the_stage(prepared: Path, tmp_path: Path) -> None:
    alone = {seed: tuned(prepared, seed=seed) for seed in (1, 2)}
    assert alone[1][0]["model.safetensors"] != alone[2][0]["model.safetensors"]
    model, report = tuned(prepared, seeds=[1, 2])
    rows = list(csv.DictReader(report["seeds.csv"].decode().splitlines()))
    assert [row["model"] for row in rows] == ["seed 1", "seed 2", "soup", "ensemble"]
    kept = next(row["model"] for row in rows if row["kept"] == "1")
    accuracy = {row["model"]: float(row["validation_accuracy"]) for row in rows}
    assert kept == max(("seed 1", "seed 2"), key=accuracy.__getitem__)
    same, same_report = alone[int(kept.split()[1])]
    assert model == same
    assert report["curves.csv"] == same_report["curves.csv"]
    assert json.loads(report["summary.json"])["kept"] == kept
    assert "seeds.csv" not in same_report

    soup, report = tuned(prepared, seeds=[1, 2], keep="soup")
    for name in ("model.safetensors", "head.safetensors"):
        files = []
        for seed, (files_of, _) in alone.items():
            files.append(tmp_path / f"{seed}-{name}")
            files[-1].write_bytes(files_of[name])
        (tmp_path / name).write_bytes(soup[name])
        found, parts = load_file(tmp_path / name), [load_file(one) for one in files]
        for key, value in found.items():
            torch.testing.assert_close(
                value, torch.stack([part[key] for part in parts]).float().mean(0).to(value.dtype)
            )
    assert json.loads(report["summary.json"])["kept"] == "soup"

    chosen, report = tuned(prepared, seeds=[1, 2], keep="ensemble")
    assert json.loads(report["summary.json"])["kept"] == "ensemble"
    assert list(csv.DictReader(report["seeds.csv"].decode().splitlines()))[-1]["kept"] == "1"
    assert chosen == same, "the best member's own files"
    with chdir(prepared):
        together = load_tuned(artifacts.FINETUNED)
        assert together.members == 2
        rows = artifacts.read_table(artifacts.tokenized("test"))
        said = dense(together.outputs(rows, 8))
        parts = []
        members_of: Any = together.model
        for part in members_of.members:
            own = assembly.load(artifacts.FINETUNED, torch.device("cpu"))[0]
            own.load_state_dict(part.state_dict())
            parts.append(softmax(dense(outputs_of(own, Rows.of(rows), together.task, 0, 8)), axis=1))
    assert np.abs(parts[0] - parts[1]).max() > 1e-3
    np.testing.assert_allclose(softmax(said, axis=1), np.mean(parts, axis=0), rtol=1e-4)

    change(prepared, "export", int8=False)
    run(prepared, "evaluate", "export")
    release = prepared / artifacts.RELEASE
    assert manifest.verify(release) > 8
    (other,) = (release / artifacts.MEMBERS).iterdir()
    assert (other / "model.safetensors").read_bytes() == alone[3 - int(kept.split()[1])][0]["model.safetensors"]
    assert "ensemble of 2 runs" in (release / "README.md").read_text(encoding="utf-8")
    np.testing.assert_allclose(dense(Predictor(release).outputs(rows)), said, atol=1e-4)
    (other / "whetstone.json").unlink()
    with pytest.raises(ModelError, match=r"members/seed-\d/whetstone.json: is missing"):
        manifest.verify(release)


def test_a_run_that_had_ended_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []

    def train(settings: Settings, folder: Path, model: Path, report: Path) -> None:
        trained.append(settings.training.seed)
        assert settings.training.seeds is None
        model.mkdir(exist_ok=True)
        report.mkdir(exist_ok=True)
        if trained == [5, 6]:
            raise KeyboardInterrupt

    training = TrainingParams(seeds=[5, 6])
    settings = Settings(
        ModelParams(), TaskParams(kind="classification"), AdaptationParams(), training, ObjectivesParams()
    )
    monkeypatch.setattr(members, "keep", lambda found, settings: {str(one.seed): 0.5 for one in found})
    with pytest.raises(KeyboardInterrupt):
        members.tune(settings, tmp_path, train)
    assert members.tune(settings, tmp_path, train) == {"5": 0.5, "6": 0.5}
    assert trained == [5, 6, 6]


@pytest.mark.parametrize(("kept", "lost"), [("best", {6}), ("soup", {6}), ("best", {5, 6, 7})])
def test_a_seed_that_diverges_is_named_and_left_out_where_others_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kept: Any, lost: set[int]
) -> None:
    def train(settings: Settings, folder: Path, model: Path, report: Path) -> None:
        if settings.training.seed in lost:
            raise DivergedError("training diverged")
        model.mkdir(exist_ok=True)
        report.mkdir(exist_ok=True)

    training = TrainingParams(seeds=[5, 6, 7], keep=kept)
    settings = Settings(
        ModelParams(), TaskParams(kind="classification"), AdaptationParams(), training, ObjectivesParams()
    )
    monkeypatch.setattr(members, "keep", lambda found, settings: {str(one.seed): 0.5 for one in found})
    if kept == "best" and len(lost) == 1:
        assert members.tune(settings, tmp_path, train) == {"5": 0.5, "7": 0.5}
        assert "seed 6 is left out: training diverged" in caplog.text
    else:
        with pytest.raises(DivergedError, match=f"seed {6 if kept == 'soup' else 7}: training diverged"):
            members.tune(settings, tmp_path, train)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"training": {"seeds": [1, 1]}}, "names a seed twice"),
        ({"training": {"seeds": [1]}}, "training.seeds"),
        ({"training": {"keep": "soup"}}, "name them in seeds"),
        ({"training": {"seeds": [1, 2], "keep": "soup", "head_start": "random"}}, "begins each seed with another head"),
        (
            {"training": {"seeds": [1, 2], "keep": "soup"}, "adaptation": {"method": "prefix"}},
            "inserts other random weights",
        ),
        ({"training": {"keep": "ensemble"}}, "name them in seeds"),
        (
            {
                "training": {"seeds": [1, 2], "keep": "ensemble", "head_start": "random", "metric": "auto"},
                "task": {"kind": "tagging"},
            },
            "no mean of probabilities",
        ),
        ({"training": {"seeds": [1, 2], "metric": "loss"}}, "compared by a metric of the task"),
    ],
)
def test_what_has_no_mean_is_refused(
    prepared: Path, tmp_path: Path, sections: dict[str, dict[str, object]], said: str
) -> None:
    shutil.copy(prepared / "params.yaml", tmp_path)
    change(tmp_path, "training", seed=42, seeds=None, keep="best")
    for section, values in sections.items():
        change(tmp_path, section, **values)
    with chdir(tmp_path), pytest.raises(ParamsError, match=said):
        whole.check()


def test_params_know_which_methods_have_a_soup() -> None:
    assert set(regimen.INSERTED) == {name for name, method in METHODS.items() if not method.merges}
