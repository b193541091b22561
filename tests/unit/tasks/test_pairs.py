"""Pairs: token types reach the encoder, scores come back on their own scale, both losses learn the same scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

from stages import tasks
from stages.artifacts import Schema
from stages.encoding import base_model, tokenizer
from stages.errors import DataError
from stages.params.model import ModelParams
from stages.params.task import VALIDATED, RegressionParams, TaskParams
from stages.params.training import TrainingParams
from stages.tasks.protocol import Task
from stages.training.batching import Rows
from stages.training.prediction import ask, tensors

RECORDS = pa.table(
    {
        "id": ["1", "2", "3"],
        "text": ["a man sleeps", "it rains", "我想退货"],
        "text_b": ["a man is asleep", "the sun shines", "怎么退货"],
        "score": [5.0, 0.5, 3.75],
        "label": ["same", "other", "same"],
    }
)
SCHEMA = Schema("pair_regression", [], {})


def scored(**params: Any) -> Task:
    return tasks.make(TaskParams(kind="pair_regression", regression=RegressionParams.model_validate(params)))


def rows(task: Task, schema: Schema = SCHEMA) -> pa.Table:
    words = tokenizer.load(base_model.locate(ModelParams(), verify=False))
    return task.encode(RECORDS, words, 32, schema).rows


def test_a_score_is_learned_on_the_scale_of_its_range() -> None:
    task = scored(range=[0.0, 5.0])
    batch = task.collate(Rows.of(rows(task)).__getitems__([0, 1, 2]), 0)
    assert batch["labels"].tolist() == pytest.approx([1.0, 0.1, 0.75])
    assert batch["token_type_ids"].shape == batch["input_ids"].shape
    found = task.decode(batch["labels"], rows(task), RECORDS, SCHEMA, {})
    assert found["predicted"].to_pylist() == pytest.approx(found["gold"].to_pylist())
    plain = scored()
    assert plain.collate(Rows.of(rows(plain)).__getitems__([1]), 0)["labels"].tolist() == [0.5]


def test_ordinal_steps_add_up_to_the_score() -> None:
    task = scored(range=[0.0, 5.0], loss="ordinal", levels=6)
    assert task.probe is None
    labels = task.collate(Rows.of(rows(task)).__getitems__([0, 1, 2]), 0)["labels"]
    assert labels.tolist() == [[1, 1, 1, 1, 1], [0.5, 0, 0, 0, 0], [1, 1, 1, 0.75, 0]]
    sure = np.log(np.clip(labels, 1e-6, 1 - 1e-6) / (1 - np.clip(labels, 1e-6, 1 - 1e-6)))
    found = task.decode(sure.astype(np.float32), rows(task), RECORDS, SCHEMA, {})
    assert found["predicted"].to_pylist() == pytest.approx([5.0, 0.5, 3.75], abs=1e-3)
    loss = task.objective(TrainingParams(), {}, SCHEMA, torch.nn.Identity())
    best = float(loss(torch.from_numpy(sure).float(), torch.from_numpy(labels)))
    assert best < float(loss(torch.from_numpy(sure + 0.3).float(), torch.from_numpy(labels)))


@pytest.mark.parametrize("encoder", ["bert", "distilbert"])
def test_token_types_go_where_the_encoder_knows_them(encoder: str) -> None:
    torch.manual_seed(0)
    if encoder == "bert":
        body: Any = BertModel(
            BertConfig(
                vocab_size=31000, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
            ),
            add_pooling_layer=False,
        )
    else:
        body = DistilBertModel(DistilBertConfig(vocab_size=31000, dim=16, n_layers=1, n_heads=2, hidden_dim=16))
    task = scored(range=[0.0, 5.0])
    model = task.model(body, "mean", SCHEMA, ModelParams()).eval()
    batch = tensors(task.collate(Rows.of(rows(task)).__getitems__([0, 1]), 0))
    with torch.inference_mode():
        said = ask(model, batch)
        flat = ask(model, {**batch, "token_type_ids": torch.zeros_like(batch["token_type_ids"])})
    assert said.shape == (2,)
    assert torch.allclose(said, flat) == (encoder == "distilbert")


def test_a_pairs_label_is_measured_like_a_texts() -> None:
    task, schema = (
        tasks.make(TaskParams(kind="pair_classification")),
        Schema("pair_classification", ["other", "same"], {}),
    )
    table = rows(task, schema)
    logits = np.array([[0.0, 2.0], [1.0, 0.0], [3.0, 0.0]], dtype=np.float32)
    assert task.validate(logits, Rows.of(table).columns) == pytest.approx(
        {"accuracy": 2 / 3, "macro_f1": 2 / 3, "mcc": 0.5}
    )
    assert task.decode(logits, table, RECORDS, schema, {})["predicted"].to_pylist() == ["same", "other", "other"]


@pytest.mark.parametrize("strange", ["one text", ("one", "two", "three"), {"text": "one"}, ("one", 2), 7])
def test_what_is_no_pair_is_refused(strange: Any) -> None:
    with pytest.raises(DataError, match="expected two texts each"):
        scored().records([("one", "other"), strange])


def test_two_models_agree_when_scores_differ_by_next_to_nothing() -> None:
    task = scored(range=[0.0, 5.0])
    one, other = (pa.table({"predicted": values}) for values in ([1.0, 4.0], [1.04, 4.2]))
    assert task.agree(one, other, SCHEMA).tolist() == [True, False]


@pytest.mark.parametrize("kind", sorted(VALIDATED))
def test_params_know_the_metrics_that_each_kind_validates(kind: Any) -> None:
    assert tasks.make(TaskParams(kind=kind)).figures.validation == VALIDATED[kind]


def test_scores_outside_the_range_are_refused_by_record() -> None:
    with pytest.raises(DataError, match=r"2 in all|5 lies outside") as refused:
        rows(scored(range=[0.0, 3.0]))
    assert str(RECORDS["id"][0].as_py()) in str(refused.value)
    assert "task.regression.range, 0 to 3" in str(refused.value)
