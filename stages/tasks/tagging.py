"""Tagging: spans of a text that mean something (names, slots), found by deciding on a tag for every word.

Spans are characters of the text, before and after. Words are given by the data or cut from the text; each is decided at its
first piece, over as many windows as a long sentence needs (`stages.encoding.word_labels`). The head is linear, linear with a
CRF, or BiLSTM and CRF (`task.tagging.head`). A CRF's decisions always follow the scheme. Without one, each word's best tag
stands, and spans are read by the CoNLL scorer's rule (an inside tag after none of its type begins an entity) or, with
`repair: false`, without what begins so; how many sentences break the scheme is part of the figures.

The graph of a release gives emissions; what a CRF has learnt besides, its transitions, is kept with the model as `fitted` and
decoded with in numpy, by evaluate and a release alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from stages.artifacts import Schema
from stages.corpora import words
from stages.corpora.plain_text import HIDDEN, Form, shown
from stages.corpora.tag_schemes import PREFIXES, Tagset
from stages.corpora.values import whole
from stages.encoding import word_labels
from stages.encoding.ragged import Columns, Outputs, by_token, padded, token_batch
from stages.errors import DataError
from stages.metrics import span_matches, spans
from stages.metrics.spans import Spans
from stages.params.task import TaskParams
from stages.tasks import tag_rows, viterbi
from stages.tasks.protocol import IGNORED, Batch, Figures, Fitted, Probe, Scores, Scoring, Tokenized
from stages.tasks.viterbi import Transitions

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

    from stages.params.model import ModelParams
    from stages.params.training import TrainingParams
    from stages.tasks.crf import Crf

FIGURES = Figures(
    validation=("f1", "precision", "recall", "macro_f1"),
    headline=("f1", "precision", "recall"),
    shifted=("f1", "precision", "recall", "f1_seen", "f1_unseen"),
)


@dataclass(frozen=True)
class Entity:
    """A span that the model found: what it is, its words, and where they stand in the text."""

    label: str
    text: str
    start: int
    end: int


class Tagging:
    """Each text has spans of types `schema.labels` that do not overlap, or none."""

    kind = "tagging"
    targets: tuple[str, ...] = ("spans",)
    figures = FIGURES
    by_token = True
    probe: Probe = None

    def __init__(self, params: TaskParams) -> None:
        self.params = params
        self.fits = params.tagging.head != "linear"
        # The CRF in training, once `objective` has met it; afterwards its transitions come from `fitted`.
        self._crf: Crf | None = None

    def lengths(self, records: pa.Table, tokenizer: Tokenizer) -> np.ndarray:
        """Pieces of the words and special tokens; see `Task.lengths`."""
        special = tokenizer.num_special_tokens_to_add(is_pair=False)
        made = tag_rows.sentences(records, tokenizer)
        return np.fromiter((one.length + special for one in made), dtype=np.int32, count=len(made))

    def encode(self, records: pa.Table, tokenizer: Tokenizer, max_length: int, schema: Schema) -> Tokenized:
        """Windows with what each position is taught; see `Task.encode` and `stages.tasks.tag_rows`."""
        frame = word_labels.framing(tokenizer, max_length, self.params.overlap)
        return tag_rows.encode(records, tokenizer, frame, self._tagset(schema))

    def collate(self, rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Pad to the longest row; see `Task.collate`."""
        batch = token_batch(rows["input_ids"], pad_id)
        if "tags" in rows:
            batch["labels"] = padded(rows["tags"], IGNORED)
        return batch

    def model(self, encoder: nn.Module, pooling: str, schema: Schema, params: ModelParams) -> nn.Module:  # noqa: ARG002
        """A `Tagger`; see `Task.model`."""
        from stages.tasks.tagger import Tagger

        tagset = self._tagset(schema)
        hidden = self.params.tagging.lstm_hidden if self.params.tagging.head == "bilstm_crf" else None
        allowed = None if self.params.tagging.head == "linear" else tagset.allowed
        return Tagger(encoder, len(tagset.tags), hidden, allowed, params.head_dropout)

    def objective(self, params: TrainingParams, train: Columns, schema: Schema, model: nn.Module) -> nn.Module:
        """Cross-entropy of each word, or the CRF's likelihood of each sequence; see `Task.objective`."""
        from stages.tasks.tag_loss import SequenceLikelihood, WordCrossEntropy, balanced

        head: Any = model.head
        if head.crf is not None:
            self._crf = head.crf
            return SequenceLikelihood(head.crf)
        weights = None
        if params.class_weights == "balanced":
            weights = balanced(by_token(train["tags"]).values, len(self._tagset(schema).tags))
        return WordCrossEntropy(weights, params.label_smoothing)

    def validate(self, outputs: Outputs, rows: Columns) -> dict[str, float]:
        """F1, precision and recall of exact spans, by window; see `Task.validate`."""
        emissions, tags, offsets = tag_rows.taught(by_token(outputs), by_token(rows["tags"]))
        width = (by_token(outputs).values.shape[1] - 1) // len(PREFIXES[self.params.tagging.scheme])
        tagset = Tagset(self.params.tagging.scheme, tuple(map(str, range(width))))
        decided = self._decide(emissions, self._transitions({}))
        said = np.concatenate(decided) if decided else tags[:0]
        gold, predicted = (Spans(*tagset.spans(flat, offsets)) for flat in (tags, said))
        if not self.params.tagging.repair:
            begins = tagset.roles[said[offsets[predicted.record] + predicted.start]]
            kept = np.isin(begins, ["B", "S"])
            predicted = Spans(
                *(part[kept] for part in (predicted.record, predicted.start, predicted.end, predicted.kind))
            )
        return spans.micro_f1(gold, predicted, width)

    def fit(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema) -> Fitted:  # noqa: ARG002
        """The CRF's transitions, which no outputs show; see `Task.fit`."""
        if self._crf is None:
            raise RuntimeError("fit before objective: the CRF is not known")
        found = self._crf.transitions()
        return {"start": found.start.tolist(), "end": found.end.tolist(), "between": found.between.tolist()}

    def decode(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema, fitted: Fitted) -> pa.Table:
        """Spans of each record; see `Task.decode`.

        Returns:
            id, gold (where the records have spans), predicted (spans with their words), malformed (steps of the record's tags
            that the scheme does not have, int32).
        """
        tagset = self._tagset(schema)
        gathered = list(tag_rows.gather(by_token(outputs), rows, records))
        decided = self._decide([emissions for _, emissions in gathered], self._transitions(fitted))
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in decided])]).astype(np.int64)
        flat = np.concatenate([*decided, np.empty(0, dtype=np.int64)])
        texts, places = records["text"].to_pylist(), tag_rows.places_of(records)
        found: list[list[tuple[int, int, str]]] = [[] for _ in texts]
        for record, start, end, kind in zip(*tagset.spans(flat, offsets), strict=True):
            own = gathered[record][0]
            first, last = places[record][own[start]][0], places[record][own[end - 1]][1]
            if self.params.tagging.repair or tagset.roles[decided[record][start]] in {"B", "S"}:
                found[record].append((first, last, tagset.types[kind]))
        columns = {"id": records["id"].combine_chunks()}
        if "spans" in records.column_names:
            gold = zip(tag_rows.spans_of(records["spans"]), texts, strict=True)
            columns["gold"] = pa.array([tag_rows.with_words(row, text) for row, text in gold], tag_rows.SPANS)
        said = zip(found, texts, strict=True)
        columns["predicted"] = pa.array([tag_rows.with_words(row, text) for row, text in said], tag_rows.SPANS)
        columns["malformed"] = pa.array(tagset.malformed(flat, offsets).astype(np.int32))
        return pa.table(columns)

    def score(self, predictions: pa.Table, schema: Schema, how: Scoring) -> Scores:
        """Measure with `stages.metrics.spans`; see `Task.score`."""
        gold, predicted = (spans_in(predictions[name], schema) for name in ("gold", "predicted"))
        seen = None
        if how.train is not None:
            known = _known(how.train())
            seen = (
                spans.stands_in(known, _surfaces(predictions["gold"])),
                spans.stands_in(known, _surfaces(predictions["predicted"])),
            )
        n = predictions.num_rows
        headline, details = spans.evaluate(gold, predicted, n, schema.labels, how.bootstrap, seen=seen)
        malformed = (predictions["malformed"].to_numpy() > 0).astype(float)
        headline["malformed_share"] = how.bootstrap.of_means(malformed[None])[0]
        return Scores(headline, {**details, **span_matches.describe(gold, predicted, schema.labels)})

    def quality(self, predictions: pa.Table, schema: Schema) -> float:
        """F1; see `Task.quality`."""
        gold, predicted = (spans_in(predictions[name], schema) for name in ("gold", "predicted"))
        return spans.micro_f1(gold, predicted, len(schema.labels))["f1"]

    def agree(self, one: pa.Table, other: pa.Table, schema: Schema) -> np.ndarray:  # noqa: ARG002
        """Whether the same spans were found; see `Task.agree`."""
        pairs = zip(one["predicted"].to_pylist(), other["predicted"].to_pylist(), strict=True)
        return np.array([a == b for a, b in pairs], dtype=bool)

    def records(self, inputs: Sequence[Any], normalize: Form | None = None) -> pa.Table:  # noqa: ARG002
        """Texts, or lists of tokens, as records; see `Task.records`."""
        made = [_asked(one) for one in inputs]
        place = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())]))
        return pa.table(
            {
                "id": pa.array([str(i) for i in range(len(made))], pa.string()),
                "text": pa.array([text for text, _ in made], pa.string()),
                "words": pa.array([[{"start": s, "end": e} for s, e in row] for _, row in made], place),
            }
        )

    def answers(self, predictions: pa.Table, schema: Schema) -> list[Any]:  # noqa: ARG002
        """The `Entity`s of each text; see `Task.answers`."""
        return [
            [Entity(one["label"], one["text"], one["start"], one["end"]) for one in row]
            for row in predictions["predicted"].to_pylist()
        ]

    def _tagset(self, schema: Schema) -> Tagset:
        return Tagset(self.params.tagging.scheme, tuple(schema.labels))

    def _transitions(self, fitted: Fitted) -> Transitions | None:
        """What to decode with: what was kept, or the CRF in training, or nothing."""
        if fitted:
            return Transitions(*(np.array(fitted[name], dtype=np.float32) for name in ("start", "end", "between")))
        return None if self._crf is None else self._crf.transitions()

    @staticmethod
    def _decide(emissions: Sequence[np.ndarray], transitions: Transitions | None) -> list[np.ndarray]:
        """Tag ids of each sequence `(words,)`."""
        if transitions is None:
            return [one.argmax(axis=1) for one in emissions]
        return viterbi.decode(emissions, transitions)


