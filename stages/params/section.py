"""What every section of `params.yaml` shares: frozen, strict, and named."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A frozen group of keys: unknown keys and wrong types are refused, nothing is coerced but int to float."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Section(Settings):
    """A top-level section of `params.yaml`; `section` is its key there."""

    section: ClassVar[str]
