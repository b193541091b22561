"""Logits for many records: batches sorted by length, no gradients, results in the records' own order.

Sorting makes batches of equal length, so that next to nothing is computed on padding; every batch's logits leave the device
as soon as they are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from stages.artifacts import Schema
from stages.tasks import TASKS
from stages.tasks.protocol import Task
from stages.training import assembly
from stages.training.batching import Rows
from stages.training.precision import device


def logits_of(
    model: nn.Module, rows: Rows, task: Task, pad_id: int, batch_size: int, *, bf16: bool = False
) -> np.ndarray:
    """Logits of all rows `(records, classes)` in float32, in their order.

    Args:
        model: called with input_ids and attention_mask; put into evaluation mode for the call and back.
        rows: tokenized records, at least one.
        task: collates them.
        pad_id: token id of padding.
        batch_size: records per batch.
        bf16: compute under autocast.
    """
    where = next(model.parameters()).device
    order = np.argsort(-rows.lengths, kind="stable")
    training, result = model.training, None
    model.eval()
    with torch.inference_mode(), torch.autocast(where.type, torch.bfloat16, enabled=bf16):
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            batch = task.collate(rows.__getitems__(chosen.tolist()), pad_id)
            out = model(batch["input_ids"].to(where), batch["attention_mask"].to(where)).float().cpu().numpy()
            if result is None:
                result = np.empty((len(order), *out.shape[1:]), dtype=np.float32)
            result[chosen] = out
    model.train(training)
    if result is None:
        raise ValueError("no rows to predict")
    return result


@dataclass(frozen=True)
class Tuned:
    """A tuned model, ready to predict.

    Attributes:
        model: `forward(input_ids, attention_mask)` gives logits; in evaluation mode.
        facts: what `whetstone.json` says.
    """

    model: nn.Module
    facts: assembly.Facts

    @property
    def schema(self) -> Schema:
        """Of the corpus that it was tuned on."""
        return self.facts.schema

    @property
    def task(self) -> Task:
        """What it was tuned for."""
        return TASKS[self.schema.task]

    def logits(self, table: pa.Table, batch_size: int) -> np.ndarray:
        """Logits in float32 of tokenized rows, in the order of the table."""
        return logits_of(self.model, Rows.of(table), self.task, self.facts.encoding.pad_id, batch_size)


def load_tuned(folder: Path) -> Tuned:
    """Load what finetune wrote, onto the GPU when there is one."""
    model, facts = assembly.load(folder, device())
    return Tuned(model, facts)
