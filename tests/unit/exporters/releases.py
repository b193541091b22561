"""Releases of every kind that were never trained: random weights, real graphs, made within seconds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from stages import tasks
from stages.artifacts import Encoding, Schema, write_json
from stages.encoding import base_model, tokenizer
from stages.exporters import int8, onnx_graph
from stages.exporters.predictor import CALIBRATION, FACTS, Predictor
from stages.params.model import ModelParams
from stages.params.task import TaggingParams, TaskParams
from stages.tasks.protocol import Task
from stages.training.batching import Rows

WORDS: Tokenizer = tokenizer.load(base_model.locate(ModelParams(), verify=False))
LONGEST = 32
LABELS = ["cause", "effect", "投诉"]
ASKED: dict[str, list[Any]] = {
    "classification": ["where is my order?", "我想退货"],
    "multilabel": ["thank you so much, see you soon", "我想退货"],
    "pair_classification": [("A man sleeps.", "Nobody is awake."), {"text": "one", "text_b": "other"}],
    "pair_regression": [("A man sleeps.", "Nobody is awake."), ("一", "二")],
    "question_answering": [("Who opened the school?", "It was opened by Ms O'Neil in 1997. " * 8), ("谁?", "北京市")],
    "relation": [{"text": "Rain caused the flood.", "head": (0, 4), "tail": (16, 21)}],
    "tagging": ["Ana flew to New York " * 12, ["New", "York"]],
}
"""What one may ask each kind, some of it longer than a row."""


def model(kind: Any, schema: Schema) -> tuple[Task, torch.nn.Module]:
    """A task and a tiny BERT with its head, with weights large enough for answers to differ."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=WORDS.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    task = tasks.make(TaskParams(kind=kind, overlap=4, tagging=TaggingParams(head="linear")))
    return task, task.model(BertModel(config, add_pooling_layer=False), "mean", schema, ModelParams()).eval()


def release(folder: Path, kind: str, **facts: Any) -> Path:
    """Write what a `Predictor` and a card's lines read, both graphs among it.

    Args:
        folder: where to; it is made.
        kind: of the task.
        facts: of the schema.
    """
    folder.mkdir(parents=True)
    schema = Schema(kind, [] if kind in {"pair_regression", "question_answering"} else LABELS, {}, **facts)
    task, body = model(kind, schema)
    rows = task.encode(task.records(ASKED[kind]), WORDS, LONGEST, schema).rows
    example = task.collate(Rows.of(rows).__getitems__([0]), 0)
    onnx_graph.export(body, example, folder / onnx_graph.FILE, 20)
    int8.quantize(folder / onnx_graph.FILE, folder / int8.FILE)
    encoding = Encoding(LONGEST, 0, WORDS.get_vocab_size(), "tiny", None)
    told = {"schema": asdict(schema), "encoding": asdict(encoding), "task": task.params.model_dump(mode="json")}
    write_json(folder / FACTS, {**told, "fitted": {}})
    write_json(folder / CALIBRATION, {"temperature": 1.0})
    write_json(folder / "labels.json", {str(i): label for i, label in enumerate(schema.labels)})
    words = Tokenizer.from_str(WORDS.to_str())
    words.enable_truncation(LONGEST)
    words.save(str(folder / "tokenizer.json"))
    return folder


def both(folder: Path) -> tuple[Predictor, Predictor]:
    """A release's predictors, float32 and int8."""
    return Predictor(folder), Predictor(folder, int8.FILE)
