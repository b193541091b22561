"""Extractive question answering: a stretch of the context that answers the question, or nothing where params allow it.

A long context is read in windows; the best span of all of them is the answer (`stages.tasks.answer_spans`). In training a
window that holds none of a record's answers, or whose record has none, is taught to point at its first token; one that holds
only a part of an answer is left out of the loss, since it is no example of either. Of several references the first that the
tokens can express is taught.

Whether nothing should be said is decided by a threshold on (score of no answer - score of the best answer), chosen on
validation for the highest F1 (Rajpurkar et al. 2018, section 4.2); without unanswerable records in validation there is none,
and every question is answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.artifacts import Schema
from stages.corpora.plain_text import Form
from stages.corpora.values import whole
from stages.encoding import windows
from stages.encoding.characters import OUTSIDE
from stages.encoding.ragged import Columns, Outputs, Ragged, by_token, dense, padded, token_batch
from stages.errors import DataError
from stages.metrics import question_answering as metrics
from stages.params.task import TaskParams
from stages.tasks.answer_rows import AnswerRows
from stages.tasks.answer_spans import Choice, choose
from stages.tasks.protocol import IGNORED, Batch, Figures, Fitted, Scores, Scoring, Tokenized

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

    from stages.params.model import ModelParams
    from stages.params.training import TrainingParams

FIGURES = Figures(
    validation=("span_f1", "span_exact"),
    headline=("f1", "exact_match"),
    shifted=("f1", "exact_match"),
)
THRESHOLD = "no_answer_threshold"
HOPELESS = 1e9
"""Margin of a record whose context has nothing that could be an answer."""
Span = tuple[int, int]
"""First character, and the one after the last."""


@dataclass(frozen=True)
class Answer:
    """What the model says to a question.

    Attributes:
        text: as it stands in the context; empty for no answer.
        start: its first character in the context; None for no answer.
        end: the character after its last one; None for no answer.
        score: probability of this start and end within their window.
    """

    text: str
    start: int | None
    end: int | None
    score: float


class QuestionAnswering:
    """Each question has answers in its context, or none."""

    kind = "question_answering"
    targets: tuple[str, ...] = ("answers",)
    figures = FIGURES
    by_token = True
    fits = True
    probe: Literal["multinomial", "independent", "ridge"] | None = None

    def __init__(self, params: TaskParams) -> None:
        self.params = params

    def lengths(self, records: pa.Table, tokenizer: Tokenizer) -> np.ndarray:
        """Tokens of question and context; see `Task.lengths`."""
        return windows.lengths(tokenizer, records["text"].to_pylist(), records["text_b"].to_pylist())

    def encode(self, records: pa.Table, tokenizer: Tokenizer, max_length: int, schema: Schema) -> Tokenized:  # noqa: ARG002
        """Encode questions with windows of their contexts; see `Task.encode`.

        Rows have also token_type_ids, starts and ends (characters of the context by token, -1 outside of it) and window (its
        number within the record); with targets first and last (positions of the taught answer), gold_starts and gold_ends
        (characters of all references).
        """
        questions, contexts = records["text"].to_pylist(), records["text_b"].to_pylist()
        gold = records["answers"].to_pylist() if "answers" in records.column_names else None
        rows = AnswerRows(targets=gold is not None)
        passages = windows.encode(tokenizer, questions, contexts, max_length, self.params.overlap)
        pieces = 0
        for number, (key, passage) in enumerate(zip(records["id"].to_pylist(), passages, strict=True)):
            rows.add(key, passage, [] if gold is None else gold[number])
            pieces += passage.question_tokens + len(passage.starts)
        return Tokenized(rows.table(), dict(+rows.lost), pieces)

    def collate(self, rows: Mapping[str, Sequence[Any]], pad_id: int) -> Batch:
        """Pad to the longest row; labels are first and last position `(batch, 2)`. See `Task.collate`."""
        batch = token_batch(rows["input_ids"], pad_id)
        batch["token_type_ids"] = padded(rows["token_type_ids"], 0)
        if "first" in rows:
            batch["labels"] = np.stack([rows["first"], rows["last"]], axis=1).astype(np.int64)
        return batch

    def model(self, encoder: nn.Module, pooling: str, schema: Schema, params: ModelParams) -> nn.Module:  # noqa: ARG002
        """A `SpanScorer`; see `Task.model`."""
        from stages.tasks.span_scorer import SpanScorer

        config: Any = encoder.config
        return SpanScorer(encoder, int(config.hidden_size), params.head_dropout)

    def objective(self, params: TrainingParams, train: Columns, schema: Schema, model: nn.Module) -> nn.Module:  # noqa: ARG002
        """A `SpanLoss`; see `Task.objective`."""
        from stages.tasks.span_scorer import SpanLoss

        return SpanLoss(IGNORED, params.label_smoothing)

    def validate(self, outputs: Outputs, rows: Columns) -> dict[str, float]:
        """Overlap of predicted and gold characters, by place and not by text; see `Task.validate`.

        With unanswerable records both are those of the threshold with the highest F1, as in SQuAD 2.0's `best_f1`.
        """
        heads = _heads(dense(rows["window"]))
        begin, stop = (by_token(rows[name]) for name in ("gold_starts", "gold_ends"))
        gold = [list(zip(begin[i].tolist(), stop[i].tolist(), strict=True)) for i in heads]
        found = list(self._choices(by_token(outputs), rows))
        answered = np.array([_overlap(span, spans) for (_, span), spans in zip(found, gold, strict=True)])
        silent = np.array([float(not spans) for spans in gold])
        if silent.any():
            margins = np.array([margin(choice) for choice, _ in found])
            threshold = metrics.choose_threshold(margins, answered, silent).value
            answered = np.where(margins <= threshold, answered, silent)
        return {"span_f1": float(answered.mean()), "span_exact": float((answered == 1).mean())}

    def fit(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema) -> Fitted:
        """The threshold of no answer, where validation has unanswerable records; see `Task.fit`."""
        references = _texts(records)
        if all(references):
            return {}
        said = self.decode(outputs, rows, records, schema, {})
        answered = metrics.per_record(said["predicted"].to_pylist(), references)[1]
        silent = metrics.per_record([""] * len(references), references)[1]
        chosen = metrics.choose_threshold(said["margin"].to_numpy(), answered, silent)
        return {THRESHOLD: chosen.value, "validation_f1": chosen.f1}

    def decode(self, outputs: Outputs, rows: pa.Table, records: pa.Table, schema: Schema, fitted: Fitted) -> pa.Table:  # noqa: ARG002
        """The best answer of each record; see `Task.decode`.

        Returns:
            id, gold (list of strings, where records have answers), predicted (empty for none), start and end (characters of the
            context, null for none), score, margin (score of no answer minus score of the best answer).
        """
        columns: Columns = {name: Ragged.of_lists(rows[name]) for name in ("starts", "ends")}
        columns["window"] = rows["window"].to_numpy()
        threshold = fitted.get(THRESHOLD)
        said: dict[str, list[Any]] = {name: [] for name in ("predicted", "start", "end", "score", "margin")}
        for text, (choice, span) in zip(
            records["text_b"].to_pylist(), self._choices(by_token(outputs), columns), strict=True
        ):
            if span is None or (threshold is not None and margin(choice) > threshold):
                start, end = None, None
            else:
                start, end = span
            said["predicted"].append("" if start is None else text[start:end])
            said["start"].append(start)
            said["end"].append(end)
            said["score"].append(0.0 if choice is None else choice.probability)
            said["margin"].append(margin(choice))
        kinds = (pa.string(), pa.int32(), pa.int32(), pa.float32(), pa.float64())
        table = {name: pa.array(values, kind) for (name, values), kind in zip(said.items(), kinds, strict=True)}
        gold = {"gold": pa.array(_texts(records), pa.list_(pa.string()))} if "answers" in records.column_names else {}
        return pa.table({"id": records["id"].combine_chunks().cast(pa.string()), **gold, **table})

    def score(self, predictions: pa.Table, schema: Schema, how: Scoring) -> Scores:  # noqa: ARG002
        """Exact match and F1 of texts; see `Task.score`."""
        predicted, gold = predictions["predicted"].to_pylist(), predictions["gold"].to_pylist()
        return Scores(
            metrics.evaluate(predicted, gold, how.bootstrap), {"by_length": metrics.by_length(predicted, gold)}
        )

    def quality(self, predictions: pa.Table, schema: Schema) -> float:  # noqa: ARG002
        """F1; see `Task.quality`."""
        return float(
            metrics.per_record(predictions["predicted"].to_pylist(), predictions["gold"].to_pylist())[1].mean()
        )

    def agree(self, one: pa.Table, other: pa.Table, schema: Schema) -> np.ndarray:  # noqa: ARG002
        """Whether the same characters are the answer, or both say nothing; see `Task.agree`."""
        same = [
            pc.equal(pc.fill_null(one[name], -1), pc.fill_null(other[name], -1)).to_numpy() for name in ("start", "end")
        ]
        return same[0] & same[1]

    def records(self, inputs: Sequence[Any], normalize: Form | None = None) -> pa.Table:  # noqa: ARG002
        """Pairs (question, context), or mappings with these keys, as records; see `Task.records`."""
        pairs = [_pair(one) for one in inputs]
        return pa.table(
            {
                "id": pa.array([str(i) for i in range(len(pairs))], pa.string()),
                "text": pa.array([question for question, _ in pairs], pa.string()),
                "text_b": pa.array([context for _, context in pairs], pa.string()),
            }
        )

    def answers(self, predictions: pa.Table, schema: Schema) -> list[Any]:  # noqa: ARG002
        """An `Answer` to each question; see `Task.answers`."""
        names = ("predicted", "start", "end", "score")
        return [Answer(*one) for one in zip(*(predictions[name].to_pylist() for name in names), strict=True)]

    def _choices(self, outputs: Ragged, rows: Columns) -> Iterator[tuple[Choice | None, Span | None]]:
        """Each record's best answer and its characters, from rows with starts, ends and window."""
        starts, ends = by_token(rows["starts"]), by_token(rows["ends"])
        edges = [*_heads(dense(rows["window"])), len(starts)]
        for begin, end in pairwise(edges):
            scores = [outputs[i] for i in range(begin, end)]
            choice = choose(
                scores, [starts[i] != OUTSIDE for i in range(begin, end)], self.params.question_answering.longest_answer
            )
            if choice is None:
                yield None, None
            else:
                row = begin + choice.window
                yield choice, (int(starts[row][choice.first]), int(ends[row][choice.last]))


