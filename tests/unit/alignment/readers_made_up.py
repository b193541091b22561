"""Readers without a network: vectors from word counts, with as much noise as a test asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.alignment.readers import Reader, States
from stages.encoding.lengths import words_in

WIDTH = 48


class MadeUp(Reader):
    """A reader that knows words by their digest and forgets a share of what it knows."""

    def __init__(self, forgets: float = 0.0, seed: int = 0) -> None:
        nothing: Any = None
        super().__init__(nothing, nothing, "mean", 32, 0)
        object.__setattr__(self, "forgets", forgets)
        object.__setattr__(self, "seed", seed)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self._vector(text) for text in texts]).astype(np.float32)

    def layers(self, texts: Sequence[str]) -> np.ndarray:
        return self.states(texts).layers

    def states(self, texts: Sequence[str]) -> States:
        last = self.vectors(texts)
        first = np.random.default_rng(1).normal(size=last.shape).astype(np.float32)
        return States(np.stack([first, last]), {"mean": last, "cls": first, "max": first})

    def word_vectors(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        return self.vectors([word for sentence in sentences for word in sentence])

    def _vector(self, text: str) -> np.ndarray:
        forgets: float = getattr(self, "forgets")  # noqa: B009 - set past the frozen dataclass
        known = np.sum([_of(one[0]) for one in words_in(text.lower())] or [np.zeros(WIDTH)], axis=0)
        noise = _of(f"{getattr(self, 'seed')}:{text}")  # noqa: B009
        length = np.linalg.norm(known) or 1.0
        return (1 - forgets) * known / length + (forgets + 1e-3) * noise / np.linalg.norm(noise)


def _of(word: str) -> np.ndarray:
    digest = hashlib.sha256(word.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big")).normal(size=WIDTH)
