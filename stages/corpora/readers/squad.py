"""SQuAD's JSON (Rajpurkar et al. 2016; version 2.0: 2018): one document of articles, paragraphs and questions.

One raw record, shortened::

    {"version": "v2.0", "data": [{"title": "Normans", "paragraphs": [{
        "context": "The Normans were the people who ...",
        "qas": [{"id": "56de", "question": "Who were they?", "is_impossible": false,
                 "answers": [{"text": "the people", "answer_start": 17}]}]}]}]}

Each question becomes a record with the columns id, question, context, answers (`{"text": [...], "answer_start": [...]}`, as the
hub's flat form has it), title, and paragraph, a number that the questions of one context share, for `data.columns.group`. A
question that `is_impossible` has no answers, whatever stands in its list; version 1.1 has no such key. CMRC 2018 and XQuAD
come in this form too.

The file may be one line of a gigabyte. It is read article by article: one article's objects are alive at a time, and its
text is held twice at most while the article's end is looked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from stages.corpora import decoding
from stages.corpora.blocks import Block, collect
from stages.errors import SHOWN, DataError, Problem, report
from stages.params.data import Csv

STEP = 1 << 18
"""Characters that are read at once."""
_BLANK = " \t\r\n"
_LINES = "If it holds one object per line, call it .jsonl; one array of objects becomes that by `jq -c '.[]'`."


def read(file: Path, settings: Csv) -> Iterator[Block]:  # noqa: ARG001 - all readers are called alike
    """Read one record per question; a record's place is its number among the file's questions.

    Raises:
        DataError: not UTF-8, no JSON, or not of SQuAD's shape.
    """
    decoding.check(file, "utf-8", "JSON is always UTF-8: convert the file with `iconv -f ENCODING -t utf-8`.")
    yield from collect(_Questions(file).records())


class _Questions:
    """Walks over a document and remembers what was wrong."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.total = 0
        self.row = 0

    def records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """All questions with their numbers.

        Raises:
            DataError: at the document's end, with everything that was not of the expected shape.
        """
        with self.file.open(encoding="utf-8-sig") as stream:
            for number, article in enumerate(_Document(self.file, stream).articles()):
                yield from self._article(article, f"data[{number}]")
        if self.problems:
            remedy = "Mend these places; stages/corpora/readers/squad.py shows the expected form."
            raise DataError(report(f"{self.file}: not as SQuAD's JSON is", self.problems, remedy, total=self.total))
        if not self.row:
            raise DataError(f"{self.file}: no question in it. Expected data[].paragraphs[].qas[].question.")

    def _article(self, article: Any, place: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, paragraph in self._members(article, place, "paragraphs"):
            inner = f"{place}.paragraphs[{number}]"
            context = paragraph.get("context") if isinstance(paragraph, dict) else None
            if not isinstance(context, str):
                self._wrong(f"expected a text, found {type(context).__name__}", f"{inner}.context")
                continue
            # By what it says and not by number: that of another file shall not be taken for it.
            paragraph_id = hashlib.sha256(context.encode(errors="surrogatepass")).hexdigest()[:16]
            shared = {"context": context, "title": article.get("title"), "paragraph": paragraph_id}
            for index, question in self._members(paragraph, inner, "qas"):
                self.row += 1
                record = self._question(question, f"{inner}.qas[{index}]")
                if record is not None:
                    yield self.row, {**record, **shared}

    def _question(self, question: Any, place: str) -> dict[str, Any] | None:
        """One question's own columns; None when it is not of the expected shape."""
        if not isinstance(question, dict) or not isinstance(question.get("question"), str):
            self._wrong("expected an object with a text 'question'", place)
            return None
        answers = question.get("answers") or []
        if question.get("is_impossible") is True:
            answers = []
        if not isinstance(answers, list) or not all(isinstance(one, dict) for one in answers):
            self._wrong("expected a list of objects with text and answer_start", f"{place}.answers")
            return None
        columns = {key: [one.get(key) for one in answers] for key in ("text", "answer_start")}
        return {"id": question.get("id"), "question": question["question"], "answers": columns}

    def _members(self, value: Any, place: str, key: str) -> Iterator[tuple[int, Any]]:
        """The numbered members of the list under a key; a problem and nothing when there is no such list."""
        found = value.get(key) if isinstance(value, dict) else None
        if isinstance(found, list):
            yield from enumerate(found)
        else:
            self._wrong(f"expected an object with a list '{key}'", place)

    def _wrong(self, what: str, place: str) -> None:
        self.total += 1
        if len(self.problems) < SHOWN:
            self.problems.append(Problem(what, self.file, self.row or None, place))


class _Document:
    """A JSON document of which only the members of its array `data` are parsed, one after another."""

    def __init__(self, file: Path, stream: TextIO) -> None:
        self.file, self.stream = file, stream
        self.buffer = ""
        self.at = 0
        self.before = 0  # characters of the document that lie before the buffer
        self.decoder = json.JSONDecoder()

    def articles(self) -> Iterator[Any]:
        """The members of `data`.

        Raises:
            DataError: it is no JSON, no object, or has no array `data`.
        """
        first = self._peek()
        if first != "{":
            kind = "a JSON array" if first == "[" else "no JSON object"
            raise DataError(f"{self.file}: {kind}, expected SQuAD's document with a list 'data'. {_LINES}")
        self.at += 1
        found = False
        while self._peek() != "}":
            key = self._value()
            self._expect(":")
            if key == "data" and self._peek() == "[":
                found = True
                yield from self._array()
            else:
                self._value()  # such as version
            if self._peek() == ",":
                self.at += 1
        self.at += 1
        if self._peek():
            raise self._fault("something follows the document's end")
        if not found:
            raise DataError(f"{self.file}: an object without a list 'data', expected SQuAD's document. {_LINES}")

    def _array(self) -> Iterator[Any]:
        self._expect("[")
        while self._peek() != "]":
            yield self._value()
            if self._peek() == ",":
                self.at += 1
            elif self._peek() != "]":
                raise self._fault("expected ',' or ']'")
        self.at += 1

    def _peek(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self.at < len(self.buffer):
                if self.buffer[self.at] not in _BLANK:
                    return self.buffer[self.at]
                self.at += 1
            if not self._more(STEP):
                return ""

    def _expect(self, char: str) -> None:
        if self._peek() != char:
            raise self._fault(f"expected '{char}'")
        self.at += 1

    def _value(self) -> Any:
        """The next value. What is too long for the buffer is tried again with twice as much."""
        if not self._peek():
            raise self._fault("the document ends too early")
        wanted = STEP
        while True:
            try:
                value, end = self.decoder.raw_decode(self.buffer, self.at)
            except (ValueError, RecursionError) as error:
                if not self._more(wanted):
                    place = error.pos if isinstance(error, json.JSONDecodeError) else self.at
                    raise self._fault(getattr(error, "msg", "nested too deeply"), place) from None
                wanted *= 2
                continue
            # A number or word that touches the buffer's end may go on behind it.
            if end < len(self.buffer) or not self._more(STEP):
                self.at = end
                return value

    def _more(self, count: int) -> bool:
        """Read on, and forget what lies behind; False, with nothing changed, at the end of the file."""
        further = self.stream.read(count)
        if further:
            self.before += self.at
            self.buffer = self.buffer[self.at :] + further
            self.at = 0
        return bool(further)

    def _fault(self, what: str, place: int | None = None) -> DataError:
        position = self.before + (self.at if place is None else place) + 1
        return DataError(f"{self.file}: no valid JSON ({what} at character {position:,}). Mend it, or fetch it again.")
