"""Questions and relations through all five stages, by their recipes, on samples of real sets with tiny models."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from stages import artifacts
from stages.exporters import manifest
from stages.exporters.predictor import Predictor
from stages.tasks.question_answering import THRESHOLD, Answer
from tests import small_tokenizers, tiny
from tests.pipeline.running import run

pytestmark = pytest.mark.real
RECORDS = {"train": 200, "dev": 60, "test": 60}
OFF = {"enabled": False}


def lines(folder: Path, split: str) -> list[dict[str, Any]]:
    text = (folder / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()[: RECORDS[split]]]


def put(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> Path:
    folder.mkdir(parents=True)
    for split, members in rows.items():
        content = "\n".join(json.dumps(row, ensure_ascii=False) for row in members) + "\n"
        (folder / f"{split}.jsonl").write_text(content, encoding="utf-8")
    return folder


def chinese_base(folder: Path, words: Tokenizer) -> None:
    """A BERT of 2 layers and 32 dimensions with random weights and its own vocabulary."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=words.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    for file in folder.iterdir():
        file.unlink()
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, project: Path, shared_data: Path) -> Callable[..., Path]:
    """Runs a recipe on a sample, once."""
    made: dict[str, Path] = {}

    def make(recipe: str, data: str, edit: Callable[[dict[str, Any], int], dict[str, Any]], **changes: Any) -> Path:
        if recipe not in made:
            folder = tmp_path_factory.mktemp(recipe) / "project"
            source = {name: lines(shared_data / data, name) for name in ("train", "dev", "test")}
            put(folder / "corpus", {s: [edit(row, i) for i, row in enumerate(rows)] for s, rows in source.items()})
            settled = {
                "data__path": "corpus",
                "evaluation__alignment": OFF,
                "training__learning_rate": 2e-3,
                "text__max_length": 64,
                "export__int8": False,
                **changes,
            }
            made[recipe] = tiny.job(folder, project, recipe, **settled)
            if recipe == "cmrc2018":
                chinese_base(folder / "base", small_tokenizers.wordpiece(row["context"] for row in source["train"]))
            run(folder)
        return made[recipe]

    return make


def read(folder: Path, file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / file).read_text(encoding="utf-8"))
    return found


def pictures(folder: Path) -> set[str]:
    return {path.name for path in (folder / artifacts.plot("")).iterdir()}


def test_english_questions_some_of_them_unanswerable(done: Callable[..., Path]) -> None:
    def edit(row: dict[str, Any], number: int) -> dict[str, Any]:
        return {**row, "answers": {"text": [], "answer_start": []}} if number % 4 == 0 else row

    own = {"task__overlap": 8, "task__question_answering": {"longest_answer": 10}}
    folder = done("xquad", "xquad_en", edit, **own)
    predicted = pq.read_table(folder / artifacts.predictions("test"))
    records = pq.read_table(folder / artifacts.prepared("test"))
    assert predicted["id"].to_pylist() == records["id"].to_pylist()
    for text, context, start, end in zip(
        *(predicted["predicted"].to_pylist(), records["text_b"].to_pylist()),
        *(predicted[name].to_pylist() for name in ("start", "end")),
        strict=True,
    ):
        assert text == ("" if start is None else context[start:end])
    metrics = read(folder, artifacts.METRICS)["test"]
    assert {"f1", "f1_low", "exact_match", "answerable_f1", "no_answer_accuracy"} <= set(metrics)
    assert read(folder, artifacts.FINETUNED / "whetstone.json")["fitted"].keys() >= {THRESHOLD}
    assert {"answer_lengths.png", "answer_lengths.csv", "learning_curves.png", "confusion.csv"} <= pictures(folder)
    with (folder / "reports/evaluation/details/confident_errors.csv").open(encoding="utf-8") as stream:
        errors = list(csv.DictReader(stream))
    assert all(float(one["f1"]) == 0 for one in errors)
    tokens = read(folder, artifacts.TEXT_REPORT / "tokens.json")["splits"]
    rows = pq.read_table(folder / artifacts.tokenized("test"))
    assert rows.num_rows > records.num_rows
    assert tokens["train"]["answers that no window holds whole"] > 0  # windows of 64 that share 8
    release = Predictor(folder / artifacts.RELEASE)
    asked = list(zip(records["text"].to_pylist()[:30], records["text_b"].to_pylist()[:30], strict=True))
    said = release.predict(asked)
    assert isinstance(said[0], Answer)
    assert [one.text for one in said] == predicted["predicted"].to_pylist()[:30]
    assert [one.start for one in said] == predicted["start"].to_pylist()[:30]
    assert manifest.verify(folder / artifacts.RELEASE) >= 8
    assert "question-answering" in (folder / artifacts.RELEASE / "README.md").read_text(encoding="utf-8")


def test_chinese_questions_with_three_references(done: Callable[..., Path]) -> None:
    changes = {
        "model__base": "./base",
        "model__revision": None,
        "text__max_length": 128,
        "export__onnx": False,
        "task__overlap": 16,
    }
    folder = done("cmrc2018", "cmrc2018_small", lambda row, _: row, **changes)
    records = pq.read_table(folder / artifacts.prepared("test"))
    predicted = pq.read_table(folder / artifacts.predictions("test"))
    assert Counter(map(len, predicted["gold"].to_pylist()))[3] > 50
    metrics = read(folder, artifacts.METRICS)["test"]
    assert 0 <= metrics["exact_match"] <= metrics["f1"] <= 1
    assert "no_answer_accuracy" not in metrics
    assert all(one is not None for one in predicted["start"].to_pylist())
    lost = read(folder, artifacts.TEXT_REPORT / "tokens.json")["splits"]["train"]
    assert lost["answers that no window holds whole"] > 0  # windows of 128 that share 16
    for text, context, start in zip(
        *(predicted["predicted"].to_pylist(), records["text_b"].to_pylist(), predicted["start"].to_pylist()),
        strict=True,
    ):
        assert context.startswith(text, start)
    assert manifest.verify(folder / artifacts.RELEASE) >= 6


def test_relations_between_marked_nominals(done: Callable[..., Path]) -> None:
    # 200 sentences of train do not show every direction of every relation.
    cleaning = {"empty": "drop", "unlabelled": "refuse", "unknown_labels": "drop"}
    folder = done("semeval2010", "semeval2010_task8", lambda row, _: row, data__cleaning=cleaning)
    records = pq.read_table(folder / artifacts.prepared("test"))
    for row in records.to_pylist()[:50]:
        assert row["text"][row["head"]["start"] : row["head"]["end"]].strip()
    metrics = read(folder, artifacts.METRICS)
    assert {"macro_f1", "macro_f1_low", "undirected_macro_f1", "macro_f1_with_other", "accuracy"} <= set(
        metrics["test"]
    )
    assert set(metrics["baselines"]) == {"majority", "tfidf"}
    assert metrics["baselines"]["majority"]["macro_f1"] == 0  # Other is the largest class
    details = read(folder, artifacts.DETAILS)["test"]
    assert {row["relation"] for row in details["per_relation"]} >= {"Other", "Cause-Effect"}
    assert {"confusion.png", "reliability.csv", "per_class_f1.csv"} <= pictures(folder)
    predicted = pq.read_table(folder / artifacts.predictions("test"))
    release = Predictor(folder / artifacts.RELEASE)
    asked = [
        {"text": row["text"], "head": tuple(row["head"].values()), "tail": tuple(row["tail"].values())}
        for row in records.to_pylist()[:30]
    ]
    assert [one.label for one in release.predict(asked)] == predicted["predicted"].to_pylist()[:30]
