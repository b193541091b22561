"""Tagging through all stages on samples of real sets: Chinese with a BiLSTM-CRF, English slots with a linear head."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from stages import artifacts, evaluate, export, finetune, prepare, tokenize
from stages.exporters.predictor import Predictor
from stages.harness import Stage
from stages.params import whole
from stages.tasks.tagging import Entity
from stages.tracking import Record
from tests import tiny

pytestmark = pytest.mark.real
STAGES = {"prepare": prepare, "tokenize": tokenize, "finetune": finetune, "evaluate": evaluate, "export": export}


def run(folder: Path, name: str) -> None:
    with chdir(folder):
        everything = whole.check(Path("params.yaml"))
        module = STAGES[name]
        work: Callable[[Stage], None] = module.work
        work(Stage(name, {one.section: everything[one.section] for one in module.SECTIONS}, Record(None)))


def made(folder: Path, project: Path, recipe: str, data: Path, **changes: Any) -> Path:
    """A project of a recipe on a sample of its data, with a tiny model."""
    folder.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    content = yaml.load(project / "recipes" / f"{recipe}.params.yaml")
    settled = {
        "data__path": str(data),
        "data__limit": 200,
        "model__base": "./base",
        "model__revision": None,
        "training__epochs": 2,
        "training__learning_rate": 2e-3,
        "training__precision": "fp32",
        "evaluation__bootstrap": 100,
        "evaluation__alignment": {**content["evaluation"]["alignment"], "enabled": False},
        "export__parity": {**content["export"]["parity"], "int8_agreement": 0.0, "int8_metric_drop": 1.0},
        "tracking__enabled": False,
        **changes,
    }
    for name, value in settled.items():
        section, key = name.split("__", 1)
        content[section][key] = value
    yaml.dump(content, folder / "params.yaml")
    return folder


def change(folder: Path, section: str, group: str, **values: object) -> None:
    yaml = YAML()
    content = yaml.load(folder / "params.yaml")
    content[section][group].update(values)
    yaml.dump(content, folder / "params.yaml")


@pytest.fixture(scope="module")
def weibo(tmp_path_factory: pytest.TempPathFactory, project: Path, shared_data: Path) -> Path:
    folder, data = tmp_path_factory.mktemp("weibo") / "project", shared_data / "weibo_ner"
    bilstm = {"task__tagging": {"head": "bilstm_crf", "scheme": "BIO", "lstm_hidden": 16, "repair": True}}
    made(folder, project, "weibo_ner", data, text__max_length=48, **bilstm)
    characters = [line.split("\t")[0] for line in (data / "train.conll").read_text(encoding="utf-8").splitlines()]
    tiny.chinese_base(folder / "base", ("".join(characters[i : i + 50]) for i in range(0, len(characters), 50)))
    for name in STAGES:
        run(folder, name)
    return folder


def test_weibos_faults_are_found(weibo: Path) -> None:
    profile = json.loads((weibo / artifacts.DATA_REPORT / "profile.json").read_text(encoding="utf-8"))
    counted = {split: one["cleaning"].get("malformed BIO tags repaired", 0) for split, one in profile["splits"].items()}
    assert counted == {"train": 10, "validation": 0, "test": 4}
    assert profile["splits"]["train"]["read"] == 1350


def test_long_sentences_are_windows_and_nothing_is_lost(weibo: Path) -> None:
    tokens = json.loads((weibo / artifacts.TEXT_REPORT / "tokens.json").read_text(encoding="utf-8"))["splits"]["test"]
    assert tokens["records_in_windows"] > 50
    assert tokens["spans_lost_within_words"] == tokens["spans_lost_without_tokens"] == 0
    rows = pq.read_table(weibo / artifacts.tokenized("test"))
    assert rows.num_rows > 200
    assert max(rows["length"].to_pylist()) <= 48
    prepared, predicted = (pq.read_table(weibo / of("test")) for of in (artifacts.prepared, artifacts.predictions))
    assert predicted["id"].to_pylist() == prepared["id"].to_pylist()
    bare = [
        [{key: one[key] for key in ("start", "end", "label")} for one in row] for row in predicted["gold"].to_pylist()
    ]
    assert bare == prepared["spans"].to_pylist()


def test_figures_plots_and_the_scheme_is_kept(weibo: Path) -> None:
    metrics = json.loads((weibo / artifacts.METRICS).read_text(encoding="utf-8"))
    assert metrics["baselines"]["dictionary"]["f1"] > 0
    assert {"f1", "f1_low", "f1_high"} == set(metrics["gain_over_dictionary"])
    metrics = metrics["test"]
    assert metrics["malformed_share"] == 0
    assert {"f1", "f1_low", "f1_high", "precision", "recall", "f1_seen", "f1_unseen", "macro_f1"} <= set(metrics)
    names = {path.name for path in (weibo / artifacts.plot("")).iterdir()}
    assert {
        "confusion.png",
        "confusion.csv",
        "per_class_f1.png",
        "matches.png",
        "learning_curves.png",
        "reliability.csv",
    } <= names


def test_the_release_finds_what_evaluate_found(weibo: Path) -> None:
    with chdir(weibo):
        release = Predictor(artifacts.RELEASE)
        records = artifacts.read_table(artifacts.prepared("test")).slice(0, 40)
        expected = artifacts.read_table(artifacts.predictions("test"))["predicted"].to_pylist()[:40]
        tokens = [
            [text[one["start"] : one["end"]] for one in places]
            for text, places in zip(records["text"].to_pylist(), records["words"].to_pylist(), strict=True)
        ]
        found = release.predict(tokens)
    assert [[Entity(one["label"], one["text"], one["start"], one["end"]) for one in row] for row in expected] == found
    parity = json.loads((weibo / artifacts.RELEASE / "manifest.json").read_text(encoding="utf-8"))["parity"]
    assert parity["onnx"]["agreement"] == 1
    assert "token-classification" in (weibo / artifacts.RELEASE / "README.md").read_text(encoding="utf-8")


def test_weibos_test_sentences_in_train_are_reported(tmp_path: Path, project: Path, shared_data: Path) -> None:
    data = shared_data / "weibo_ner"
    found = {}
    for action in ("drop", "keep"):
        folder = made(tmp_path / action, project, "weibo_ner", data, data__limit=None)
        change(folder, "data", "cleaning", leakage=action)
        run(folder, "prepare")
        profile = json.loads((folder / artifacts.DATA_REPORT / "profile.json").read_text(encoding="utf-8"))
        found[action] = profile["overlaps"], profile["splits"]["train"]["cleaning"]
        cleaning = profile["splits"]["test"]["cleaning"]
        assert cleaning["records whose text train has too"] == 40
        assert cleaning["different texts among those"] == 38
    texts = {
        split: pq.read_table(folder / artifacts.prepared(split))["text"].to_pylist() for split in ("train", "test")
    }
    # 38 different texts; two of them stand twice in test, and as many in validation.
    assert len(set(texts["train"]) & set(texts["test"])) == 38
    assert found["keep"][0] == {"validation in train": 42, "test in train": 40, "test in validation": 8}
    assert found["drop"][0] == {"test in validation": 8}
    assert found["drop"][1]["texts shared with held-out splits dropped"] == 77


def test_slots_with_a_linear_head_learn_from_characters(tmp_path: Path, project: Path, shared_data: Path) -> None:
    linear = {"head": "linear", "scheme": "BIOES", "lstm_hidden": 16, "repair": True}
    folder = made(tmp_path / "snips", project, "snips_slots", shared_data / "snips_nlu", task__tagging=linear)
    tiny.base(folder / "base")
    for name in STAGES:
        run(folder, name)
    manifest = json.loads((folder / artifacts.RELEASE / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["parity"]["onnx"]["agreement"] == 1
    metrics = json.loads((folder / artifacts.METRICS).read_text(encoding="utf-8"))["test"]
    assert metrics["malformed_share"] > 0
    tokens = json.loads((folder / artifacts.TEXT_REPORT / "tokens.json").read_text(encoding="utf-8"))["splits"]
    assert sum(one["spans_lost_within_words"] for one in tokens.values()) <= 6
