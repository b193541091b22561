"""From a text with two spans to a relation: what is read, where the markers are, what is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from stages import tasks
from stages.artifacts import Schema
from stages.encoding import base_model, tokenizer
from stages.encoding.ragged import dense
from stages.errors import DataError
from stages.metrics.intervals import Bootstrap
from stages.params.model import ModelParams
from stages.params.task import RelationParams, TaskParams
from stages.tasks.protocol import Scoring
from stages.tasks.relation import Entities, Relation
from stages.training.batching import Rows
from stages.training.head_start import features
from stages.training.prediction import outputs_of

TASK = tasks.make(TaskParams(kind="relation"))
LABELS = ["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Other"]
SCHEMA = Schema("relation", LABELS, {})
WORDS = tokenizer.load(base_model.locate(ModelParams(), verify=False))
TEXT = "the flood was caused by rain in 北京"


def entities(text: str, head: str, tail: str) -> dict[str, Any]:
    places = {name: (text.index(part), text.index(part) + len(part)) for name, part in (("head", head), ("tail", tail))}
    return {"text": text, **places}


def records() -> pa.Table:
    found = TASK.records(
        [entities(TEXT, "flood", "rain"), entities(TEXT, "rain", "flood"), entities(TEXT, "rain", "北京")]
    )
    return found.append_column("label", pa.array(["Cause-Effect(e2,e1)", "Cause-Effect(e1,e2)", "Other"]))


def test_relations_of_one_text_differ_by_their_markers() -> None:
    made = TASK.encode(records(), WORDS, 32, SCHEMA)
    rows = made.rows.to_pylist()
    assert [row["label"] for row in rows] == [1, 0, 2]
    assert [" ".join(map(str, map(WORDS.id_to_token, row["input_ids"]))) for row in rows] == [
        "[CLS] the @ flood @ was caused by # rain # in 北 京 [SEP]",
        "[CLS] the # flood # was caused by @ rain @ in 北 京 [SEP]",
        "[CLS] the flood was caused by @ rain @ in # 北 京 # [SEP]",
    ]
    assert [(row["head"], row["tail"]) for row in rows] == [(2, 8), (8, 2), (6, 10)]
    assert made.lost == {}
    assert TASK.lengths(records(), WORDS).tolist() == [row["full_length"] for row in rows] == [15] * 3


def test_what_cannot_be_read_whole_is_counted() -> None:
    text = "the flood" + " was" * 30 + " caused by rain"
    asked = TASK.records([entities(text, "flood", "rain"), entities(text, "flood"[1:], "rain")])
    made = TASK.encode(asked, WORDS, 16, SCHEMA)
    assert made.lost == {"pairs too far apart for one window": 2, "entities that begin or end inside a token": 1}
    assert made.rows["length"].to_pylist() == [16, 16]
    assert "label" not in made.rows.column_names


def tiny(**changes: Any) -> nn.Module:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=WORDS.get_vocab_size(),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    return TASK.model(BertModel(config, add_pooling_layer=False), "mean", SCHEMA, ModelParams(**changes)).eval()


def test_the_head_reads_the_first_token_and_both_opening_markers() -> None:
    rows = Rows.of(TASK.encode(records(), WORDS, 32, SCHEMA).rows)
    model = tiny()
    read = features(model, rows, TASK, 0, 2, bf16=False)
    assert read.shape == (3, 48)
    encoder: Any = model.eval().encoder
    for i in range(3):
        ids = torch.from_numpy(rows.flat[rows.offsets[i] : rows.offsets[i + 1]].astype(np.int64))[None]
        states = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0].detach().numpy()
        places = [0, int(rows.columns["head"][i]), int(rows.columns["tail"][i])]
        np.testing.assert_allclose(read[i], states[places].ravel(), atol=1e-5)
    outputs = dense(outputs_of(model, rows, TASK, 0, 2))
    head: Any = model.head
    np.testing.assert_allclose(outputs, read @ head.weight.detach().numpy().T + head.bias.detach().numpy(), atol=1e-5)


def test_the_result_is_the_official_score() -> None:
    asked = records()
    rows = TASK.encode(asked, WORDS, 32, SCHEMA).rows
    # The second one in the wrong direction, the others right.
    outputs = np.array([[0, 4, 0], [0, 4, 0], [0, 0, 4]], dtype=np.float32)
    said = TASK.decode(outputs, rows, asked, SCHEMA, {})
    assert said["predicted"].to_pylist() == ["Cause-Effect(e2,e1)", "Cause-Effect(e2,e1)", "Other"]
    assert TASK.quality(said, SCHEMA) == pytest.approx(0.5)  # one of two right, one of two found
    scores = TASK.score(said, SCHEMA, Scoring(Bootstrap(100)))
    assert scores.headline["macro_f1"].value == pytest.approx(0.5)
    assert scores.headline["undirected_macro_f1"].value == 1
    assert scores.headline["accuracy"].value == pytest.approx(2 / 3)
    assert {"log_loss", "ece"} <= set(scores.headline)
    assert scores.details["per_relation"][0]["wrong_direction"] == 1
    assert TASK.validate(outputs, Rows.of(rows).columns) == {
        "class_macro_f1": pytest.approx((0 + 2 / 3 + 1) / 3),
        "accuracy": pytest.approx(2 / 3),
    }
    everything = Relation(TaskParams(kind="relation", relation=RelationParams(other=None)))
    assert everything.quality(said, SCHEMA) == pytest.approx(0.75)  # `Other` counts now


@pytest.mark.parametrize(
    "one",
    [
        "text",
        {"text": "abc"},
        {"text": "abc", "head": (0, 1), "tail": (0, 1)},
        {"text": "abc", "head": (0, 1), "tail": (2, 4)},
        {"text": "abc", "head": (1, 1), "tail": (2, 3)},
        {"text": "abc", "head": 1, "tail": (2, 3)},
        {"text": "abc", "head": (0, 1, 2), "tail": (2, 3)},
        {"text": "abc", "head": (0.0, 1.0), "tail": (2, 3)},
        {"text": ["Rain", "caused", "floods"], "head": (0, 1), "tail": (2, 3)},
        {"text": b"abc", "head": (0, 1), "tail": (2, 3)},
        Entities("abc", (0, 1), (2, 4)),
    ],
)
def test_what_is_no_text_with_two_spans_is_refused(one: Any) -> None:
    with pytest.raises(DataError, match="two different spans"):
        TASK.records([one])
