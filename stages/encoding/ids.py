"""Texts to token ids in Arrow, truncated without losing the closing special tokens.

A text is encoded once in full, so that its true length is known; from the few that are too long the last tokens of the text are
taken out (`stages.encoding.truncation`), and `[SEP]` (or its like) stays at the end. The tokenizer is left as it is, since
threads may share it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer
from tokenizers.models import Unigram

from stages.encoding.truncation import kept

IDS = pa.list_(pa.int32())


@dataclass(frozen=True)
class Encoded:
    """Token ids of some texts.

    Attributes:
        ids: list of int32 per text, special tokens included, at most `max_length` each.
        lengths: tokens kept per text `(texts,)`.
        full_lengths: tokens per text before truncation `(texts,)`.
    """

    ids: pa.Array
    lengths: np.ndarray
    full_lengths: np.ndarray


def encode(tokenizer: Tokenizer, texts: Sequence[str], max_length: int) -> Encoded:
    """Encode texts, cutting those that are longer than `max_length` tokens.

    Args:
        tokenizer: with truncation and padding off, as `stages.encoding.tokenizer.load` returns it.
        texts: any Unicode without lone surrogates.
        max_length: in tokens, special tokens included.
    """
    encoded = tokenizer.encode_batch_fast(list(texts))
    rows = [np.array(row.ids, dtype=np.int32) for row in encoded]
    full = np.fromiter((len(row) for row in rows), dtype=np.int32, count=len(rows))
    for i in np.flatnonzero(full > max_length).tolist():
        rows[i] = rows[i][kept(encoded[i], max_length)]
    lengths = np.minimum(full, max_length)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    flat = np.concatenate(rows) if rows else np.empty(0, dtype=np.int32)
    return Encoded(pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat)).cast(IDS), lengths, full)


def lengths(tokenizer: Tokenizer, texts: Sequence[str]) -> np.ndarray:
    """Tokens per text `(texts,)`, special tokens included, before any truncation."""
    return np.fromiter((len(e) for e in tokenizer.encode_batch_fast(list(texts))), dtype=np.int32, count=len(texts))


def unknown_id(tokenizer: Tokenizer) -> int | None:
    """Id of the token that stands for what the vocabulary cannot spell; None where every byte can be spelt."""
    name = getattr(tokenizer.model, "unk_token", None)
    if name:
        return tokenizer.token_to_id(name)
    return _of_unigram(tokenizer) if isinstance(tokenizer.model, Unigram) else None


@lru_cache(maxsize=4)
def _of_unigram(tokenizer: Tokenizer) -> int | None:
    """The model's Python object does not tell (XLM-R, DeBERTa v3, T5); its JSON does, .2 s for 250,000 tokens."""
    found: int | None = json.loads(tokenizer.to_str())["model"].get("unk_id")
    return found
