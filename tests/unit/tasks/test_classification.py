"""Single-label classification: padding changes nothing, losses and probabilities agree with their definitions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import BertConfig, BertModel

from stages import tasks
from stages.artifacts import Schema
from stages.encoding import base_model, tokenizer
from stages.encoding.ragged import Columns
from stages.metrics.intervals import Bootstrap
from stages.params.model import ModelParams
from stages.params.task import TaskParams
from stages.params.training import TrainingParams
from stages.tasks.classification import softmax
from stages.tasks.pooled_classifier import pool
from stages.tasks.protocol import Scoring
from stages.training.prediction import ask, tensors

TASK = tasks.make(TaskParams(top_k=2))
SCHEMA = Schema("classification", ["a", "b", "投诉"], {})


def test_texts_become_ids_in_their_order_and_labels_class_numbers() -> None:
    words = tokenizer.load(base_model.locate(ModelParams(), verify=False))
    records = pa.table({"id": ["1", "2"], "text": ["hello world, hello", "你好"], "label": ["投诉", "a"]})
    found = TASK.encode(records, words, 5, SCHEMA).rows
    assert found["id"].to_pylist() == ["1", "2"]
    assert found["label"].to_pylist() == [2, 0]
    assert found["length"].to_pylist() == [5, 4]
    assert found["full_length"].to_pylist() == [6, 4]
    assert [words.id_to_token(i) for i in found["input_ids"][0].as_py()] == ["[CLS]", "hello", "world", ",", "[SEP]"]


@given(st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=12), min_size=1, max_size=6))
def test_collating_pads_to_the_longest_and_loses_nothing(texts: list[list[int]]) -> None:
    batch = TASK.collate({"input_ids": texts, "label": list(range(len(texts)))}, 0)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (len(texts), max(map(len, texts)))
    for ids, mask, text in zip(batch["input_ids"], batch["attention_mask"], texts, strict=True):
        assert ids[mask == 1].tolist() == text
        assert not ids[mask == 0].any()
    assert batch["labels"].tolist() == list(range(len(texts)))
    assert "labels" not in TASK.collate({"input_ids": texts}, 0)


@pytest.mark.parametrize("how", ["mean", "cls", "max"])
def test_pooling_sees_tokens_only(how: str) -> None:
    states = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    expected = {"mean": states[0, :3].mean(0), "cls": states[0, 0], "max": states[0, :3].max(0).values}[how]
    torch.testing.assert_close(pool(states, mask, how)[0], expected)
    assert pool(states.bfloat16(), mask, how).dtype == torch.float32


@pytest.mark.parametrize("how", ["mean", "cls", "max"])
def test_logits_do_not_depend_on_a_batchs_other_texts(how: str) -> None:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    model = TASK.model(BertModel(config, add_pooling_layer=False), how, SCHEMA, ModelParams()).eval()
    alone, together = TASK.collate({"input_ids": [[3, 4, 5]]}, 0), TASK.collate({"input_ids": [[3, 4, 5], [9] * 11]}, 0)
    with torch.no_grad():
        one, two = (ask(model, tensors(batch))[0] for batch in (alone, together))
    torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)


def test_balanced_weights_have_mean_one_over_records_and_absent_classes_weigh_nothing() -> None:
    targets = np.array([0, 0, 0, 1])
    loss = TASK.objective(TrainingParams(class_weights="balanced"), {"label": targets}, SCHEMA, nn.Identity())
    assert isinstance(loss, nn.CrossEntropyLoss)
    assert loss.weight is not None
    assert loss.weight.tolist() == pytest.approx([4 / (2 * 3), 4 / (2 * 1), 0.0])
    assert float(loss.weight[torch.from_numpy(targets)].mean()) == pytest.approx(1.0)


def test_label_smoothing_by_hand() -> None:
    train: Columns = {"label": np.array([0, 1, 2])}
    loss = TASK.objective(TrainingParams(label_smoothing=0.1), train, SCHEMA, nn.Identity())
    logits, target = torch.tensor([[2.0, 0.5, -1.0]]), torch.tensor([0])
    logs = torch.log_softmax(logits, 1)[0]
    expected = -(0.9 * logs[0] + 0.1 * logs.mean())
    assert float(loss(logits, target)) == pytest.approx(float(expected), rel=1e-6)


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(-500, 500), min_size=3, max_size=3), min_size=1, max_size=8))
def test_probabilities_sum_to_one_whatever_the_logits(logits: list[list[float]]) -> None:
    found = softmax(np.array(logits, dtype=np.float32))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_decoding_and_scoring_agree() -> None:
    logits = np.array([[3.0, 0, 0], [0, 3, 0], [0, 3, 0], [0, 0, 3]], dtype=np.float32)
    gold = np.array([0, 1, 2, 2])
    rows = pa.table({"id": ["w", "x", "y", "z"], "label": pa.array(gold, pa.int32())})
    table = TASK.decode(logits, rows, rows, SCHEMA, {})
    assert table["predicted"].to_pylist() == ["a", "b", "b", "投诉"]
    assert table["gold"].to_pylist() == ["a", "b", "投诉", "投诉"]
    scores = TASK.score(table, SCHEMA, Scoring(Bootstrap(200, 0.95, 1), bins=2))
    assert scores.headline["accuracy"].value == 0.75
    assert TASK.validate(logits, {"label": gold})["accuracy"] == 0.75
    assert TASK.validate(logits, {"label": gold})["macro_f1"] == pytest.approx(scores.headline["macro_f1"].value)
