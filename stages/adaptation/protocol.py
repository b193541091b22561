"""What a method of adaptation has to define: which weights learn, what happens while they do, and what is saved.

Whatever a method inserts hangs on the base model's own modules by hooks or in their places, never around the encoder: its
class, its config and its word embeddings stay reachable as before, which is what compaction, head start, readers of hidden
states and the ONNX export rely on. Inserted modules that cannot be merged are children named `adapter`, so that a weight's
name says whether it is the base model's (see docs/decisions/0007-adapters-that-stay.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from stages.params.adaptation import AdaptationParams

INSERTED = "adapter"
"""Name of every inserted child module."""
UNDECAYED = ("ia3_l", "lora_magnitude_vector", f"{INSERTED}.source")
"""Parts of the names of inserted weights that decay towards zero would harm: factors around 1, lengths, and embeddings."""


class Method:
    """One way to adapt a base model; an instance serves one run. The hooks of this class do nothing.

    `apply` is called once, on a model with its head already on, before an optimizer sees it; `merge` once, after the best
    weights were restored. Hooks in between are called by the trainer.

    Attributes:
        name: as params call it.
        merges: whether `merge` gives the base architecture back. If not, the release holds the inserted tensors in a file
            of their own, and `rebuild` puts them in again.
        params: the `adaptation` section.
    """

    name: ClassVar[str]
    merges: ClassVar[bool] = True

    def __init__(self, params: AdaptationParams) -> None:
        self.params = params

    def apply(self, model: nn.Module, max_length: int) -> nn.Module:
        """Freeze, insert or replace, in place; returns the model to train.

        Args:
            model: with attributes `encoder` and `head`; all its weights learn until the method says otherwise.
            max_length: longest text in tokens.

        Raises:
            ModelError: the base model's architecture does not allow the method.
        """
        raise NotImplementedError

    def merge(self, model: nn.Module) -> nn.Module:
        """Fold what was learned into the base architecture's weights, where that exists."""
        return model

    def adapter(self, model: nn.Module) -> dict[str, torch.Tensor]:
        """The few tensors that were learned, head excepted, by name; empty where they are not few. Called before `merge`."""
        return {}

    def rebuild(self, encoder: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
        """Insert what `adapter` returned into a freshly loaded encoder; only for methods that do not merge."""
        raise NotImplementedError

    def begin(self, steps: int) -> None:
        """Told before the first step of a run, resumed or not, how many optimizer steps it has in all."""

    def begin_epoch(self, epoch: int) -> None:
        """Told at the beginning of each pass over train, 0 for the first."""

    def after_step(self, step: int) -> None:
        """Called when the optimizer has moved and gradients are still there; `step` counts from 1."""

    def penalty(self) -> torch.Tensor | None:
        """A term that the method adds to the loss of each batch."""
        return None

    def settled(self, step: int) -> bool:
        """Whether the model after `step` may be the one that is released."""
        return True

    def complete(self) -> bool:
        """Whether all that is going to learn learns by now; patience does not wait before."""
        return True

    def state(self) -> dict[str, torch.Tensor]:
        """What a checkpoint has to hold besides the model's weights."""
        return {}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take up what `state` returned; called after `begin`."""


def encoder_of(model: nn.Module) -> Any:
    """The encoder of a task's model."""
    encoder: Any = model.encoder
    return encoder


def freeze(encoder: nn.Module) -> None:
    """No weight of the encoder learns."""
    encoder.requires_grad_(requires_grad=False)


def is_inserted(name: str) -> bool:
    """Whether a weight's name is that of an inserted module."""
    return INSERTED in name.split(".")


def inserted(encoder: nn.Module) -> dict[str, torch.Tensor]:
    """The inserted tensors of an encoder, by name."""
    return {name: value for name, value in encoder.state_dict().items() if is_inserted(name)}
