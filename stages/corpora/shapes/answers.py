"""A question, a context, and the stretches of the context that answer it (`question_answering`).

One raw record, as the hub's flat form of SQuAD has it, and with its answers as a list of objects::

    {"question": "Where?", "context": "It is in 北京市.", "answers": {"text": ["北京市"], "answer_start": [9]}}
    {"question": "Where?", "context": "It is in 北京市.", "answers": [{"text": "北京市", "answer_start": 9}]}

Prepared: ``{"id": "train-1", "text": "Where?", "text_b": "It is in 北京市.", "answers": [{"text": "北京市", "start": 9}]}``. A
record without answers is legal and says that its context has none; one whose answers are absent (null) says nothing.

An answer that does not stand at its place is a fault of the data set. `data.cleaning.misplaced_answers` says whether such a
file is refused, such answers are dropped, or moved to the nearest place where the context holds them; what the context
holds nowhere is dropped then. A record whose every answer was dropped is left out: it would teach that there is no answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.corpora.duplicates import normal_form
from stages.corpora.hashing import digests
from stages.corpora.records import ROW, Draft, excerpt
from stages.corpora.shapes.shape import SEPARATOR, Mend, Shape
from stages.corpora.spans import FARTHEST, bare, carried, nearest
from stages.corpora.values import Refused
from stages.errors import SHOWN, DataError, Problem, report
from stages.params.data import Cleaning, Columns

NOWHERE = -1
"""Place of an answer whose data set gives none."""
TEXTS, STARTS = ("text", "texts"), ("answer_start", "start", "answer_starts")
Answers = list[dict[str, Any]]


class Answered(Shape):
    """A question, its context, and its answers."""

    texts = ("text", "text_b")
    target = "answers"
    context = "text_b"
    type = pa.list_(pa.struct([("text", pa.string()), ("start", pa.int32())]))

    def convert(self, role: str, value: Any, columns: Columns) -> Any:
        """See the module's docstring."""
        return parse(value) if role == "answers" else super().convert(role, value, columns)

    def settle(self, draft: Draft, rules: Cleaning) -> None:
        """Find answers that do not stand at their place, and deal with them as params say; blanks at their ends go.

        Raises:
            DataError: params refuse them, with their rows.
        """
        action = rules.misplaced_answers
        problems: list[Problem] = []
        settled: list[Answers | None] = []
        total = moved = dropped = 0
        emptied = np.zeros(draft.rows, dtype=bool)
        for row, context, answers in zip(*(_values(draft, name) for name in (ROW, "text_b", "answers")), strict=True):
            kept: Answers = []
            for answer in map(_bare, answers or []):
                if _stands(context or "", answer):
                    kept.append(answer)
                    continue
                total += 1
                if len(problems) < SHOWN:
                    problems.append(Problem(_misplaced(context or "", answer), draft.origin, row, "answers"))
                place = _elsewhere(context or "", answer) if action == "anchor" else None
                moved += place is not None
                dropped += place is None
                if place is not None:
                    kept.append({**answer, "start": place})
            emptied[len(settled)] = bool(answers) and not kept
            settled.append(None if answers is None else kept)
        if total and action == "refuse":
            remedy = "Mend these records, or set data.cleaning.misplaced_answers: anchor (or drop)."
            raise DataError(
                report(f"{draft.origin}: answers that are not where they should be", problems, remedy, total=total)
            )
        draft.replace("answers", pa.chunked_array([pa.array(settled, self.type)], self.type))
        draft.done.add("misplaced answers moved to where the context holds them", moved)
        draft.done.add("misplaced answers dropped", dropped)
        draft.done.add("records whose every answer was dropped", int(emptied.sum()))
        if emptied.any():
            draft.keep(~emptied)

    def mend_texts(self, draft: Draft, function: Mend) -> int:
        """Clean questions, and contexts with the answers in them; records that lose an answer by that are left out."""
        questions = draft.change("text", lambda text: text and function(text))
        contexts: list[str | None] = []
        answers: list[Answers | None] = []
        changed = 0
        lost = np.zeros(draft.rows, dtype=bool)
        for old, found in zip(_values(draft, "text_b"), _values(draft, "answers"), strict=True):
            new = old and function(old)
            changed += new != old
            if old and new and new != old and found:
                carried_over = [_carried(old, new, one, function) for one in found]
                lost[len(answers)] = None in carried_over
                found = [one for one in carried_over if one is not None]
            contexts.append(new)
            answers.append(found)
        draft.replace("text_b", pa.chunked_array([pa.array(contexts, pa.string())], pa.string()))
        draft.replace("answers", pa.chunked_array([pa.array(answers, self.type)], self.type))
        draft.done.add("records whose answers cleaning would change, dropped", int(lost.sum()))
        if lost.any():
            draft.keep(~lost)
        return questions + changed

    def mend(self, draft: Draft, function: Mend) -> int:  # noqa: ARG002
        """Answers are parts of their context and were cleaned with it."""
        return 0

    def compared(self, draft: Draft) -> tuple[pa.ChunkedArray, np.ndarray]:
        """The question; answers and context have to be equal: a long context would make all its questions alike."""
        contexts = pc.index_in(draft.table["text_b"], value_set=pc.unique(draft.table["text_b"])).to_numpy()
        both = np.stack([self.codes(draft), contexts.astype(np.int64)], axis=1)
        return draft.table["text"], np.unique(both, axis=0, return_inverse=True)[1].reshape(-1)

    def codes(self, draft: Draft) -> np.ndarray:
        """Equal where the answers' texts are; -1 where answers are absent."""
        joined = pa.array(
            [
                None if one is None else SEPARATOR.join(answer["text"] for answer in one)
                for one in _values(draft, "answers")
            ],
            pa.string(),
        )
        found = pc.index_in(joined, value_set=pc.unique(joined).drop_null())
        return pc.fill_null(found, -1).to_numpy().astype(np.int64)

    def labels(self, draft: Draft) -> list[str]:  # noqa: ARG002
        """None: an answer is no label."""
        return []

    def strata(self, draft: Draft) -> np.ndarray:
        """1 where there is an answer, 0 where there is none."""
        counted = pc.fill_null(pc.list_value_length(draft.table["answers"]), 0).to_numpy()
        return (counted > 0).astype(np.int64)

    def bound(self, draft: Draft) -> np.ndarray:
        """Questions on one context stay in one split: a model that has seen the context has seen half of the record."""
        return digests(normal_form(context or "") for context in _values(draft, "text_b"))

    def counts(self, draft: Draft, labels: list[str]) -> np.ndarray | None:  # noqa: ARG002
        """None: there are no labels."""
        return None

    def with_any(self, draft: Draft, labels: list[str]) -> np.ndarray:  # noqa: ARG002
        """No record has a label."""
        return np.zeros(draft.rows, dtype=bool)

    def strange(self, draft: Draft, labels: list[str]) -> np.ndarray:  # noqa: ARG002
        """No record has a label that train lacks."""
        return np.zeros(draft.rows, dtype=bool)

    def too_little(self, train: Draft) -> str | None:
        """Something has to be answered."""
        if self.strata(train).any():
            return None
        return (
            "answers: expected at least one record with an answer in train, found none. "
            "Add some, or name another column in data.columns.answers."
        )

    def describe(self, draft: Draft) -> dict[str, Any]:
        """How many contexts and answers there are."""
        counted = pc.fill_null(pc.list_value_length(draft.table["answers"]), 0).to_numpy()
        return {
            "contexts": len(pc.unique(draft.table["text_b"])),
            "answers": int(counted.sum()),
            "unanswerable_records": int((counted == 0).sum()),
        }


