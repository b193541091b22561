"""An encoder that reads quickly on a CPU for a while, by what training has: attention by length, in bf16 a layer as one node.

Readings of many texts, as the alignment report's, are most of what evaluate does. What is put into the encoder is taken out
again, since the same encoder then predicts in float32, is exported, or is saved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stages.training import attention, layers, stream

TOKENS = {"cpu": 4096}
"""Tokens of a batch, padding included, by device: what fits the caches of a processor's cores."""
MOST_TOKENS = 32_768
"""On other devices."""


@contextmanager
def reading(encoder: Any, *, bf16: bool) -> Iterator[None]:
    """Let an encoder read quickly within the context; one whose kind is not known reads as it is.

    Args:
        encoder: a transformers encoder on a CPU, without a gradient to come.
        bf16: whether it is called under autocast.
    """
    own = getattr(getattr(encoder, "config", None), "_attn_implementation", None)
    if not attention.install(encoder):
        yield
        return
    handle = stream.install(encoder) if bf16 else None
    if handle is not None:
        layers.install(encoder)
    try:
        yield
    finally:
        layers.uninstall(encoder)
        if handle is not None:
            handle.remove()
        encoder.set_attn_implementation(own)


def batches(descending: Any, tokens: int) -> Iterator[slice]:
    """Cut lengths that fall into batches of at most so many tokens, padding included; a longer text comes alone.

    Args:
        descending: lengths `(texts,)`, longest first.
        tokens: the budget.
    """
    start = 0
    while start < len(descending):
        size = max(1, tokens // max(1, int(descending[start])))
        yield slice(start, start + size)
        start += size
