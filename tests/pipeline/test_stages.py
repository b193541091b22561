"""The five stages in one process on a tiny model: what each writes fits the next one, and the release keeps its word."""

from __future__ import annotations

import csv
import json
from contextlib import chdir
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML
from tokenizers import Tokenizer

from stages import artifacts
from stages.alignment import ranking, shift
from stages.artifacts import tree_sha256
from stages.encoding.ragged import dense
from stages.errors import GateError, ModelError
from stages.exporters import manifest
from stages.exporters.predictor import Predictor
from stages.training.prediction import load_tuned
from tests import tiny
from tests.pipeline.running import STAGES, run


def change(folder: Path, section: str, **values: object) -> None:
    yaml = YAML()
    content = yaml.load(folder / "params.yaml")
    content[section].update(values)
    yaml.dump(content, folder / "params.yaml")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Path:
    folder = tiny.project(tmp_path_factory.mktemp("tiny") / "project", project)
    for name in STAGES:
        run(folder, name)
    return folder


def test_every_record_is_carried_to_its_prediction(done: Path) -> None:
    for split, count in (("test", 24), ("shifted", 24)):
        prepared = pq.read_table(done / artifacts.prepared(split))
        predicted = pq.read_table(done / artifacts.predictions(split))
        assert predicted.num_rows == prepared.num_rows == count
        assert predicted["id"].to_pylist() == prepared["id"].to_pylist()
        assert predicted["gold"].to_pylist() == prepared["label"].to_pylist()
        np.testing.assert_allclose([sum(row) for row in predicted["probabilities"].to_pylist()], 1, rtol=1e-5)