def _asked(one: Any) -> tuple[str, list[tuple[int, int]]]:
    """A text and its words.

    Raises:
        DataError: it is neither a text nor a list of tokens.
    """
    if isinstance(one, str):
        text = whole(one)
        return text, _cut(text)
    # An empty `bytes` would pass for a list without tokens.
    listed = isinstance(one, Sequence) and not isinstance(one, bytes)
    if listed and all(isinstance(token, str) and token for token in one):
        tokens = [whole(token) for token in one]
        text, places = words.join(tokens)
        return text, [place for place, token in zip(places, tokens, strict=True) if shown(token).strip()]
    raise DataError(f"expected a text or a list of its tokens, found {type(one).__name__} {str(one)[:40]!r}")


def _cut(text: str) -> list[tuple[int, int]]:
    """The words of a text as prepare, which takes hidden characters out, would cut them: none is a word, or parts one."""
    if not HIDDEN.search(text):
        return words.cut(text)
    seen = [i for i, char in enumerate(text) if not HIDDEN.match(char)]
    return [(seen[start], seen[end - 1] + 1) for start, end in words.cut(shown(text))]


def spans_in(column: pa.ChunkedArray, schema: Schema) -> Spans:
    """A column of predictions (`gold`, `predicted`) as arrays."""
    ids = {name: i for i, name in enumerate(schema.labels)}
    rows = column.to_pylist()
    return Spans.of([[(one["start"], one["end"], ids[one["label"]]) for one in row] for row in rows])


def _surfaces(column: pa.ChunkedArray) -> list[str]:
    return [spans.surface(one["text"]) for row in column.to_pylist() for one in row]


def _known(train: pa.Table) -> set[str]:
    """The words of every span of train."""
    pairs = zip(train["text"].to_pylist(), tag_rows.spans_of(train["spans"]), strict=True)
    return {spans.surface(text[start:end]) for text, row in pairs for start, end, _ in row}
