"""One file per way to adapt a base model; the table below is how finetune finds them."""

from __future__ import annotations

from stages.adaptation.full import Full
from stages.adaptation.protocol import Method

METHODS: dict[str, Method] = {"full": Full()}
