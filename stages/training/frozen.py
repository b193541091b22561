"""Frozen layers are computed once, not once an epoch.

Where the lowest layers of an encoder do not learn, each token leaves them as the same vector in every epoch. These vectors are
computed in one reading of the corpus and take the place of the word embeddings: a table with a row for each token of each
record, and records whose ids are row numbers. What is frozen becomes a look-up; nothing else of training knows of it, and
weights keep their names.

Frozen layers run without dropout, cached or not: noise on something that cannot adapt to it only blurs what the layers above
learn from, and with it there would be nothing to cache. A token costs 4 bytes a dimension (384 dimensions: 1.5 kB); tables
beyond `training.frozen_cache_mib` lie in a memory-mapped file beside the checkpoints.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from stages.errors import ModelError
from stages.params.training import TrainingParams
from stages.tasks.pooled_classifier import read
from stages.tasks.protocol import Task
from stages.training.attention import FAMILIES
from stages.training.batching import Rows
from stages.training.precision import device, use_bf16
from stages.training.prediction import tensors

READ = ("input_ids", "attention_mask", "token_type_ids")
"""What encoders read of a batch."""
MIB = 2**20


def frozen_depth(model: nn.Module) -> int:
    """How many of the encoder's lowest layers give the same states in every epoch.

    Embeddings and layers count from below as long as no weight in them learns and nothing was hung on them. Weights that learn
    elsewhere in the encoder, such as a prompt, may reach every layer.

    Args:
        model: with attribute `encoder`.

    Returns:
        The number of layers; 0 where the embeddings learn, nothing is frozen, or the architecture is built in another way.
    """
    encoder: Any = model.encoder
    found = _parts(encoder)
    if found is None or _learns(found.embeddings):
        return 0
    depth = next((i for i, layer in enumerate(found.layers) if _learns(layer)), len(found.layers))
    inside = {id(one) for layer in found.layers for one in layer.parameters()}
    elsewhere = any(one.requires_grad and id(one) not in inside for one in encoder.parameters())
    return 0 if elsewhere else depth


def quiet(model: nn.Module, depth: int) -> None:
    """Turn dropout off in the embeddings and in so many of the lowest layers."""
    found = _parts(cast("Any", model.encoder))
    if found is not None and depth:
        for part in (found.embeddings, *list(found.layers)[:depth]):
            _silence(part)


def _silence(part: nn.Module) -> None:
    for module in part.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):  # ModernBERT's attention keeps a number
            module.attention_dropout = 0.0  # type: ignore[assignment]


@dataclass(frozen=True)
class Cache:
    """Computed states, and the way back.

    Attributes:
        parts: records whose ids are rows of the table.
        embeddings: of the encoder, as they were.
        layers: the lowest ones, as they were.
    """

    parts: list[Rows]
    embeddings: nn.Module
    layers: list[nn.Module]

    def restore(self, encoder: nn.Module) -> None:
        """Put embeddings and layers back."""
        changed: Any = encoder
        changed.embeddings = self.embeddings
        for i, layer in enumerate(self.layers):
            changed.encoder.layer[i] = layer


def prepare(
    model: nn.Module,
    parts: Sequence[Rows],
    task: Task,
    pad_id: int,
    params: TrainingParams,
    folder: Path,
    *,
    wanted: bool = True,
) -> Cache | None:
    """Silence what is frozen, read everything once and put a table in the place of the lowest layers, in place.

    Args:
        model: with attribute `encoder`; moved to the device that it is trained on.
        parts: all records that training reads.
        task: collates them.
        pad_id: token id of padding; keeps its meaning.
        params: the `training` section.
        folder: for tables that are too large for memory.
        wanted: whether the model will read nothing but these parts, as they are: not so with general texts or noise on
            embeddings.

    Returns:
        The way back; None where nothing is frozen, nothing is wanted, or params do not want it.

    Raises:
        ModelError: the table is too large for the disk.
    """
    depth = frozen_depth(model)
    quiet(model, depth)
    if not _learns(cast("nn.Module", model.encoder)):
        _silence(cast("nn.Module", model.encoder))
    if not depth or not wanted or params.frozen_cache_mib is None:
        return None
    where = device()
    encoder: Any = model.to(where).encoder
    layers = list(encoder.encoder.layer)
    begins = np.cumsum([pad_id + 1, *(len(part.flat) for part in parts)])
    table = _table((int(begins[-1]), int(encoder.config.hidden_size)), params.frozen_cache_mib, folder)
    encoder.encoder.layer = nn.ModuleList(layers[:depth])
    for begin, part in zip(begins, parts, strict=False):
        out = table[begin : begin + len(part.flat)]
        _fill(out, model, part, task, pad_id, params.eval_batch_size, bf16=use_bf16(params.precision, where, encoder))
    encoder.encoder.layer = nn.ModuleList([*(Passing() for _ in range(depth)), *layers[depth:]])
    embeddings = encoder.embeddings
    encoder.embeddings = Table(torch.from_numpy(table).to(_place(table.nbytes, where)))
    kind = np.int32 if begins[-1] < np.iinfo(np.int32).max else np.int64
    renumbered = [
        replace(part, flat=np.arange(begin, begin + len(part.flat), dtype=kind))
        for begin, part in zip(begins, parts, strict=False)
    ]
    return Cache(renumbered, embeddings, layers[:depth])


class Table(nn.Module):
    """Stands for embeddings and the layers above them: looks up what they gave.

    Args:
        states: `(tokens, hidden)`, on the device that trains, in memory, or in a file.
    """

    def __init__(self, states: torch.Tensor) -> None:
        super().__init__()
        self.states = states

    def forward(self, input_ids: torch.Tensor, **_: Any) -> torch.Tensor:
        """States `(batch, length, hidden)` of row numbers `(batch, length)`."""
        return self.states[input_ids.to(self.states.device)].to(input_ids.device)


class Passing(nn.Module):
    """Stands for a layer whose work is in the table."""

    def forward(self, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """Return what came."""
        return hidden_states


@dataclass(frozen=True)
class _Parts:
    embeddings: nn.Module
    layers: nn.ModuleList


def _parts(encoder: Any) -> _Parts | None:
    """Embeddings and layers of BERT's kind of encoder; None for others, and where a projection lies between them.

    Others that are built alike (MPNet, DeBERTa) hand more than states from layer to layer, which nothing can stand in for.
    """
    if getattr(getattr(encoder, "config", None), "model_type", None) not in FAMILIES:
        return None
    embeddings, stack = getattr(encoder, "embeddings", None), getattr(encoder, "encoder", None)
    layers = getattr(stack, "layer", None)
    if not isinstance(embeddings, nn.Module) or not isinstance(layers, nn.ModuleList):
        return None
    return None if hasattr(encoder, "embeddings_project") else _Parts(embeddings, layers)


def _learns(part: nn.Module) -> bool:
    hung = any(one._forward_hooks or one._forward_pre_hooks for one in part.modules())
    return hung or any(one.requires_grad for one in part.parameters())


def _place(size: int, where: torch.device) -> torch.device:
    """Where a table of so many bytes is looked up: on a GPU that it takes no more than a quarter of, else in main memory."""
    if where.type == "cuda" and size <= torch.cuda.mem_get_info(where)[1] // 4:
        return where
    return torch.device("cpu")


def _table(shape: tuple[int, int], memory_mib: int, folder: Path) -> np.ndarray:
    if shape[0] * shape[1] * 4 <= memory_mib * MIB:
        return np.zeros(shape, dtype=np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    # Each of several processes computes and keeps its own; a killed one may have left its.
    file = folder / f"frozen-{os.environ.get('RANK', '0')}.f32"
    file.unlink(missing_ok=True)
    needed, free = shape[0] * shape[1] * 4, shutil.disk_usage(folder).free
    if needed > free:
        raise ModelError(
            f"training.frozen_cache_mib: what the frozen layers give takes {needed / 2**30:,.1f} GiB in {folder}, where "
            f"{free / 2**30:,.1f} GiB are free. Make room, or set it to null: frozen layers then run in every epoch."
        )
    return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)


def _fill(
    out: np.ndarray, model: nn.Module, rows: Rows, task: Task, pad_id: int, batch_size: int, *, bf16: bool
) -> None:
    """Write the states of all tokens `(tokens, hidden)`, in the order of `rows.flat`."""
    encoder: Any = model.encoder
    where, training = next(model.parameters()).device, model.training
    model.eval()
    order = np.argsort(-rows.lengths, kind="stable")
    with torch.inference_mode(), torch.autocast(where.type, torch.bfloat16, enabled=bf16):
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size].tolist()
            batch = task.collate(rows.__getitems__(chosen), pad_id)
            states = read(encoder, **tensors({name: batch[name] for name in READ if name in batch}, where))
            found = states.float().cpu().numpy()
            for row, record in enumerate(chosen):
                begin, end = rows.offsets[record], rows.offsets[record + 1]
                out[begin:end] = found[row, : end - begin]
    model.train(training)
