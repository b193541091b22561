"""Several models that answer as one: the mean of their probabilities (Lakshminarayanan et al. 2017).

It exists for kinds of task whose outputs are one per record. Blended outputs are logits again, so that decoding, thresholds and
temperature work on them as on one model's, and an exported graph holds all members.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn
from torch.nn.functional import softplus

from stages.params.task import TaskParams

Blend = Callable[[torch.Tensor], torch.Tensor]
"""Members' outputs `(members, records, ...)` to those of all together `(records, ...)`."""


def blend_of(task: TaskParams) -> Blend | None:
    """How outputs of a kind are put together; None for kinds whose decisions are not made record by record."""
    if task.kind == "pair_regression" and task.regression.loss == "ordinal":
        return _sigmoids
    return BLENDS.get(task.kind)


class Ensemble(nn.Module):
    """Members called with the same batch, their probabilities averaged.

    Args:
        members: models of one kind.
        task: of all of them.

    Raises:
        ValueError: the kind has no blend; params refuse it earlier.
    """

    def __init__(self, members: Sequence[nn.Module], task: TaskParams) -> None:
        super().__init__()
        blend = blend_of(task)
        if blend is None:
            raise ValueError(f"models of {task.kind} cannot be averaged record by record")
        self.members = nn.ModuleList(members)
        self.blend = blend

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        head_position: torch.Tensor | None = None,
        tail_position: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Outputs `(records, ...)` of all together. Arguments are the members', each by its name: a graph is traced by them."""
        given = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "token_type_ids": token_type_ids,
            "head_position": head_position,
            "tail_position": tail_position,
        }
        batch = {name: values for name, values in given.items() if values is not None}
        return self.blend(torch.stack([one(**batch) for one in self.members]))


def _mean(logarithms: torch.Tensor) -> torch.Tensor:
    """The logarithm of the mean over members of what they give in logarithms."""
    return logarithms.logsumexp(0) - math.log(len(logarithms))


def _softmaxes(logits: torch.Tensor) -> torch.Tensor:
    """The logarithm of the mean of softmaxes: `(members, records, classes)` to `(records, classes)`."""
    return _mean(logits.log_softmax(-1))


def _sigmoids(logits: torch.Tensor) -> torch.Tensor:
    """Logits of the mean of sigmoids, by logarithms: a sigmoid near 1 has no logit in float32.

    The logarithm of a sigmoid is written as a softplus, since a graph's `LogSigmoid` takes the logarithm of what it rounded.
    """
    return _mean(-softplus(-logits)) - _mean(-softplus(logits))


def _numbers(scores: torch.Tensor) -> torch.Tensor:
    return scores.mean(0)


BLENDS: Mapping[str, Blend] = {
    "classification": _softmaxes,
    "pair_classification": _softmaxes,
    "relation": _softmaxes,
    "multilabel": _sigmoids,
    "pair_regression": _numbers,
}
"""How outputs of a kind are put together; `stages.params.task.BLENDED` names the same kinds."""
