"""What a method of adaptation has to define: which weights learn, and what is saved in the end."""

from __future__ import annotations

from typing import Protocol

from torch import nn


class Method(Protocol):
    """One way to adapt a base model.

    `apply` is called once, on a model with its head already on, before an optimizer sees it. `merge` is called once
    after the best weights were restored and returns the model in the base architecture's own shape, which is what
    finetune saves and everything later reads.
    """

    name: str

    def apply(self, model: nn.Module) -> nn.Module:
        """Freeze, insert or wrap, in place or around; returns the model to train."""

    def merge(self, model: nn.Module) -> nn.Module:
        """Undo what `apply` inserted, folding what was learned into the base architecture's weights."""
