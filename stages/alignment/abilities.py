"""Abilities that a reference text asks of a model: small tests whose answers come from the text itself or its labels.

Two kinds. *Access* takes vectors as they are: what somebody who uses the model meets. *Information* refits a linear
probe: what is still there, whether or not it can be reached directly. Tuning often costs the first and keeps the second, so
both are read.

The tests on plain text follow SentEval's probing tasks (Conneau et al. 2018): length, word content, order of words.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stages.alignment.readers import Reader
from stages.encoding.lengths import words_in
from stages.metrics import linear

SHOTS = 5
NEIGHBOURS = 10
FOLDS = 5
DRAWS = 20
LENGTH_BINS = 5
CONTENT_WORDS = 12
BLOCK = 256
"""Records that are left out at once."""
FEWEST = 100
"""Records below which a test is left out: its interval would say nothing."""


@dataclass(frozen=True)
class Ability:
    """One test of a reader.

    Attributes:
        name: of the text and of the test.
        right: a reader's credit on each record `(records,)`; its mean is the ability, 1 at best.
        records: how many there are.
        access: whether vectors are taken as they are; else a probe is refitted.
        layers: share that a refitted probe gets right on each layer `(layers + 1,)`; None for access.
    """

    name: str
    right: Callable[[Reader], np.ndarray]
    records: int
    access: bool = True
    layers: Callable[[Reader], list[float]] | None = None


def of_text(name: str, sentences: Sequence[str], seed: int) -> list[Ability]:
    """Tests that any running text allows.

    Args:
        name: of the text.
        sentences: one per entry.
        seed: of swaps and folds.
    """
    made: list[Ability] = []
    halves = [half for half in map(_halves, sentences) if half is not None]
    if len(halves) >= FEWEST:
        made.append(Ability(f"{name}: which halves belong together", lambda r: _matched(r, halves), len(halves)))
    counts = np.array([len(pieces(sentence)) for sentence in sentences])
    edges = np.unique(np.quantile(counts, np.linspace(0, 1, LENGTH_BINS + 1)[1:-1]))
    made.append(_refitted(f"{name}: sentence length", list(sentences), np.searchsorted(edges, counts), seed))
    texts, labels = _content(sentences)
    made.append(_refitted(f"{name}: word content", texts, labels, seed))
    texts, labels = _shifted(sentences, seed)
    made.append(_refitted(f"{name}: word order", texts, labels, seed))
    return [one for one in made if one.records >= FEWEST]


def of_labelled(name: str, texts: Sequence[str], labels: Sequence[str], seed: int) -> list[Ability]:
    """Tests that a labelled probe set allows: zero-shot by label names, few-shot centroids, neighbours, refitted probe."""
    names = sorted(set(labels))
    ids = np.searchsorted(names, labels)
    if len(texts) < FEWEST or len(names) < 2:
        return []
    made = [Ability(f"{name}: zero-shot by label names", lambda r: _zero_shot(r, texts, ids, names), len(texts))]
    if np.bincount(ids).min() > SHOTS:
        made.append(Ability(f"{name}: {SHOTS}-shot centroids", lambda r: _few_shot(r, texts, ids, seed), len(texts)))
    made.append(
        Ability(
            f"{name}: nearest neighbours",
            lambda r: linear.nearest_class(r.vectors(texts), ids, NEIGHBOURS) == ids,
            len(texts),
        )
    )
    return [*made, _refitted(f"{name}: refitted probe", list(texts), ids, seed)]


def of_relations(
    name: str, first: Sequence[str], second: Sequence[str], labels: Sequence[str], seed: int
) -> list[Ability]:
    """What relation two texts are in, by a refitted probe on |u - v| and u * v (Conneau et al. 2017)."""
    names = sorted(set(labels))
    ids = np.searchsorted(names, labels)
    if len(first) < FEWEST or len(names) < 2:
        return []

    def right(reader: Reader) -> np.ndarray:
        one, other = reader.vectors(first), reader.vectors(second)
        features = np.concatenate([np.abs(one - other), one * other], axis=1)
        return linear.cross_predicted(features, ids, len(names), seed) == ids

    return [Ability(f"{name}: refitted probe on pairs", right, len(first), access=False)]


def of_tagged(name: str, sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]], seed: int) -> list[Ability]:
    """Which tag each word has, by a refitted probe on its vector; a sentence's credit is the share of its words.

    Folds go by sentence, and sentences are what is resampled: words of one sentence are no independent witnesses.
    """
    names = sorted({tag for row in tags for tag in row})
    if len(sentences) < FEWEST or len(names) < 2:
        return []
    ids = np.searchsorted(names, [tag for row in tags for tag in row])
    sentence = np.repeat(np.arange(len(sentences)), [len(row) for row in tags])
    fold = np.random.default_rng(seed).permutation(np.arange(len(sentences)) % FOLDS)[sentence]

    def right(reader: Reader) -> np.ndarray:
        vectors = reader.word_vectors(sentences)
        hit = np.zeros(len(ids))
        for i in range(FOLDS):
            held = fold == i
            hit[held] = linear.Ridge(vectors[~held], ids[~held], len(names)).predict(vectors[held]) == ids[held]
        return np.bincount(sentence, hit) / np.bincount(sentence)

    return [Ability(f"{name}: refitted probe on words", right, len(sentences), access=False)]


def of_pairs(name: str, first: Sequence[str], second: Sequence[str], scores: np.ndarray) -> list[Ability]:
    """Whether similar texts are near each other: rank correlation of cosine with people's scores (Spearman)."""
    if len(first) < FEWEST or len(np.unique(scores)) < 2:
        return []

    def right(reader: Reader) -> np.ndarray:
        one, other = (linear.normalised(reader.vectors(texts)) for texts in (first, second))
        return spearman_by_record((one * other).sum(axis=1), scores)

    return [Ability(f"{name}: similarity of pairs", right, len(first))]


