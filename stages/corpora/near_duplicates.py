"""Nearly the same text: found by MinHash, confirmed by counting.

Texts are compared by their sets of 5-character shingles (of normal forms). MinHash (Broder 1997) with banding
(Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, section 3.4) proposes pairs, and each is checked by its
exact Jaccard similarity, so none is reported wrongly. Bands and rows follow the threshold: of the pairs exactly at
it, about one in a hundred is missed. Cost on one core: about 20 s and 100 MB for a million texts of 60 characters,
plus the checks where many texts are alike.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.corpora.duplicates import normal_form
from stages.corpora.hashing import scramble

SHINGLE = 5
MISSED = 0.01
"""Share of pairs exactly at the threshold that may be missed."""
CHUNK = 2_000
"""Texts whose signatures are computed together (their shingles stay in the processor's cache); fewer where they are long."""
CHARACTERS = 1_000_000
"""Most characters of such texts (50 bytes each); one text may have more."""
LEADERS = 4
"""Each member of a bucket is compared with so many of its first ones: boilerplate makes huge buckets."""
COMPARISONS = 2_000_000
"""Pairs of a split that are compared at most, which takes half a minute; a corpus made of templates has far more."""
REMEMBERED = 4_096
"""Shingle sets that are kept for the next comparison; fewer where texts are long."""
log = logging.getLogger(__name__)


def near_repeats(texts: pa.ChunkedArray, labels: np.ndarray, threshold: float) -> np.ndarray:
    """Whether an earlier record of the same label is nearly the same text `(records,)`.

    Args:
        texts: strings `(records,)`.
        labels: ids `(records,)`.
        threshold: Jaccard similarity of shingles from which on texts are nearly the same, in [0.5, 1].
    """
    bands, rows = banding(threshold)
    lengths = pc.fill_null(pc.utf8_length(texts), 0).to_numpy()
    keys = _band_keys(texts, labels, _parts(lengths), bands, rows)
    usual = np.percentile(lengths, 95) if len(lengths) else 0
    remembered = int(min(REMEMBERED, max(2 * LEADERS, CHARACTERS // max(1, usual))))
    result = np.zeros(len(texts), dtype=bool)

    @functools.lru_cache(remembered)
    def shingles(i: int) -> set[str]:
        return shingle_set(normal_form(texts[i].as_py()))

    budget = COMPARISONS
    for later, earlier in _candidates(keys):
        unmarked = np.flatnonzero(~result[later])[:budget]
        budget -= len(unmarked)
        for i, j in zip(earlier[unmarked].tolist(), later[unmarked].tolist(), strict=True):
            result[j] = jaccard(shingles(i), shingles(j)) >= threshold
        if budget == 0:
            log.info(
                "near duplicates: more than %s pairs of texts are alike; the rest is not compared", f"{COMPARISONS:,}"
            )
            break
    return result


def banding(threshold: float) -> tuple[int, int]:
    """Number of bands, and of rows in each, that miss a share of `MISSED` of the pairs at the threshold.

    A pair of similarity s meets in some band with probability 1 - (1 - s^rows)^bands.
    """
    rows = max(3, math.floor(10 * threshold + 1e-9) - 2)
    meets = threshold**rows
    return (1 if meets == 1 else math.ceil(math.log(MISSED) / math.log(1 - meets))), rows


def shingle_set(form: str) -> set[str]:
    """The 5-character pieces of a text; a shorter text is its own piece."""
    return {form[i : i + SHINGLE] for i in range(max(len(form) - SHINGLE + 1, 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    """Size of the intersection over size of the union, in [0, 1]."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def _candidates(keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs that agree in some band, each once: arrays of later records, each at most once, and of earlier ones.

    Args:
        keys: `(records, bands)`.
    """
    # Place of each record in its bucket of each band, as far as it matters for who leads.
    places = np.full(keys.shape, LEADERS, dtype=np.uint8)
    for band, key in enumerate(keys.T):
        order = np.argsort(key, kind="stable")
        begins = np.flatnonzero(np.concatenate([[True], key[order][1:] != key[order][:-1]]))
        start = np.repeat(begins, np.diff(np.append(begins, len(order))))
        place = np.arange(len(order)) - start
        places[order, band] = np.minimum(place, LEADERS)
        for leader in range(min(LEADERS, int(place.max(initial=0)))):
            members = np.flatnonzero(place > leader)
            later, earlier = order[members], order[start[members] + leader]
            new = np.ones(len(members), dtype=bool)
            for before in range(band):
                met = (keys[later, before] == keys[earlier, before]) & (places[earlier, before] < LEADERS)
                new &= ~met
            yield later[new], earlier[new]


def _parts(lengths: np.ndarray) -> Iterator[slice]:
    """Consecutive texts whose signatures are computed together, for texts of so many characters `(records,)`."""
    ends, begin = np.cumsum(lengths), 0
    while begin < len(lengths):
        before = int(ends[begin - 1]) if begin else 0
        fitting = int(np.searchsorted(ends, before + CHARACTERS, side="right"))
        end = min(max(fitting, begin + 1), begin + CHUNK)
        yield slice(begin, end)
        begin = end


def _band_keys(texts: pa.ChunkedArray, labels: np.ndarray, parts: Iterable[slice], bands: int, rows: int) -> np.ndarray:
    """Keys `(records, bands)`, uint64: equal where label and all MinHashes of the band are."""
    result = np.empty((len(texts), bands), dtype=np.uint64)
    for part in parts:
        signatures = _signatures(map(normal_form, texts[part].to_pylist()), bands * rows)
        for band in range(bands):
            key = scramble(labels[part].astype(np.uint64))
            for column in signatures[:, band * rows : (band + 1) * rows].T:
                key = scramble(key ^ column)
            result[part, band] = key
    return result


def _signatures(forms: Iterable[str], hashes: int) -> np.ndarray:
    """MinHash signatures `(texts, hashes)`, uint64."""
    hashed, begins = _hashed_shingles([form.ljust(SHINGLE, "\0") for form in forms])
    salts = scramble(np.arange(1, 2 * hashes + 1, dtype=np.uint64)).reshape(hashes, 2)
    result = np.empty((len(begins), hashes), dtype=np.uint64)
    for k, (factor, offset) in enumerate(salts):
        # Multiply and add on values that are spread already: the order of the results is as good as random.
        result[:, k] = np.minimum.reduceat(hashed * (factor | np.uint64(1)) + offset, begins)
    return result


def _hashed_shingles(forms: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all shingles of all texts, end to end, and where each text's begin; each form has `SHINGLE` or more."""
    codes = np.frombuffer("".join(forms).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    lengths = np.fromiter((len(form) for form in forms), dtype=np.int64, count=len(forms))
    counts = lengths - SHINGLE + 1
    begins = np.cumsum(counts) - counts
    # Each text's shingles begin where the text does; the last four places, which run into the next text, are left out.
    places = np.arange(counts.sum()) + np.repeat(np.cumsum(lengths) - lengths - begins, counts)
    hashed = np.zeros(len(places), dtype=np.uint64)
    for k in range(SHINGLE):
        hashed = hashed * np.uint64(0x100000001B3) + codes[places + k]
    return scramble(hashed), begins