def test_metrics_are_those_of_the_predictions(done: Path) -> None:
    metrics = json.loads((done / artifacts.METRICS).read_text(encoding="utf-8"))
    predicted = pq.read_table(done / artifacts.predictions("test"))
    right = np.array(predicted["gold"].to_pylist()) == np.array(predicted["predicted"].to_pylist())
    assert metrics["test"]["accuracy"] == pytest.approx(right.mean(), abs=1e-4)
    assert metrics["test"]["accuracy"] > 0.5
    assert metrics["baselines"]["majority"]["accuracy"] == pytest.approx(1 / 3, abs=1e-4)
    flat = [value for section in metrics.values() for value in section.values()]
    assert 15 <= sum(len(value) if isinstance(value, dict) else 1 for value in flat) <= 40
    with (done / "reports/evaluation/details/confident_errors.csv").open(encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == (~right).sum()


def test_pictures_and_their_tables_are_there(done: Path) -> None:
    names = {path.name for path in (done / artifacts.plot("")).iterdir()}
    assert {
        f"{name}.{kind}" for name in ("confusion", "reliability", "per_class_f1") for kind in ("png", "csv")
    } <= names
    assert "learning_curves.png" in names
    assert "退货" in (done / artifacts.plot("per_class_f1.csv")).read_text(encoding="utf-8")


def test_what_was_saved_is_what_was_trained(done: Path) -> None:
    with chdir(done):
        tuned = load_tuned(artifacts.FINETUNED)
        rows = artifacts.read_table(artifacts.tokenized("validation"))
        outputs = tuned.outputs(rows, 7)
        summary = artifacts.read_json(artifacts.SUMMARY)
    found = tuned.task.validate(outputs, {"label": rows["label"].to_numpy()})
    assert found["accuracy"] == pytest.approx(summary["validation_accuracy"], abs=1e-6)
    assert not (done / ".checkpoints").exists()


def test_stages_write_the_same_bytes_twice(done: Path) -> None:
    outs = ("data/prepared", "data/tokenized", "models", "reports")
    before = {out: tree_sha256(done / out) for out in outs}
    for name in STAGES:
        run(done, name)
    assert {out: tree_sha256(done / out) for out in outs} == before


def test_the_release_classifies_raw_texts_as_the_tuned_model_does(done: Path) -> None:
    texts = pq.read_table(done / artifacts.prepared("test"))["text"].to_pylist()
    expected = pq.read_table(done / artifacts.predictions("test"))["predicted"].to_pylist()
    release = Predictor(done / artifacts.RELEASE)
    assert [one.label for one in release.predict(texts)] == expected
    assert release.predict([]) == []
    with chdir(done):
        metrics = artifacts.read_json(artifacts.METRICS)
    assert release.temperature == metrics["calibration"]["temperature"]
    plain = dense(release.logits(texts[:1])) / release.temperature
    likely = np.exp(plain - plain.max()) / np.exp(plain - plain.max()).sum()
    assert release.predict(texts[:1])[0].score == pytest.approx(float(likely.max()), rel=1e-6)
    assert sum(release.predict(["where is it"])[0].scores.values()) == pytest.approx(1)
    assert manifest.verify(done / artifacts.RELEASE) >= 8
    with pytest.raises(ModelError, match=r"nothing\.onnx not found"):
        Predictor(done / artifacts.RELEASE, "nothing.onnx")


def test_the_cards_five_lines_work_as_they_stand(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = (done / artifacts.RELEASE / "README.md").read_text(encoding="utf-8")
    code = card.split("```python\n")[1].split("```")[0]
    with chdir(done / artifacts.RELEASE):
        exec(code, {})  # noqa: S102 - the card's own example
    assert capsys.readouterr().out.strip() in {"delivery", "billing", "退货"}
    head = YAML(typ="safe").load(card.split("---\n")[1])
    assert head["license"] == "apache-2.0"
    assert head["model-index"][0]["results"][0]["metrics"][0]["type"] == "accuracy"


def test_long_texts_are_cut_alike_everywhere(done: Path) -> None:
    words = Tokenizer.from_file(str(done / artifacts.RELEASE / "tokenizer.json"))
    with chdir(done):
        encoding = artifacts.Encoding.read()
    assert len(words.encode("word " * 500).ids) == encoding.max_length
    session = onnxruntime.InferenceSession(done / artifacts.RELEASE / "model.onnx")
    assert [one.name for one in session.get_inputs()] == ["input_ids", "attention_mask"]


def test_the_three_gaps_are_measured_and_told(done: Path) -> None:
    metrics = json.loads((done / artifacts.ALIGNMENT_METRICS).read_text(encoding="utf-8"))
    assert set(metrics["robustness"]) >= {"upper case", "typing mistakes"}
    assert all(0 <= one["auroc"] <= 1 for one in metrics["out_of_scope"].values())
    gaps = {"task", "shift: validation", "shift: test", "shift: shifted", "shift: unlabelled", "retention"}
    assert set(metrics["verdicts"]) == gaps
    assert metrics["budget"]["records"] == 1000
    assert metrics["task"]["subwords_per_word"] >= 1
    assert metrics["shift"]["validation"]["distance_ratio"] == 1
    for split in ("test", "shifted", "unlabelled"):
        assert 0 <= metrics["shift"][split]["separation_low"] <= metrics["shift"][split]["separation"] <= 1
    said = (done / artifacts.ALIGNMENT / "report.html").read_text(encoding="utf-8")
    assert all(state in said for state in metrics["verdicts"].values())
    details = json.loads((done / artifacts.ALIGNMENT / "details.json").read_text(encoding="utf-8"))
    assert len(details["task"]["validation_accuracy_by_layer"]) == len(details["retention"]["cka_by_layer"]) == 3


def test_incoming_messages_are_held_against_train(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "incoming.txt"
    file.write_text("\n".join(f"the quantum harmonic oscillator number {i}" for i in range(60)), encoding="utf-8")
    with chdir(done):
        assert shift.main(["--incoming", str(file), "--out", str(tmp_path / "shift.json")]) == 0
        assert shift.main(["--incoming", str(tmp_path / "nothing.txt")]) == 2
    said = capsys.readouterr().out
    assert said.startswith(("MISALIGNED", "WATCH"))
    assert "oscillator" in said
    assert json.loads((tmp_path / "shift.json").read_text(encoding="utf-8"))["records"] == 60


def test_base_models_are_ranked_before_any_is_tuned(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with chdir(done):
        assert ranking.main(["./base", "packaged:all-MiniLM-L6-v2"]) == 0
        assert ranking.main(["packaged:nothing"]) == 2
        assert ranking.main(["google-bert/bert-base-uncased@main"]) == 2
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0][0] == "model"
    assert {rows[1][0], rows[2][0]} == {"./base", "packaged:all-MiniLM-L6-v2"}
    assert float(rows[1][1]) >= float(rows[2][1])


@pytest.mark.parametrize(
    ("section", "values", "stage", "error", "says"),
    [
        ("text", {"max_length": 65}, "tokenize", ModelError, "at most 64"),
        ("model", {"base": "./corpus"}, "finetune", ModelError, r"no config\.json"),
        (
            "export",
            {"parity": {"onnx_agreement": 1.0, "onnx_logit_difference": 1e-12, "int8_agreement": 0.0, "int8_metric_drop": 1.0}},
            "export",
            GateError,
            "onnx_logit_difference: expected at most 1e-12",
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_and_leaves_what_was_there(
    done: Path, section: str, values: dict[str, object], stage: str, error: type[Exception], says: str
) -> None:
    params = (done / "params.yaml").read_text(encoding="utf-8")
    before = tree_sha256(done / "models/release")
    try:
        change(done, section, **values)
        with pytest.raises(error, match=says):
            run(done, stage)
    finally:
        (done / "params.yaml").write_text(params, encoding="utf-8")
    assert tree_sha256(done / "models/release") == before


def test_a_fixed_length_and_a_release_without_graphs(tmp_path: Path, project: Path) -> None:
    folder = tiny.project(
        tmp_path / "project", project, text__max_length=8, export__onnx=False, export__int8=False, evaluation__baselines=False
    )  # fmt: skip
    for name in STAGES:
        run(folder, name)
    tokens = json.loads((folder / artifacts.TEXT_REPORT / "tokens.json").read_text(encoding="utf-8"))
    assert tokens["max_length"] == 8
    assert tokens["splits"]["train"]["truncated_records"] > 0
    assert not (folder / artifacts.RELEASE / "model.onnx").exists()
    assert "None was exported" in (folder / artifacts.RELEASE / "README.md").read_text(encoding="utf-8")
    assert "baselines" not in json.loads((folder / artifacts.METRICS).read_text(encoding="utf-8"))


def test_an_adapter_that_stays_goes_through_all_stages(tmp_path: Path, project: Path) -> None:
    general = tmp_path / "general.txt"
    general.write_text("".join(f"the river number {i} is long\n" for i in range(20)), encoding="utf-8")
    yaml = YAML()
    pattern = yaml.load(project / "tests/params.yaml")
    folder = tiny.project(
        tmp_path / "project",
        project,
        adaptation__method="bottleneck",
        objectives__references=str(general),
        objectives__replay={**pattern["objectives"]["replay"], "weight": 0.5, "texts": 4},
        evaluation__baselines=False,
        evaluation__alignment={
            **pattern["evaluation"]["alignment"],
            "budget": {"records": 100, "seconds": None},
            "permutations": 100,
        },
        export__int8=False,
    )
    for name in STAGES:
        run(folder, name)
    summary = json.loads((folder / artifacts.SUMMARY).read_text(encoding="utf-8"))
    assert 0 < summary["trainable_parameters"] < 0.04 * summary["parameters"]
    assert (folder / artifacts.RELEASE / "adapter.safetensors").is_file()
    metrics = json.loads((folder / artifacts.METRICS).read_text(encoding="utf-8"))
    assert metrics["test"]["accuracy"] > 0.4
    assert manifest.verify(folder / artifacts.RELEASE)
