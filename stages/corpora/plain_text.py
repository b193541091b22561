"""A text as the model should see it: without what no reader sees, in one Unicode form.

Prepare brings a corpus into this form, and a release whatever it is asked. Alone in a file, because everything that encodes
depends on it: what prepare does besides may change without a model being tuned again.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Form = Literal["NFC", "NFKC"]
_CONTROL = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
_FORMAT = r"\u00ad\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
_CONTROLS = re.compile(f"[{_CONTROL}]")
_FORMATS = re.compile(f"[{_FORMAT}]")
_BREAKS = re.compile(r"[\t\n\x0b\x0c\r\x85\u2028\u2029]+")
HIDDEN = re.compile(f"[{_CONTROL}{_FORMAT}]")
"""A character that `clean_text` takes out, wherever it stands."""


def clean_text(text: str, form: Form | None) -> str:
    """One text without control characters, in the given Unicode form, without blanks at its ends.

    Idempotent: cleaning a clean text changes nothing.
    """
    text = _CONTROLS.sub("", _BREAKS.sub(" ", text))
    if not text.isascii():
        text = _FORMATS.sub("", text)
        if form is not None:
            text = unicodedata.normalize(form, text)
    return text.strip()


def shown(text: str) -> str:
    """A text without hidden characters, and otherwise as it is."""
    return HIDDEN.sub("", text)
