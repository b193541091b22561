"""Elastic weight consolidation: weights that general text depends on are held back more (Kirkpatrick et al. 2017).

    term = weight / 2 · Σ_i F_i (θ_i - θ0_i)²

F is the diagonal of the Fisher information at the base model. A sentence encoder states no likelihood, so its pooled feature is
taken as the mean of a Gaussian with unit variance: then F_i = E_x Σ_k (∂f_k(x)/∂θ_i)², the mean squared change of the feature
with the weight. It is estimated with one random direction ε of independent signs per text, since E_ε (ε·∂f/∂θ_i)² is that sum.
Costs one backward pass per text before training, and two copies of the weights.
"""

from __future__ import annotations

import torch
from torch import nn

from stages.encoding.ragged import token_batch
from stages.params.objectives import Ewc as Settings
from stages.tasks.pooled_classifier import pool
from stages.training.batching import Rows
from stages.training.objectives.protocol import Objective, Reading, base_weights, generator, whole

SALT = 5


class Ewc(Objective):
    """Adds the penalty.

    Args:
        settings: the group `objectives.ewc`.
        rows: general texts.
        pooling: how states become one vector.
        pad_id: token id of padding.
        seed: of sample and directions.
    """

    name = "ewc"
    reads_train_alone = False

    def __init__(self, settings: Settings, rows: Rows, pooling: str, pad_id: int, seed: int) -> None:
        self.settings, self.rows, self.pooling, self.pad_id, self.seed = settings, rows, pooling, pad_id, seed

    def prepare(self, model: nn.Module) -> None:
        """Measure the information, and keep the beginning."""
        task, weights = whole(model), base_weights(model)
        where = next(task.parameters()).device
        self.fisher = {name: torch.zeros_like(one) for name, one in weights.items()}
        self.start = {name: one.detach().clone() for name, one in weights.items()}
        source = generator(self.seed, 0, 0, SALT)
        chosen = torch.randperm(len(self.rows), generator=source)[: self.settings.texts].tolist()
        training = task.training
        task.eval()
        for row in chosen:
            batch = token_batch(self.rows.__getitems__([row])["input_ids"], self.pad_id)
            ids, mask = (torch.from_numpy(batch[name]).to(where) for name in ("input_ids", "attention_mask"))
            feature = pool(task.encoder(input_ids=ids, attention_mask=mask).last_hidden_state, mask, self.pooling)[0]
            signs = torch.randint(0, 2, feature.shape, generator=source).to(where) * 2.0 - 1.0
            gradients = torch.autograd.grad((signs * feature).sum(), list(weights.values()), allow_unused=True)
            for name, gradient in zip(weights, gradients, strict=True):
                if gradient is not None:
                    self.fisher[name] += gradient**2 / len(chosen)
        task.train(training)

    def term(self, reading: Reading) -> torch.Tensor:
        """See `Objective.term`."""
        weights = dict(whole(reading.model).encoder.named_parameters())
        parts = [
            (information * (weights[name] - self.start[name]) ** 2).sum() for name, information in self.fisher.items()
        ]
        return 0.5 * self.settings.weight * torch.stack(parts).sum()
