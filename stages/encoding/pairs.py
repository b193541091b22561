"""Two texts in one sequence, joined by the tokenizer's own template: `[CLS] one [SEP] other [SEP]` for a BERT.

A pair that is too long loses tokens of whichever text is longer at that moment (`longest_first`), so that a short question
survives beside a long passage. Token types, which say what text a token is of, are kept where the template makes any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from stages.encoding.truncation import kept

IDS, TYPES = pa.list_(pa.int32()), pa.list_(pa.int8())


@dataclass(frozen=True)
class EncodedPairs:
    """Token ids of some pairs.

    Attributes:
        ids: list of int32 per pair, special tokens included.
        types: list of int8 per pair, as long as its ids; None where the tokenizer tells texts apart by separators alone.
        lengths: tokens kept per pair `(pairs,)`.
        full_lengths: tokens per pair before truncation `(pairs,)`.
    """

    ids: pa.Array
    types: pa.Array | None
    lengths: np.ndarray
    full_lengths: np.ndarray


def encode(tokenizer: Tokenizer, one: Sequence[str], other: Sequence[str], max_length: int) -> EncodedPairs:
    """Encode pairs, cutting those that are longer than `max_length` tokens.

    Args:
        tokenizer: with truncation and padding off; threads may share it.
        one: first texts.
        other: second texts, as many.
        max_length: in tokens, special tokens included.
    """
    encoded = tokenizer.encode_batch_fast(list(zip(one, other, strict=True)))
    full = np.fromiter((len(row) for row in encoded), dtype=np.int32, count=len(encoded))
    chosen = {i: kept(encoded[i], max_length) for i in np.flatnonzero(full > max_length).tolist()}

    def column(values: Iterator[list[int]], kind: pa.DataType) -> pa.Array:
        return pa.array([np.array(v)[chosen[i]] if i in chosen else v for i, v in enumerate(values)], kind)

    ids = column((row.ids for row in encoded), IDS)
    types = column((row.type_ids for row in encoded), TYPES) if makes_types(tokenizer) else None
    return EncodedPairs(ids, types, np.minimum(full, max_length), full)


def lengths(tokenizer: Tokenizer, one: Sequence[str], other: Sequence[str]) -> np.ndarray:
    """Tokens per pair `(pairs,)`, special tokens included, before any truncation."""
    encoded = tokenizer.encode_batch_fast(list(zip(one, other, strict=True)))
    return np.fromiter((len(row.ids) for row in encoded), dtype=np.int32, count=len(encoded))


def makes_types(tokenizer: Tokenizer) -> bool:
    """Whether the template gives the second text a type of its own."""
    return any(tokenizer.encode("a", "b").type_ids)
