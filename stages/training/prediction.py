"""Outputs for many rows: batches sorted by length, no gradients, results in the rows' own order.

Sorting makes batches of equal length, so that next to nothing is computed on padding; every batch's outputs leave the device
as soon as they are there. Where a model speaks of every token, each row keeps as many outputs as it has tokens and padding is
left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from stages import tasks
from stages.artifacts import MEMBERS, Schema
from stages.encoding.ragged import Outputs, Ragged
from stages.params.task import TaskParams
from stages.tasks.protocol import Task
from stages.training import assembly
from stages.training.batching import Rows
from stages.training.ensemble import Ensemble
from stages.training.precision import device
from stages.training.shares import reading

Tensors = dict[str, torch.Tensor]
Watch = Callable[[torch.Tensor, Tensors], None]
"""Told a batch's outputs, in float32, and the batch, before both leave the device."""


def tensors(batch: Mapping[str, np.ndarray], where: torch.device | None = None) -> Tensors:
    """A collated batch for torch."""
    return {name: torch.from_numpy(values).to(where) for name, values in batch.items()}


def ask(model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """A model's outputs: it is called with everything in the batch but the labels, by name."""
    return model(**{name: values for name, values in batch.items() if name != "labels"})


def outputs_of(
    model: nn.Module,
    rows: Rows,
    task: Task,
    pad_id: int,
    batch_size: int,
    *,
    bf16: bool = False,
    by_token: bool | None = None,
    watch: Watch | None = None,
) -> Outputs:
    """Outputs of all rows in float32, in their order: `(rows, ...)`, or ragged with `(tokens, ...)` each.

    Args:
        model: called with what `task.collate` gives; put into evaluation mode for the call and back.
        rows: tokenized, at least one.
        task: collates them.
        pad_id: token id of padding.
        batch_size: rows per batch.
        bf16: compute under autocast.
        by_token: whether outputs have an axis of tokens; None asks the task.
        watch: told each batch.

    Raises:
        ValueError: there are no rows.
    """
    if len(rows) == 0:
        raise ValueError("no rows to predict")
    where = next(model.parameters()).device
    ragged = task.by_token if by_token is None else by_token
    order = np.argsort(-rows.lengths, kind="stable")
    training = model.training
    result: Outputs | None = None
    model.eval()
    with reading(model), torch.autocast(where.type, torch.bfloat16, enabled=bf16):
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            batch = tensors(task.collate(rows.__getitems__(chosen.tolist()), pad_id), where)
            found = ask(model, batch).float()
            if watch is not None:
                watch(found, batch)
            out = found.cpu().numpy()
            if result is None:
                result = _room(out, rows, ragged=ragged)
            _put(result, chosen, out)
    model.train(training)
    assert result is not None  # noqa: S101 - there was a batch
    return result


def _room(first: np.ndarray, rows: Rows, *, ragged: bool) -> Outputs:
    """Where the outputs of all rows go, given those of the first batch."""
    if ragged:
        return Ragged.empty(rows.lengths, first.shape[2:], np.float32)
    return np.empty((len(rows), *first.shape[1:]), dtype=np.float32)


def _put(result: Outputs, chosen: np.ndarray, out: np.ndarray) -> None:
    if not isinstance(result, Ragged):
        result[chosen] = out
        return
    for row, values in zip(chosen, out, strict=True):
        result[row] = values[: result.lengths_of(row)]


@dataclass(frozen=True)
class Tuned:
    """A tuned model, ready to predict.

    Attributes:
        model: called with a batch without labels, by name; in evaluation mode.
        facts: what `whetstone.json` says.
        task: what it was tuned for.
    """

    model: nn.Module
    facts: assembly.Facts
    task: Task

    @property
    def schema(self) -> Schema:
        """Of the corpus that it was tuned on."""
        return self.facts.schema

    @property
    def members(self) -> int:
        """How many models it consists of."""
        return len(self.model.members) if isinstance(self.model, Ensemble) else 1

    @property
    def lead(self) -> Tuned:
        """The member that validated best, of an ensemble; otherwise the model itself."""
        return replace(self, model=self.model.members[0]) if isinstance(self.model, Ensemble) else self

    def outputs(self, table: pa.Table, batch_size: int) -> Outputs:
        """Outputs in float32 of tokenized rows, in the order of the table."""
        return outputs_of(self.model, Rows.of(table), self.task, self.facts.encoding.pad_id, batch_size)

    def predict(self, rows: pa.Table, records: pa.Table, batch_size: int) -> pa.Table:
        """Predictions for records, in their order; see `Task.decode`.

        Args:
            rows: tokenized.
            records: that they come from.
            batch_size: rows per batch.
        """
        return self.task.decode(self.outputs(rows, batch_size), rows, records, self.schema, self.facts.fitted)


def load_tuned(folder: Path) -> Tuned:
    """Load what finetune wrote, all members of it if it is an ensemble, onto the GPU when there is one."""
    model, facts = assembly.load(folder, device())
    params = TaskParams.model_validate(facts.task)
    others = [assembly.load(one, device())[0] for one in sorted((folder / MEMBERS).glob("*"))]
    if others:
        model = Ensemble([model, *others], params).eval()
    return Tuned(model, facts, tasks.make(params))
