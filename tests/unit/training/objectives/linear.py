"""A model so small that losses and gradients can be written down: word vectors, their mean, a linear layer, a head."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import nn
from torch.nn import functional

from stages.training.batching import Rows
from stages.training.objectives import Objectives

WORDS, WIDTH, HIDDEN, CLASSES = 20, 4, 3, 3


class Encoder(nn.Module):
    """`states = embeddings @ weight.T`: linear in its weights and in its input."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.layer = nn.Linear(WIDTH, HIDDEN, bias=False)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.words

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        return SimpleNamespace(last_hidden_state=self.layer(self.words(input_ids)))


class Model(nn.Module):
    def __init__(self, dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.encoder = Encoder()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(HIDDEN, CLASSES)

    def features(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        mask = attention_mask.unsqueeze(-1)
        return (self.encoder(input_ids, attention_mask).last_hidden_state * mask).sum(1) / mask.sum(1)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.features(input_ids, attention_mask)))


BATCH = {
    "input_ids": torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0], [7, 8, 9, 0], [10, 11, 12, 13]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]),
    "labels": torch.tensor([0, 1, 2, 0]),
}


def loss_of(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(outputs, labels)


def gradients(model: nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of a loss by every weight of the model."""
    found = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True, retain_graph=True)
    return {
        name: torch.zeros_like(one) if grad is None else grad
        for (name, one), grad in zip(model.named_parameters(), found, strict=True)
    }


def same_gradients(model: nn.Module, one: torch.Tensor, other: torch.Tensor) -> None:
    """Two losses are the same number with the same gradients."""
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    for (name, first), second in zip(gradients(model, one).items(), gradients(model, other).values(), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-6, msg=name)


def loss(objectives: Objectives, model: nn.Module, step: int = 0) -> torch.Tensor:
    return objectives.losses(model, BATCH, loss_of, step).whole


def texts(count: int, seed: int = 0) -> Rows:
    """General texts of two to six words."""
    generator = np.random.default_rng(seed)
    rows = [generator.integers(1, WORDS, generator.integers(2, 7)).tolist() for _ in range(count)]
    ids = pa.array(rows, pa.list_(pa.int32()))
    return Rows.of(pa.table({"id": [str(i) for i in range(count)], "input_ids": ids}))
