"""Feature replay: features of general text stay where the base model had them (after Li & Hoiem 2016).

Beside each batch some general texts are read, and the squared distance of their features to the base model's, relative to the
length of those, is added to the loss:

    term = weight · Σ ‖f(x) - f0(x)‖² / Σ ‖f0(x)‖²

Both models read without dropout: with it the distance would begin above zero, and pull the model to where dropout changes
less. The base model reads all the texts once, before training; its features are kept in memory (pooled: 1.5 KB a text at a
width of 384, token: as much per token). It distils the very feature that sentence-level readings of retention use: judge it
by other layers and by token-level probes too, and on text that it has not seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from stages.encoding.ragged import token_batch
from stages.params.objectives import Replay as Settings
from stages.tasks.pooled_classifier import pool
from stages.training.batching import Rows
from stages.training.objectives.protocol import Objective, Reading, generator, whole

SALT = 4
BATCH = 64


class Replay(Objective):
    """Adds the distance on a few texts.

    Args:
        settings: the group `objectives.replay`.
        rows: general texts.
        pooling: how states become one vector.
        pad_id: token id of padding.
        seed: of the draw.
        bf16: read under autocast, as the task's texts are.
    """

    name = "replay"
    reads_train_alone = False

    def __init__(
        self, settings: Settings, rows: Rows, pooling: str, pad_id: int, seed: int, *, bf16: bool = False
    ) -> None:
        self.settings, self.rows, self.pooling, self.pad_id, self.seed = settings, rows, pooling, pad_id, seed
        self.bf16 = bf16
        order = np.random.default_rng(seed).permutation(len(rows))
        self.used: np.ndarray = np.sort(order[: settings.limit])
        self.targets: list[torch.Tensor] = []

    def prepare(self, model: nn.Module) -> None:
        """Let the base model read all texts."""
        task = whole(model)
        where = next(task.parameters()).device
        self.targets = [torch.empty(0)] * len(self.rows)
        order = self.used[np.argsort(-self.rows.lengths[self.used], kind="stable")]
        with torch.no_grad():
            for start in range(0, len(order), BATCH):
                chosen = order[start : start + BATCH]
                found, mask = self._features(task.encoder, chosen, where)
                for i, row in enumerate(chosen):
                    # Token states are kept without padding.
                    kept = found[i] if self.settings.level == "pooled" else found[i][mask[i].bool()]
                    self.targets[row] = kept.cpu().clone()

    def term(self, reading: Reading) -> torch.Tensor:
        """See `Objective.term`."""
        source = generator(self.seed, reading.step, reading.part, SALT)
        chosen = self.used[torch.randperm(len(self.used), generator=source)[: self.settings.texts].numpy()]
        where = reading.loss.device
        found, mask = self._features(whole(reading.model).encoder, chosen, where)
        if self.settings.level == "token":
            found = found[mask.bool()]
            target = torch.cat([self.targets[row] for row in chosen]).to(where)
        else:
            target = torch.stack([self.targets[row] for row in chosen]).to(where)
        return self.settings.weight * distance(found, target)

    def _features(self, encoder: Any, chosen: np.ndarray, where: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Features `(texts, hidden)` or states `(texts, length, hidden)`, and the mask `(texts, length)`."""
        batch = token_batch(self.rows.__getitems__(chosen.tolist())["input_ids"], self.pad_id)
        ids, mask = (torch.from_numpy(batch[name]).to(where) for name in ("input_ids", "attention_mask"))
        training = encoder.training
        encoder.eval()
        with torch.autocast(where.type, torch.bfloat16, enabled=self.bf16):
            states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        encoder.train(training)
        return (pool(states, mask, self.pooling) if self.settings.level == "pooled" else states), mask


def distance(found: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Squared distance relative to the targets' length, both `(vectors, hidden)`."""
    return ((found - target) ** 2).sum() / (target**2).sum().clamp(min=1e-12)