def margin(choice: Choice | None) -> float:
    """How much better saying nothing is than the best answer."""
    return HOPELESS if choice is None else choice.margin


def _heads(window: np.ndarray) -> list[int]:
    """The first row of each record."""
    return np.flatnonzero(window == 0).tolist()


def _overlap(span: Span | None, gold: Sequence[Span]) -> float:
    """F1 over characters, by place, with the nearest reference; 0 for unanswerable records."""
    if span is None:
        return 0.0
    start, end = span
    return max((2 * max(0, min(end, b) - max(start, a)) / (end - start + b - a) for a, b in gold), default=0.0)


def _texts(records: pa.Table) -> list[list[str]]:
    """The texts of each record's references."""
    return [[one["text"] for one in answers] for answers in records["answers"].to_pylist()]


def _pair(one: Any) -> tuple[str, str]:
    """A question and its context.

    Raises:
        DataError: it is neither a pair of texts nor a mapping that holds both.
    """
    found = (one.get("question"), one.get("context")) if isinstance(one, Mapping) else one
    if isinstance(found, tuple | list) and len(found) == 2 and all(isinstance(text, str) for text in found):
        return whole(found[0]), whole(found[1])
    raise DataError(f"expected (question, context) or {{'question': ..., 'context': ...}}, found {str(one)[:60]!r}")
