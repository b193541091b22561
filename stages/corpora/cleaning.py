r"""Texts and labels as the model should see them, and what had to be left out for that.

Changed: Unicode form, control characters, ends. Tabs and line breaks become a blank: the texts are short and single.
Kept as they are: zero-width joiners and non-joiners (emoji, Persian and Indic scripts mean something else without
them) and the marks LRM, RLM and ALM, which right-to-left languages need. Removed: other control characters;
zero-width spaces, word joiners and soft hyphens, which split words for a tokenizer where no reader sees it; and
bidirectional embeddings, overrides and isolates, which make a text read otherwise than it is stored. Labels are
mended likewise, so that ``refund`` and ``refund\u200b`` are one.
"""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.artifacts import UNLABELLED
from stages.corpora.plain_text import Form
from stages.corpora.plain_text import clean_text as clean_text
from stages.corpora.records import ROW, Draft
from stages.errors import SHOWN, DataError, Problem, report
from stages.params.data import Cleaning

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Mn", "Me", "Zs", "Zl", "Zp"})
"""Unicode categories that show nothing when they stand alone."""
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Hangul fillers and the empty Braille cell: letters and symbols by category, blank to the eye."""


def has_content(text: str) -> bool:
    """Whether a reader would see anything: a character that is no blank, mark, joiner or control."""
    return any(unicodedata.category(char) not in _INVISIBLE and char not in _BLANK_LETTERS for char in text)


def clean(draft: Draft, rules: Cleaning) -> None:
    """Clean a split's texts and labels; leave out records without text or, where one is due, without label.

    Raises:
        DataError: params refuse such records, with their rows.
    """
    shape = draft.shape
    shape.settle(draft, rules)
    draft.done.add("texts mended", shape.mend_texts(draft, lambda text: clean_text(text, rules.normalize)))
    draft.done.add("labels mended", shape.mend(draft, lambda label: clean_label(label, rules.normalize)))
    for role in shape.texts:
        shown = [text is not None and has_content(text) for texts in draft.chunks(role) for text in texts]
        _leave_out(draft, ~np.array(shown, dtype=bool), role, rules.empty, "empty")
    if draft.name in UNLABELLED:
        draft.replace(shape.target, pa.nulls(draft.rows, shape.type))
    else:
        absent = pc.is_null(draft.table[shape.target]).to_numpy()
        _leave_out(draft, absent, shape.target, rules.unlabelled, "unlabelled")


def clean_label(label: str, form: Form | None) -> str | None:
    """One label, cleaned like a text but always in one Unicode form; None when nothing is left.

    Two forms of one label would be two classes that look alike, which nobody wants.
    """
    return clean_text(label, form or "NFC") or None


def _leave_out(draft: Draft, found: np.ndarray, column: str, action: str, key: str) -> None:
    """Drop or refuse records that lack something.

    Raises:
        DataError: params refuse them, with their rows.
    """
    count = int(found.sum())
    if count and action == "refuse":
        rows = draft.table.filter(pa.array(found))[ROW].slice(0, SHOWN).to_pylist()
        problems = [Problem(f"expected a {column}, found none", draft.origin, row, column) for row in rows]
        remedy = f"Mend these records, or set data.cleaning.{key}: drop."
        raise DataError(report(f"{draft.origin}: records without {column}", problems, remedy, total=count))
    draft.done.add(f"records without {column} dropped", count)
    if count:
        draft.keep(~found)
