"""A model that speaks of every token: outputs without padding, a loss over batches, training through the same loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from stages.encoding.ragged import Columns, Outputs, by_token, padded
from stages.params.task import TaskParams
from stages.params.training import TrainingParams
from stages.tasks.classification import Classification
from stages.tasks.protocol import IGNORED, Batch, Probe
from stages.training.batching import Rows
from stages.training.prediction import outputs_of, tensors
from stages.training.trainer import Tuner


class EvenTokens(Classification):
    """Says of each token whether its id is even; ids below 4 do not count."""

    by_token = True
    probe: Probe = None

    def collate(self, rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        batch = super().collate({"input_ids": rows["input_ids"]}, pad_id)
        return {**batch, "labels": padded(rows["tags"], IGNORED)} if "tags" in rows else batch

    def validate(self, outputs: Outputs, rows: Columns) -> dict[str, float]:
        tags = by_token(rows["tags"]).values
        right = by_token(outputs).values.argmax(axis=1) == tags
        return {"accuracy": float(right[tags != IGNORED].mean()), "macro_f1": 0.0}


class ByToken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Embedding(40, 8)
        self.head = nn.Linear(8, 2)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(input_ids) * attention_mask.unsqueeze(-1))


class Mean(nn.Module):
    def forward(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(outputs.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)


def rows(count: int) -> Rows:
    generator = np.random.default_rng(count)
    texts = [generator.integers(1, 40, generator.integers(2, 12)).tolist() for _ in range(count)]
    tags = [[IGNORED if one < 4 else one % 2 for one in text] for text in texts]
    lists = {"input_ids": pa.array(texts, pa.list_(pa.int32())), "tags": pa.array(tags, pa.list_(pa.int16()))}
    return Rows.of(pa.table({"id": [str(i) for i in range(count)], **lists}))


TASK = EvenTokens(TaskParams())


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_each_row_keeps_as_many_outputs_as_it_has_tokens(batch_size: int) -> None:
    model, data = ByToken(), rows(17)
    found = by_token(outputs_of(model, data, TASK, 0, batch_size))
    assert found.lengths.tolist() == data.lengths.tolist()
    for i in range(len(data)):
        alone = tensors(TASK.collate({"input_ids": data[i]["input_ids"]}, 0))
        np.testing.assert_allclose(found[i], model(**alone)[0].detach().numpy(), rtol=1e-5, atol=1e-6)


def test_training_reads_the_loss_of_validation_batch_by_batch(tmp_path: Path) -> None:
    params = TrainingParams.model_validate(
        {
            "epochs": 12,
            "batch_size": 8,
            "eval_batch_size": 5,
            "learning_rate": 5e-2,
            "precision": "fp32",
            "head_start": "random",
        }
    )
    train, validation, model = rows(60), rows(23), ByToken()
    tuner = Tuner(model, TASK, Mean(), params, train, validation, 0, tmp_path, lambda *_: None)
    outputs, loss = tuner._predict_validation()
    order = np.argsort(-validation.lengths, kind="stable")
    expected = 0.0
    for start in range(0, 23, 5):
        chosen = order[start : start + 5].tolist()
        batch = tensors(TASK.collate(validation.__getitems__(chosen), 0))
        said = model(batch["input_ids"], batch["attention_mask"]).detach()
        expected += float(Mean()(said, batch["labels"])) * len(chosen)
    assert loss == pytest.approx(expected / 23, rel=1e-5)
    assert by_token(outputs).values.shape == (len(validation.flat), 2)
    tuner.run()
    assert tuner.history.evaluations[-1]["validation_accuracy"] > 0.9
    assert tuner.history.evaluations[-1]["validation_loss"] < loss
