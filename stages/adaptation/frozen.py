"""Some weights stay as they were: the whole base model, its lowest layers, or what a pattern names.

With `gradual`, training begins with the head alone and thaws one more layer from the top at a time (Howard & Ruder 2018):
the head has found its direction before the layers below begin to move. Weights that wait have no gradient, so that the
optimizer passes over them; they are in its groups from the start.

What the lowest layers give while they are frozen is computed once (see `stages.training.frozen`).
"""

from __future__ import annotations

import re

from torch import nn

from stages.adaptation.architectures import depth_of, kind_of, layers_of
from stages.adaptation.protocol import Method, encoder_of
from stages.errors import ModelError


class Frozen(Method):
    """Freezes by depth and by name, and thaws by epoch."""

    name = "frozen"

    def apply(self, model: nn.Module, max_length: int) -> nn.Module:
        """Freeze what never learns; see `Method.apply`."""
        settings = self.params.frozen
        model.requires_grad_(requires_grad=True)
        encoder = encoder_of(model)
        self.encoder = encoder
        self.root, layers = layers_of(encoder)
        self.count = len(layers)
        if settings.layers != "all" and settings.layers > self.count:
            raise ModelError(
                f"adaptation.frozen.layers: {settings.layers}, and {type(encoder).__name__} has {self.count} layers. "
                f"Give a number up to {self.count}, or all."
            )
        matched = dict.fromkeys(settings.patterns, 0)
        for name, parameter in encoder.named_parameters():
            hits = [pattern for pattern in settings.patterns if re.search(pattern, name)]
            for pattern in hits:
                matched[pattern] += 1
            low = settings.layers == "all" or (settings.layers > 0 and self._depth(name) < settings.layers)
            parameter.requires_grad_(requires_grad=not (low or hits))
        unmatched = [pattern for pattern, count in matched.items() if not count]
        if unmatched:
            raise ModelError(
                f"adaptation.frozen.patterns: no weight of {type(encoder).__name__} is matched by {', '.join(unmatched)}. "
                f"Names look like {', '.join(name for name, _ in list(encoder.named_parameters())[:3])}."
            )
        self.learns = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
        if not self.learns and settings.layers != "all":
            raise ModelError(
                f"adaptation.frozen: nothing of {type(encoder).__name__} is left to learn but the head. "
                "If that is meant, set layers: all, gradual: null and no patterns; else freeze less."
            )
        return model

    @property
    def thawed_after(self) -> int:
        """Epochs after which everything learns that may; 0 where nothing waits."""
        every = self.params.frozen.gradual
        return (
            0 if every is None else every * max((self.count - self._thawing(name) for name in self.learns), default=0)
        )

    def begin_epoch(self, epoch: int) -> None:
        """Thaw by epoch; see `Method.begin_epoch`."""
        every = self.params.frozen.gradual
        if every is None:
            return
        lowest = self.count - epoch // every
        for name, parameter in self.encoder.named_parameters():
            if name in self.learns:
                parameter.requires_grad_(requires_grad=self._thawing(name) >= lowest)

    def complete(self) -> bool:
        """Whether nothing waits to be thawed; see `Method.complete`."""
        return all(one.requires_grad for name, one in self.encoder.named_parameters() if name in self.learns)

    def _thawing(self, name: str) -> int:
        """The layer that a weight thaws with: what comes behind the last one thaws with it."""
        return min(self._depth(name), self.count - 1)

    def _depth(self, name: str) -> int:
        return depth_of(name, self.root, self.count, kind_of(self.encoder))
