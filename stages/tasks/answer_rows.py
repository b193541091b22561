"""Windows of questions and contexts as rows of a table, with the answers that each of them is taught, and what was lost.

An answer that no window holds whole cannot be taught; one that begins or ends inside a token can only be taught with its
neighbours; one of which the tokenizer leaves no token cannot be seen at all. All three are counted. Of several references each
window is taught the first that it holds whole; a window that holds a part of one is left out of the loss, and so is a record
whose every reference is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from stages.encoding.windows import Passage, Place, Window
from stages.tasks.protocol import IGNORED

NO_ANSWER = 0
"""Position that a window without an answer points at: its first token."""
LISTS = pa.list_(pa.int32())
WHOLE = "answers that no window holds whole"
INSIDE = "answers that begin or end inside a token"
UNSEEN = "answers without a token"
QUESTION = "questions cut"


class AnswerRows:
    """Collects windows; see `stages.tasks.question_answering.QuestionAnswering.encode` for the columns.

    Args:
        targets: whether records come with answers.
    """

    def __init__(self, *, targets: bool) -> None:
        self.targets = targets
        self.lost: Counter[str] = Counter()
        self.lists: dict[str, list[np.ndarray]] = {
            name: [] for name in ("input_ids", "token_type_ids", "starts", "ends")
        }
        self.numbers: dict[str, list[int]] = {name: [] for name in ("length", "full_length", "window")}
        self.ids: list[str] = []
        self.taught: dict[str, list[int]] = {"first": [], "last": []}
        self.gold: dict[str, list[list[int]]] = {"gold_starts": [], "gold_ends": []}

    def add(self, key: str, passage: Passage, answers: Sequence[dict[str, Any]]) -> None:
        """Append a record's windows.

        Args:
            key: its id.
            passage: as `stages.encoding.windows` made it.
            answers: with text and start; none for unanswerable records and those without targets.
        """
        if passage.question_cut:
            self.lost[QUESTION] += 1
        spans = [(one["start"], one["start"] + len(one["text"])) for one in answers]
        places = self._places(passage, spans)
        lost = not any(window.positions(place) for window in passage.windows for place in places)
        for number, window in enumerate(passage.windows):
            self.ids.append(key)
            for name, values in zip(self.lists, (window.ids, window.type_ids, window.starts, window.ends), strict=True):
                self.lists[name].append(values)
            # Windows cut nothing off but the end of a question that is too long.
            whole = len(window.ids) + passage.question_cut
            for name, value in zip(self.numbers, (len(window.ids), whole, number), strict=True):
                self.numbers[name].append(value)
            first, last = (IGNORED, IGNORED) if spans and lost else _positions(window, places)
            self.taught["first"].append(first)
            self.taught["last"].append(last)
            self.gold["gold_starts"].append([start for start, _ in spans])
            self.gold["gold_ends"].append([end for _, end in spans])

    def _places(self, passage: Passage, spans: Sequence[tuple[int, int]]) -> list[Place]:
        """Where references stand, in their order; counts every one that is lost."""
        places: list[Place] = []
        for span in spans:
            found = passage.find(*span)
            if found is None:
                self.lost[UNSEEN] += 1
                continue
            places.append(found)
            if all(window.positions(found) is None for window in passage.windows):
                self.lost[WHOLE] += 1
            else:
                self.lost[INSIDE] += not found.exact
        return places

    def table(self) -> pa.Table:
        """All rows."""
        columns: dict[str, pa.Array] = {"id": pa.array(self.ids, pa.string())}
        columns |= {name: pa.array(values, LISTS) for name, values in self.lists.items()}
        columns |= {name: pa.array(values, pa.int32()) for name, values in self.numbers.items()}
        if self.targets:
            columns |= {name: pa.array(values, pa.int32()) for name, values in self.taught.items()}
            columns |= {name: pa.array(values, LISTS) for name, values in self.gold.items()}
        return pa.table(columns)


def _positions(window: Window, places: Sequence[Place]) -> tuple[int, int]:
    """What a window is taught, where at least one window holds an answer whole or there is none."""
    whole = next((found for place in places if (found := window.positions(place)) is not None), None)
    if whole is not None:
        return whole
    apart = all(place.last < window.begin or place.first >= window.begin + window.count for place in places)
    return (NO_ANSWER, NO_ANSWER) if apart else (IGNORED, IGNORED)
