"""`text`: how texts become token ids."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stages.params.section import Section


class TextParams(Section):
    """The `text` section.

    Attributes:
        max_length: longest sequence in tokens, special tokens included; `auto` is the given percentile of train's lengths,
            capped by what the base model can read.
        percentile: of train's lengths, for `auto`.
    """

    section: ClassVar[str] = "text"
    max_length: Annotated[int, Field(ge=8)] | Literal["auto"] = "auto"
    percentile: Annotated[float, Field(gt=50, le=100)] = 99.5
