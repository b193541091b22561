"""Training without the embedding rows that no token of the corpus uses.

A vocabulary has 30,000 rows or more; a corpus of short texts uses a few thousand of them. The others never get a gradient,
but the optimizer visits each of them at every step, and its two moments double them in memory. So the table is cut to the
rows in use before training, ids are renumbered, and afterwards the learned rows are written back into the full table.

The result is that of the full table: rows without a gradient, a moment or a decay (see `stages.training.optimizer`) do not
move. Only the global norm of the gradient may differ in its last bit, since zeros change the order of its sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from stages.adaptation.architectures import PARTS, kind_of
from stages.training.batching import Rows


@dataclass(frozen=True)
class Compaction:
    """What is needed to go back.

    Attributes:
        used: ids that were kept, ascending; a token's new id is its place among them `(kept,)`.
        table: the full table as it was `(vocabulary, hidden)`.
        pad_id: padding's new id.
    """

    used: np.ndarray
    table: nn.Embedding
    pad_id: int

    def renumbered(self, rows: Rows) -> Rows:
        """Rows with new ids.

        Raises:
            ValueError: they hold an id that was not kept.
        """
        flat = np.searchsorted(self.used, rows.flat)
        if len(rows.flat) and not np.array_equal(self.used[np.minimum(flat, len(self.used) - 1)], rows.flat):
            raise ValueError("rows hold ids that the compacted table lacks")
        return replace(rows, flat=flat.astype(rows.flat.dtype))

    def restore(self, encoder: nn.Module) -> None:
        """Give an encoder its full table back, with the rows that were learned."""
        grown: Any = encoder
        with torch.no_grad():
            learned = grown.get_input_embeddings().weight
            full = self.table.weight.to(learned.device)
            full[torch.from_numpy(self.used).to(full.device)] = learned.to(full.dtype)
            self.table.weight = nn.Parameter(full, requires_grad=learned.requires_grad)
        grown.set_input_embeddings(self.table)


def compact(encoder: nn.Module, parts: Sequence[Rows], pad_id: int) -> Compaction | None:
    """Cut an encoder's word embeddings to the rows that some records use, in place.

    Where an encoder counts positions by padding's id (RoBERTa's kind), or may do so, all ids up to it stay, and it with them.

    Args:
        encoder: a transformers encoder.
        parts: everything that it will read.
        pad_id: token id of padding.

    Returns:
        The way back; None where nothing can be cut: no plain table, or every row is in use.
    """
    cut: Any = encoder
    table = cut.get_input_embeddings()
    if type(table) is not nn.Embedding or table.max_norm is not None or table.scale_grad_by_freq or _tied(cut, table):
        return None
    least = 0 if _knows_places(encoder) else pad_id
    used = np.unique(np.concatenate([np.arange(least), [pad_id], *(np.unique(part.flat) for part in parts)]))
    if len(used) >= table.num_embeddings:
        return None
    kept = table.weight.detach()[torch.from_numpy(used).to(table.weight.device)]
    unmoved = None if table.padding_idx is None else int(np.searchsorted(used, table.padding_idx))
    if unmoved is not None and used[min(unmoved, len(used) - 1)] != table.padding_idx:
        unmoved = None  # the row that never learns is in no text
    small = nn.Embedding(len(used), table.embedding_dim, padding_idx=unmoved, _weight=kept)
    small.weight.requires_grad_(table.weight.requires_grad)
    cut.set_input_embeddings(small)
    return Compaction(used, table, int(np.searchsorted(used, pad_id)))


def _knows_places(encoder: nn.Module) -> bool:
    """Whether an encoder is known to take positions from places alone, and not from ids."""
    parts = PARTS.get(kind_of(encoder))
    return parts is not None and not parts.counts_from_padding


def _tied(encoder: nn.Module, table: nn.Embedding) -> bool:
    """Whether some other module shares the table's weights."""
    owners = [module for module in encoder.modules() if any(one is table.weight for one in module._parameters.values())]
    return len(owners) > 1
