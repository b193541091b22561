"""Any number of labels: losses by their definitions, thresholds from validation, decisions that mean what they say."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from stages import tasks
from stages.artifacts import Schema
from stages.encoding import base_model, tokenizer
from stages.encoding.ragged import Ragged
from stages.errors import DataError
from stages.metrics import multilabel as metrics
from stages.metrics.intervals import Bootstrap
from stages.params.model import ModelParams
from stages.params.task import MultilabelParams, TaskParams
from stages.params.training import TrainingParams
from stages.tasks.asymmetric_loss import AsymmetricLoss
from stages.tasks.protocol import Scoring, Task
from stages.training.batching import Rows

SCHEMA = Schema("multilabel", ["anger", "joy", "害怕"], {})
RECORDS = pa.table(
    {
        "id": ["1", "2", "3"],
        "text": ["thanks", "hm", "no"],
        "labels": pa.array([["joy"], [], ["anger", "害怕"]], pa.list_(pa.string())),
    }
)


def task(**params: object) -> Task:
    return tasks.make(TaskParams(kind="multilabel", multilabel=MultilabelParams.model_validate(params)))


def encoded() -> pa.Table:
    words = tokenizer.load(base_model.locate(ModelParams(), verify=False))
    return task().encode(RECORDS, words, 16, SCHEMA).rows


def test_labels_become_zeros_and_ones_in_the_schemas_order() -> None:
    rows = encoded()
    assert rows["labels"].to_pylist() == [[0, 1, 0], [0, 0, 0], [1, 0, 1]]
    batch = task().collate(Rows.of(rows).__getitems__([2, 0]), 0)
    assert batch["labels"].tolist() == [[1, 0, 1], [0, 1, 0]]
    assert batch["labels"].dtype == np.float32
    assert "labels" not in task().collate(Rows.of(rows.drop_columns(["labels"])).__getitems__([0]), 0)


def test_the_asymmetric_loss_is_the_papers() -> None:
    logits = torch.tensor([[1.5, -2.0, 0.3], [-0.2, 4.0, -3.0]], dtype=torch.float64)
    labels = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    expected = []
    for x, y in zip(logits.flatten().tolist(), labels.flatten().tolist(), strict=True):
        p = 1 / (1 + np.exp(-x))
        q = max(p - 0.05, 0)
        expected.append(-((1 - p) ** 1.0) * np.log(p) if y else -(q**4.0) * np.log(1 - q))
    assert float(AsymmetricLoss(1.0, 4.0, 0.05)(logits, labels)) == pytest.approx(np.mean(expected))


def test_without_focus_and_margin_it_is_binary_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(5, 4, generator=generator), torch.randint(0, 2, (5, 4), generator=generator).float()
    torch.testing.assert_close(AsymmetricLoss(0, 0, 0)(logits, labels), nn.BCEWithLogitsLoss()(logits, labels))


def test_balanced_weights_even_out_positives_and_negatives() -> None:
    labels = Ragged(np.array([[1, 0]] * 2 + [[0, 0]] * 6, dtype=np.int8).ravel(), np.arange(9) * 2)
    loss = task().objective(TrainingParams(class_weights="balanced"), {"labels": labels}, SCHEMA, nn.Identity())
    assert isinstance(loss, nn.BCEWithLogitsLoss)
    assert loss.pos_weight is not None
    assert loss.pos_weight.tolist() == [3.0, 8.0]
    assert isinstance(task(loss="asymmetric").objective(TrainingParams(), {}, SCHEMA, nn.Identity()), AsymmetricLoss)


def test_thresholds_are_chosen_on_validation_and_decide() -> None:
    logits = np.array([[-3.0, 2.0, -2.0], [-4.0, -1.0, -6.0], [-1.0, -2.0, -1.5]], dtype=np.float32)
    rows = encoded()
    plain, chosen = task(thresholds="half"), task()
    assert not plain.fits
    assert plain.decode(logits, rows, RECORDS, SCHEMA, {})["predicted"].to_pylist() == [["joy"], [], []]
    fitted = chosen.fit(logits, rows, RECORDS, SCHEMA)
    found = chosen.decode(logits, rows, RECORDS, SCHEMA, fitted)
    assert found["predicted"].to_pylist() == found["gold"].to_pylist() == RECORDS["labels"].to_pylist()
    one = task(thresholds="one").fit(logits, rows, RECORDS, SCHEMA)["thresholds"]
    gold = np.array(rows["labels"].to_pylist(), dtype=bool)
    together = metrics.best_threshold(gold.ravel(), torch.sigmoid(torch.tensor(logits)).numpy().ravel())
    assert one == pytest.approx([together] * 3)
    assert chosen.quality(found, SCHEMA) == 1.0
    scores = chosen.score(found, SCHEMA, Scoring(Bootstrap(100, 0.95, 1)))
    assert scores.headline["micro_f1"].value == scores.headline["subset_accuracy"].value == 1.0
    assert chosen.agree(found, plain.decode(logits, rows, RECORDS, SCHEMA, {}), SCHEMA).tolist() == [True, True, False]


def test_answers_name_the_most_probable_label_first() -> None:
    rows = encoded().drop_columns(["labels"])
    records = task().records(["thanks", "hm", "no"])
    logits = np.array([[1.0, 2.0, -2.0], [-4.0, -1.0, -6.0], [3.0, 1.0, 2.0]], dtype=np.float32)
    found = task().answers(task().decode(logits, rows, records, SCHEMA, {}), SCHEMA)
    assert [one.labels for one in found] == [["joy", "anger"], [], ["anger", "害怕", "joy"]]
    assert found[0].scores["joy"] == pytest.approx(1 / (1 + np.exp(-2.0)))
    with pytest.raises(DataError, match="expected texts, found int '7'"):
        task().records([7])


def test_validation_reads_what_needs_no_threshold_too() -> None:
    logits = np.array([[-3.0, 2.0, -2.0], [-4.0, -1.0, -6.0], [-1.0, -2.0, -1.5]], dtype=np.float32)
    found = task().validate(logits, Rows.of(encoded()).columns)
    assert set(found) == set(task().figures.validation)
    assert found["map"] == 1.0
    assert found["micro_f1"] == pytest.approx(2 * 1 / (3 + 1))


@pytest.mark.parametrize("gamma", [0.5, 0.0, 2.0])
def test_a_very_sure_label_has_a_slope(gamma: float) -> None:
    logits = torch.tensor([[20.0, -20.0, 0.3]], requires_grad=True)
    AsymmetricLoss(gamma, gamma, 0.05)(logits, torch.tensor([[1.0, 0.0, 1.0]])).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
