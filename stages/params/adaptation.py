"""`adaptation`: which weights of the base model are tuned, and how."""

from __future__ import annotations

from typing import ClassVar, Literal

from stages.params.section import Section


class AdaptationParams(Section):
    """The `adaptation` section.

    Attributes:
        method: `full` tunes every weight.
    """

    section: ClassVar[str] = "adaptation"
    method: Literal["full"] = "full"
