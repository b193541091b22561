"""Chance that depends on a text and a seed, and on nothing that happened before.

Only `random.Random.random` is used, whose numbers Python keeps from version to version; its own `choice` and `sample` may
change.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of decisions.

    Args:
        parts: what it is seeded with, such as seed, purpose and text.
    """

    def __init__(self, *parts: object) -> None:
        digest = hashlib.blake2b("\x00".join(map(str, parts)).encode(), digest_size=8).digest()
        self._random = random.Random(int.from_bytes(digest, "big")).random

    def one(self, options: Sequence[T]) -> T:
        """One of several, at least one."""
        return options[int(self._random() * len(options))]

    def some(self, options: Sequence[T], count: int) -> list[T]:
        """So many of them (all, if there are fewer), in their order."""
        drawn = [self._random() for _ in options]
        return [options[i] for i in sorted(sorted(range(len(options)), key=drawn.__getitem__)[:count])]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All of them in another order."""
        drawn = [self._random() for _ in options]
        return [options[i] for i in sorted(range(len(options)), key=drawn.__getitem__)]


def share(rate: float, of: int) -> int:
    """How many are a share of so many: at least one."""
    return max(1, round(rate * of))
