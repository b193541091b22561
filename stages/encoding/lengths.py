"""What tokenizing did to the texts: how long they became, what truncation cut, how finely words were broken.

Sub-words per word (fertility) compares a corpus with what the base model's vocabulary was made for: English news gives
about 1.1 to 1.3 with a BERT vocabulary, a foreign domain or language much more (Rust et al. 2021, "How Good is Your
Tokenizer?"). Words are runs of letters and digits with their marks; in scripts without spaces each character counts as a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from stages.corpora.scripts import WITHOUT_BLANKS
from stages.corpora.words import marks


def words_in(text: str) -> list[re.Match[str]]:
    """A text's words, punctuation left out; each character of a script without blanks is one."""
    return list(_pattern().finditer(text))


def words(text: str) -> int:
    """Number of words in a text."""
    return len(words_in(text))


@cache
def _pattern() -> re.Pattern[str]:
    """As `stages.corpora.words` cuts, but for symbols: a mark without a letter before it is no word."""
    letter = f"(?![{WITHOUT_BLANKS}])[^\\W_]"
    return re.compile(f"[{WITHOUT_BLANKS}][{marks()}]*|(?:{letter}[{marks()}\u200c\u200d]*)+")


def automatic(lengths: np.ndarray, percentile: float, longest: int) -> int:
    """The sequence length that covers a percentile of the corpus, capped by the model and never below 8.

    Args:
        lengths: tokens per record `(records,)`, special tokens included.
        percentile: in percent; the value is an observed length (no interpolation).
        longest: what the model can read.
    """
    if len(lengths) == 0:
        return min(8, longest)
    covering = int(np.percentile(lengths, percentile, method="higher"))
    return min(max(covering, 8), longest)


@dataclass
class Counts:
    """Running totals over the batches of a split: words of the texts, their tokens, and among the rows' ids unknown ones."""

    words: int = 0
    pieces: int = 0
    ids: int = 0
    unknown: int = 0

    def add(self, texts: Iterable[str], pieces: int, ids: pa.ChunkedArray, unknown_id: int | None) -> None:
        """Count one batch's texts, how many tokens they are, and the ids of its rows (lists of int32)."""
        self.words += sum(words(text) for text in texts)
        self.pieces += pieces
        flat = ids.combine_chunks().flatten().to_numpy()
        self.ids += len(flat)
        if unknown_id is not None:
            self.unknown += int((flat == unknown_id).sum())


def describe(full: np.ndarray, max_length: int, counts: Counts, special: int) -> dict[str, Any]:
    """The numbers that tokenize reports for a split.

    Args:
        full: tokens per row before truncation `(rows,)`; a record has several rows where it is read in windows.
        max_length: where they were cut.
        counts: of the split.
        special: special tokens that are added to each row.
    """
    count = len(full)
    kept = counts.ids - special * count
    cut = full > max_length
    return {
        "records": count,
        "tokens": int(full.sum()),
        "length_mean": _rounded(full.mean()) if count else 0.0,
        "length_median": _rounded(np.median(full)) if count else 0.0,
        "length_p95": int(np.percentile(full, 95, method="higher")) if count else 0,
        "length_max": int(full.max()) if count else 0,
        "truncated_records": int(cut.sum()),
        "truncated_share": _rounded(cut.mean()) if count else 0.0,
        "tokens_lost": int((full[cut] - max_length).sum()),
        "subwords_per_word": _rounded(counts.pieces / counts.words) if counts.words else 0.0,
        "unknown_tokens": counts.unknown,
        "unknown_share": _rounded(counts.unknown / kept) if kept else 0.0,
    }


def _rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)
