"""Raw values of a record as text, or the reason why they are none.

Texts must be text: a number in a text column nearly always means that the wrong column was named. Labels, ids, groups and
kept columns may be numbers, whose digits become the value (`3`, and also `3.0`, which is what data frames make of integers
beside missing values). An absent label is null, NaN, blank, or one of `ABSENT` in any case; `none`, `NA` and `n/a` are labels,
since data sets use them for classes.
"""

from __future__ import annotations

import datetime
import decimal
import math
import re
from dataclasses import dataclass
from typing import Any

ABSENT = {"", "nan", "null"}
EXACT = 2**53
"""Integers up to here survive as floating-point numbers."""
_SURROGATES = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True)
class Refused:
    """A value that cannot be what its column should hold."""

    what: str


def as_text(value: Any) -> str | Refused | None:
    """A text, or nothing where it is absent."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    return Refused(f"expected text, found {type(value).__name__} {str(value)[:40]}")


def as_value(value: Any) -> str | Refused | None:
    """Labels, ids, groups and kept columns: strings stripped, numbers by their digits, booleans as JSON writes them."""
    if isinstance(value, str):
        stripped = value.strip()
        return None if stripped.casefold() in ABSENT else stripped
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    if isinstance(value, int | float | decimal.Decimal | datetime.date | datetime.time):
        return str(value)
    return Refused(f"expected text or a number, found {type(value).__name__} {str(value)[:40]}")


def as_number(value: Any) -> float | Refused | None:
    """A finite number, also one that is written as text; nothing where it is absent."""
    if value is None or (isinstance(value, str) and value.strip().casefold() in ABSENT):
        return None
    found: float | None = None
    slip = isinstance(value, bool) or (isinstance(value, str) and "_" in value)  # Python takes 1_0 for 10
    if isinstance(value, int | float | decimal.Decimal | str) and not slip:
        try:
            found = float(value)
        except (OverflowError, ValueError):
            found = None
    if found is not None and math.isnan(found):
        return None
    if found is None or math.isinf(found):
        return Refused(f"expected a number, found {type(value).__name__} {str(value)[:40]!r}")
    return found


def whole(value: Any) -> Any:
    """A value whose half surrogate pairs, which JSON can spell and no file can hold, are replaced by U+FFFD."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [whole(one) for one in value]
    if isinstance(value, dict):
        return {key: whole(one) for key, one in value.items()}
    return value
