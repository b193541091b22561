"""What tasks on one text share: what a user may ask with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from stages.corpora.plain_text import Form, clean_text
from stages.corpora.values import whole
from stages.errors import DataError


def records(inputs: Sequence[Any], normalize: Form | None) -> pa.Table:
    """Texts as records, cleaned as prepare cleans them.

    Args:
        inputs: texts.
        normalize: Unicode form of the corpus.

    Raises:
        DataError: an input is no text.
    """
    strange = [one for one in inputs if not isinstance(one, str)]
    if strange:
        raise DataError(f"expected texts, found {type(strange[0]).__name__} {str(strange[0])[:40]!r}")
    return pa.table(
        {
            "id": pa.array([str(i) for i in range(len(inputs))], pa.string()),
            "text": pa.array([clean_text(whole(one), normalize) for one in inputs], pa.string()),
        }
    )
