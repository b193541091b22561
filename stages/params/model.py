"""`model`: which pretrained encoder is tuned, and how its states become one vector."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stages.params.section import Section

PACKAGED = "packaged:"
"""Prefix of base models that come in a Python package."""


class ModelParams(Section):
    """The `model` section.

    Attributes:
        base: `packaged:NAME`, a local folder (a path that begins with `.`, `/` or `~`, or that holds a `config.json`),
            or a hub id such as `google-bert/bert-base-uncased`.
        revision: the commit of a hub model, 40 hexadecimal digits: a branch name can move.
        sha256: expected digest of the weights file, or of what `sha256sum model*.safetensors*` says of several; null does not
            check (packaged models are always checked).
        pooling: how token states become one vector; `auto` takes the base model's own (`1_Pooling/config.json`) and
            the mean where it says nothing.
        dropout: overrides the dropout of the base model's layers; null leaves it.
        head_dropout: dropout before the task's head.
        attention: implementation; `auto` takes SDPA, and with it its flash kernels, on GPUs where the architecture has it. On
            CPUs it means `eager`, which finetune replaces by attention that is chosen by length where the architecture is known
            (`stages.training.attention`).
    """

    section: ClassVar[str] = "model"
    base: Annotated[str, Field(min_length=1)] = "packaged:all-MiniLM-L6-v2"
    revision: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    pooling: Literal["auto", "mean", "cls", "max"] = "auto"
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    head_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    attention: Literal["auto", "eager", "sdpa"] = "auto"

    @model_validator(mode="after")
    def _revision_is_a_commit(self) -> ModelParams:
        if self.revision is not None and not re.fullmatch(r"[0-9a-f]{40}", self.revision):
            msg = "revision must be a commit of 40 hexadecimal digits: a branch or tag can move"
            raise ValueError(msg)
        return self
