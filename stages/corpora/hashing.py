"""Numbers that stand for texts, the same on every machine and in every version of Python and NumPy.

Python's own `hash` changes from process to process, and NumPy promises no stable stream of random numbers between
versions; what decides over duplicates and splits must not move when a library is updated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def digests(texts: Iterable[str]) -> np.ndarray:
    """64-bit BLAKE2b digests `(texts,)`, uint64.

    Among a million different texts, two meet by chance once in 37 million such corpora.
    """
    parts = (hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(parts), dtype="<u8").astype(np.uint64)


def scramble(values: np.ndarray) -> np.ndarray:
    """Spread the bits of uint64 values (SplitMix64: Steele, Lea & Flood 2014, figure 16); a bijection."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def lots(keys: np.ndarray, seed: int) -> np.ndarray:
    """A pseudo-random number for each key `(keys,)`, uint64; equal keys get equal numbers."""
    salt = scramble(np.array([seed], dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    return scramble(keys ^ salt)