def pieces(text: str) -> list[str]:
    """Words of a text; each CJK character is one."""
    return [found[0] for found in words_in(text)]


def words_of_label(label: str) -> str:
    """A class name as a phrase: `change_payment`, `changePayment` and `change-payment` become "change payment"."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", label)
    return re.sub(r"[\s_\-./]+", " ", spaced).strip().lower()


def spearman_by_record(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What each record is worth to Spearman's coefficient: the mean is the coefficient, so that it can be resampled by record.

    Values of the jackknife (Efron 1982). A coefficient is no mean of independent parts: it is the mean of products of ranks as
    well, but those vary up to eight times as much from record to record as it does from sample to sample.

    Args:
        x: values `(records,)`, at least three.
        y: likewise.
    """
    from scipy.stats import rankdata

    n = len(x)
    ranks = rankdata(x), rankdata(y)
    whole = float(_correlation(*(part[None] - (n + 1) / 2 for part in ranks))[0])
    without = np.empty(n)
    for start in range(0, n, BLOCK):
        rows = np.arange(start, min(start + BLOCK, n))
        left = []
        for values, rank in zip((x, y), ranks, strict=True):
            own = values[rows, None]
            # Those above a record that is left out come down by one place, those level with it by half a place.
            moved = rank - (values > own) - 0.5 * (values == own) - n / 2
            moved[np.arange(len(rows)), rows] = 0.0
            left.append(moved)
        without[rows] = _correlation(*left)
    return whole + (n - 1) * (without.mean() - without)