def parse(value: Any) -> Answers | Refused | None:
    """A raw value as answers with text and start."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, Mapping):
        columns = [_first(value, names) for names in (TEXTS, STARTS)]
        texts = columns[0]
        starts = [NOWHERE] * len(texts) if isinstance(texts, list) and columns[1] is None else columns[1]
        if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
            return Refused(f"expected lists text and answer_start of one length, found {str(value)[:60]}")
        pairs = list(zip(texts, starts, strict=True))
    elif isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        pairs = [(_first(one, TEXTS), _first(one, STARTS)) for one in value]
    else:
        return Refused(f"expected answers with text and answer_start, found {type(value).__name__} {str(value)[:40]!r}")
    for text, start in pairs:
        whole = start is None or (isinstance(start, int) and not isinstance(start, bool) and abs(start) < FARTHEST)
        if not isinstance(text, str) or not whole:
            return Refused(
                f"expected an answer with a text and a whole number, found {str(text)[:40]!r} and {str(start)[:40]}"
            )
    return [{"text": text, "start": NOWHERE if start is None else start} for text, start in pairs]


def _first(value: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if name in value), None)


def _values(draft: Draft, name: str) -> list[Any]:
    values: list[Any] = draft.table[name].to_pylist()
    return values


def _bare(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without blanks at its ends, at its place."""
    text: str = answer["text"]
    begin, end = bare(text, (0, len(text)))
    return {"text": text[begin:end], "start": answer["start"] + begin if answer["start"] >= 0 else answer["start"]}


def _stands(context: str, answer: dict[str, Any]) -> bool:
    text, start = answer["text"], answer["start"]
    return bool(text) and start >= 0 and context.startswith(text, start)


def _elsewhere(context: str, answer: dict[str, Any]) -> int | None:
    """The place nearest to its own where a context holds an answer."""
    return nearest(context, answer["text"], answer["start"]) if answer["text"] else None


def _misplaced(context: str, answer: dict[str, Any]) -> str:
    """What is wrong with an answer."""
    text, start = answer["text"], answer["start"]
    if not text:
        return "an empty answer; leave the list empty where there is none"
    found = f"found {excerpt(context[start : start + len(text)])}" if 0 <= start < len(context) else "which is outside"
    place = _elsewhere(context, answer)
    where = "the context holds it nowhere" if place is None else f"the context holds it at {place}"
    return f"expected {excerpt(text)} at character {start}, {found}; {where}"


def _carried(old: str, new: str, answer: dict[str, Any], function: Mend) -> dict[str, Any] | None:
    """An answer in the cleaned context; None where it has no place there."""
    found = carried(
        old, new, (answer["start"], answer["start"] + len(answer["text"])), lambda text: function(text) or ""
    )
    return None if found is None else {"text": new[slice(*found)], "start": found[0]}
