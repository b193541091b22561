"""Every kind of task goes through all five stages on a sample of a real data set, by its recipe."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from stages import artifacts
from stages.exporters import manifest
from stages.exporters.predictor import Predictor
from stages.tasks.multilabel import Labels
from stages.training.prediction import load_tuned
from tests import tiny
from tests.pipeline.running import run
from tests.pipeline.test_stages import change

RECORDS = 200


def sample_lines(source: Path, target: Path, header: int = 0) -> None:
    """The first records of each file."""
    target.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        file = next(source.glob(f"{split}.*"))
        lines = file.read_text(encoding="utf-8").splitlines()[: RECORDS + header]
        (target / file.name).write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, project: Path, shared_data: Path) -> Callable[..., Path]:
    """Runs a recipe on a sample, once."""
    made: dict[str, Path] = {}

    def make(recipe: str, data: str, header: int = 0, **changes: Any) -> Path:
        if recipe not in made:
            folder = tmp_path_factory.mktemp(recipe) / "project"
            sample_lines(shared_data / data, folder / "corpus", header)
            made[recipe] = tiny.job(folder, project, recipe, **changes)
            run(folder)
        return made[recipe]

    return make


def metrics_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / artifacts.METRICS).read_text(encoding="utf-8"))
    return found


def scalars(values: Any) -> int:
    return sum(map(scalars, values.values())) if isinstance(values, dict) else 1


@pytest.mark.real
def test_emotions_get_labels_by_thresholds_of_their_own(done: Callable[..., Path]) -> None:
    # 200 comments do not show every emotion to train: held-out ones with others are left out.
    cleaning = {"normalize": "NFC", "empty": "drop", "unlabelled": "refuse", "unknown_labels": "drop"}
    changes = {"data__cleaning": cleaning, "evaluation__alignment": {"enabled": False}}
    folder = done("goemotions", "goemotions", training__seeds=[1, 2], training__keep="ensemble", **changes)
    metrics = metrics_of(folder)
    assert {"macro_f1", "macro_f1_low", "micro_f1", "samples_f1", "map", "subset_accuracy"} <= set(metrics["test"])
    assert set(metrics["baselines"]) == {"majority", "tfidf"}
    assert 15 <= scalars(metrics) <= 40
    facts = json.loads((folder / artifacts.FINETUNED / "whetstone.json").read_text(encoding="utf-8"))
    assert len(facts["fitted"]["thresholds"]) == len(facts["schema"]["labels"])
    with chdir(folder):
        tuned, rows = load_tuned(artifacts.FINETUNED), artifacts.read_table(artifacts.tokenized("validation"))
        held_out = artifacts.read_table(artifacts.prepared("validation"))
        assert tuned.members == 2
        assert tuned.task.fit(tuned.outputs(rows, 64), rows, held_out, tuned.schema) == facts["fitted"]
        assert tuned.task.fit(tuned.lead.outputs(rows, 64), rows, held_out, tuned.schema) != facts["fitted"]
    predicted = pq.read_table(folder / artifacts.predictions("test"))
    records = pq.read_table(folder / artifacts.prepared("test"))
    assert predicted["gold"].to_pylist() == records["labels"].to_pylist()
    release = Predictor(folder / artifacts.RELEASE)
    texts = records["text"].to_pylist()[:40]
    said = release.predict(texts)
    assert [set(one.labels) for one in said] == [set(one) for one in predicted["predicted"].to_pylist()[:40]]
    assert isinstance(said[0], Labels)
    names = {path.name for path in (folder / artifacts.plot("")).iterdir()}
    assert {"thresholds.png", "thresholds.csv", "precision_recall.png", "per_class_f1.csv", "confusion.csv"} <= names
    assert manifest.verify(folder / artifacts.RELEASE) >= 8


@pytest.mark.real
def test_thresholds_are_chosen_in_the_numbers_that_a_release_reads_in(
    done: Callable[..., Path], tmp_path: Path
) -> None:
    cleaning = {"normalize": "NFC", "empty": "drop", "unlabelled": "refuse", "unknown_labels": "drop"}
    folder = done(
        "goemotions", "goemotions", data__cleaning=cleaning, evaluation__alignment={"enabled": False},
        training__seeds=[1, 2], training__keep="ensemble",
    )  # fmt: skip
    shutil.copytree(folder, tmp_path / "project")
    with chdir(tmp_path / "project"):
        change(Path(), "training", seeds=None, keep="best", precision="bf16")
        run(Path(), "finetune")
        tuned, rows = load_tuned(artifacts.FINETUNED), artifacts.read_table(artifacts.tokenized("validation"))
        held_out = artifacts.read_table(artifacts.prepared("validation"))
        assert tuned.task.fit(tuned.outputs(rows, 64), rows, held_out, tuned.schema) == tuned.facts.fitted


@pytest.mark.real
def test_sentence_pairs_get_scores_on_the_datas_own_scale(done: Callable[..., Path]) -> None:
    folder = done("stsb", "stsb_en", header=1)
    metrics = metrics_of(folder)
    assert {"spearman", "spearman_low", "pearson", "mse", "mae"} <= set(metrics["test"])
    assert metrics["baselines"]["mean"]["spearman"] == 0
    assert metrics["baselines"]["tfidf"]["spearman"] > 0.3
    alignment = json.loads((folder / artifacts.ALIGNMENT_METRICS).read_text(encoding="utf-8"))
    assert {"shift: test", "retention"} <= set(alignment["verdicts"])
    assert "task" not in alignment["verdicts"]
    records = pq.read_table(folder / artifacts.prepared("test"))
    predicted = pq.read_table(folder / artifacts.predictions("test"))
    assert predicted["gold"].to_pylist() == records["score"].to_pylist()
    tokens = pq.read_table(folder / artifacts.tokenized("test"))
    assert set(tokens["token_type_ids"][0].as_py()) == {0, 1}
    release = Predictor(folder / artifacts.RELEASE)
    pairs = list(zip(records["text"].to_pylist()[:20], records["text_b"].to_pylist()[:20], strict=True))
    np.testing.assert_allclose(release.predict(pairs), predicted["predicted"].to_numpy()[:20], atol=1e-3)
    with (folder / "reports/evaluation/details/largest_errors.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert abs(float(rows[0]["error"])) >= abs(float(rows[-1]["error"]))
    assert "sentence-similarity" in (folder / artifacts.RELEASE / "README.md").read_text(encoding="utf-8")


def test_pairs_get_one_label_and_the_cards_lines_work(
    tmp_path: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "project"
    (folder / "corpus").mkdir(parents=True)
    things = [
        f"{size} {colour} box" for size in ("small", "large", "huge", "tiny") for colour in ("red", "blue", "green")
    ]
    rows = [
        (one, other, "same" if one.split()[1] == other.split()[1] else "other") for one in things for other in things
    ]
    with (folder / "corpus/train.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([("text", "text_b", "label"), *rows])
    columns = {"text": "text", "text_b": "text_b", "label": "label"}
    tiny.job(
        folder,
        project,
        "stsb",
        task__kind="pair_classification",
        data__columns=columns,
        export__int8=False,
        evaluation__alignment={"enabled": False},
    )
    run(folder)
    metrics = metrics_of(folder)
    assert {"accuracy", "macro_f1", "mcc", "ece"} <= set(metrics["test"])
    assert set(metrics["calibration"]) >= {"temperature", "ece"}
    card = (folder / artifacts.RELEASE / "README.md").read_text(encoding="utf-8")
    with chdir(folder / artifacts.RELEASE):
        exec(card.split("```python\n")[1].split("```")[0], {})  # noqa: S102 - the card's own example
    assert capsys.readouterr().out.strip() in {"same", "other"}
    release = Predictor(folder / artifacts.RELEASE)
    assert release.predict([("small red box", "huge red box")])[0].label in {"same", "other"}
    assert release.predict([{"text": "small red box", "text_b": "huge red box"}])[0].scores.keys() == {"same", "other"}