def _correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of centred rows `(rows, n)`; 0 where one of them says nothing."""
    both = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.divide((x * y).sum(axis=1), both, out=np.zeros(len(x)), where=both > 0)


def _refitted(name: str, texts: list[str], labels: np.ndarray, seed: int) -> Ability:
    classes = int(labels.max()) + 1 if len(labels) else 0

    def right(reader: Reader) -> np.ndarray:
        return linear.cross_predicted(reader.vectors(texts), labels, classes, seed) == labels

    def layers(reader: Reader) -> list[float]:
        # Halves instead of fifths: a curve over layers needs a probe for each of them, and no interval.
        found = (linear.cross_predicted(x, labels, classes, seed, 2) for x in reader.layers(texts))
        return [float((predicted == labels).mean()) for predicted in found]

    return Ability(name, right, len(texts) if classes > 1 else 0, access=False, layers=layers)


def _halves(sentence: str) -> tuple[str, str] | None:
    """A sentence cut after half of its words; None when it has too few for two phrases."""
    places = [match.start() for match in words_in(sentence)]
    if len(places) < 8:
        return None
    at = places[len(places) // 2]
    return sentence[:at].strip(), sentence[at:].strip()


def _matched(reader: Reader, halves: Sequence[tuple[str, str]]) -> np.ndarray:
    """Reciprocal rank of each first half's own second half among all second halves, by cosine."""
    first = linear.normalised(reader.vectors([one for one, _ in halves]))
    second = linear.normalised(reader.vectors([other for _, other in halves]))
    similar = first @ second.T
    rank = (similar >= np.diagonal(similar)[:, None]).sum(axis=1)
    return 1.0 / rank


def _content(sentences: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Sentences that hold exactly one of a dozen words of middling frequency, and which one."""
    split = [[word.lower() for word in pieces(sentence)] for sentence in sentences]
    counts = Counter(word for found in split for word in set(found))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    # Words in more than a tenth of the sentences are grammar; the most frequent of the rest have records enough.
    chosen = [word for word in ranked if counts[word] <= 0.1 * len(sentences) and len(word) > 3][:CONTENT_WORDS]
    if len(chosen) < CONTENT_WORDS:
        chosen = [word for word in ranked if counts[word] <= 0.1 * len(sentences)][:CONTENT_WORDS]
    place = {word: i for i, word in enumerate(chosen)}
    texts, labels = [], []
    for sentence, found in zip(sentences, split, strict=True):
        held = {place[word] for word in found if word in place}
        if len(held) == 1:
            texts.append(sentence)
            labels.append(held.pop())
    return texts, np.array(labels, dtype=np.int64)


def _shifted(sentences: Sequence[str], seed: int) -> tuple[list[str], np.ndarray]:
    """Each sentence as it is, or with two neighbouring words swapped: half and half, decided by its own digest."""
    texts, labels = [], []
    for sentence in sentences:
        digest = hashlib.sha256(f"{seed}:{sentence}".encode()).digest()
        matches = words_in(sentence)
        swapped = sentence
        if digest[0] % 2 and len(matches) > 3:
            at = 1 + digest[1] % (len(matches) - 2)
            one, other = matches[at], matches[at + 1]
            between = sentence[one.end() : other.start()]
            swapped = sentence[: one.start()] + other[0] + between + one[0] + sentence[other.end() :]
        texts.append(swapped)
        labels.append(int(swapped != sentence))
    return texts, np.array(labels, dtype=np.int64)


def _zero_shot(reader: Reader, texts: Sequence[str], labels: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Whether the class name nearest to a text, by cosine, is its own."""
    classes = linear.normalised(reader.vectors([words_of_label(name) for name in names]))
    return (linear.normalised(reader.vectors(texts)) @ classes.T).argmax(axis=1) == labels


def _few_shot(reader: Reader, texts: Sequence[str], labels: np.ndarray, seed: int) -> np.ndarray:
    """How often a text is nearest to the centroid of five others of its class, over seeded draws.

    One that was an example in every draw was never asked, and is left out: which ones depends on labels and seed alone.
    """
    vectors = linear.normalised(reader.vectors(texts))
    generator = np.random.default_rng(seed)
    members = [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]
    credit, asked = np.zeros(len(texts)), np.zeros(len(texts))
    for _ in range(DRAWS):
        drawn = [generator.choice(rows, SHOTS, replace=False) for rows in members]
        centroids = linear.normalised(np.stack([vectors[rows].mean(axis=0) for rows in drawn]))
        rest = np.ones(len(texts), dtype=bool)
        rest[np.concatenate(drawn)] = False
        credit[rest] += (vectors[rest] @ centroids.T).argmax(axis=1) == labels[rest]
        asked[rest] += 1
    return credit[asked > 0] / asked[asked > 0]
