"""What tasks on two texts share: encoding, padding, and what a user may ask with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stages.corpora.plain_text import Form, clean_text
from stages.corpora.values import whole
from stages.encoding import pairs
from stages.encoding.ragged import padded, token_batch
from stages.errors import DataError
from stages.tasks.protocol import Batch

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Texts = tuple[list[str], list[str]]


def texts_of(records: pa.Table) -> Texts:
    """First and second texts of records."""
    return records["text"].to_pylist(), records["text_b"].to_pylist()


def lengths(records: pa.Table, tokenizer: Tokenizer) -> np.ndarray:
    """Tokens of each pair before truncation `(records,)`."""
    return pairs.lengths(tokenizer, *texts_of(records))


def encode(records: pa.Table, tokenizer: Tokenizer, max_length: int) -> dict[str, Any]:
    """Columns id, input_ids, length, full_length and, where the tokenizer makes them, token_type_ids."""
    encoded = pairs.encode(tokenizer, *texts_of(records), max_length)
    columns = {
        "id": records["id"].combine_chunks() if records.num_rows else records["id"],
        "input_ids": encoded.ids,
        "length": pa.array(encoded.lengths, pa.int32()),
        "full_length": pa.array(encoded.full_lengths, pa.int32()),
    }
    return columns if encoded.types is None else {**columns, "token_type_ids": encoded.types}


def collate(rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
    """input_ids, attention_mask and, where rows have them, token_type_ids, all `(batch, length)`."""
    batch = token_batch(rows["input_ids"], pad_id)
    if "token_type_ids" in rows:
        batch["token_type_ids"] = padded(rows["token_type_ids"], 0)
    return batch


def records(inputs: Sequence[Any], normalize: Form | None) -> pa.Table:
    """Pairs as records, cleaned as prepare cleans them: `("one", "other")`, or `{"text": "one", "text_b": "other"}`.

    Args:
        inputs: pairs.
        normalize: Unicode form of the corpus.

    Raises:
        DataError: an input is neither.
    """
    found: list[tuple[str, str]] = []
    for one in inputs:
        parts = (one.get("text"), one.get("text_b")) if isinstance(one, Mapping) else one
        both = isinstance(parts, Sequence) and not isinstance(parts, str) and len(parts) == 2
        if not both or not all(isinstance(part, str) for part in parts):
            raise DataError(f"expected two texts each, such as ('one', 'other'), found {str(one)[:60]!r}")
        one_text, other_text = (clean_text(whole(part), normalize) for part in parts)
        found.append((one_text, other_text))
    return pa.table(
        {
            "id": pa.array([str(i) for i in range(len(found))], pa.string()),
            "text": pa.array([one for one, _ in found], pa.string()),
            "text_b": pa.array([other for _, other in found], pa.string()),
        }
    )
