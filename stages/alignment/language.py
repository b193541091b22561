"""What a model still knows of language, read with the base model's own output layer put back: no refit, losses per token.

Masked models get pseudo-log-likelihoods (Salazar et al. 2020): each token is masked in turn. Causal models get teacher-forced
losses. A base model that was saved without its output layer (most sentence encoders) has none to put back, and the reading is
left out.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

KINDS = (
    ("masked", AutoModelForMaskedLM),
    ("causal", AutoModelForCausalLM),
)
BATCH = 64
LONGEST = 64
"""Tokens of a sentence that are read."""


class Losses(NamedTuple):
    """Of sentences, each an array `(sentences,)`.

    Attributes:
        nats: summed loss of the tokens asked.
        tokens: how many were asked.
        covered: bytes of UTF-8 that they stand for.
    """

    nats: np.ndarray
    tokens: np.ndarray
    covered: np.ndarray

    @property
    def perplexity(self) -> float:
        """Per token."""
        return float(np.exp(self.nats.sum() / max(self.tokens.sum(), 1)))

    @property
    def bits_per_byte(self) -> float:
        """Loss per byte of UTF-8: comparable between tokenizers."""
        return float(self.nats.sum()) / math.log(2) / max(int(self.covered.sum()), 1)


@dataclass(frozen=True)
class Speaker:
    """A model with its output layer.

    Attributes:
        kind: masked or causal.
        model: gives logits over the vocabulary.
        words: its tokenizer.
        mask_id: token id of the mask, for masked models.
        pad_id: token id of padding.
    """

    kind: str
    model: Any
    words: Tokenizer
    mask_id: int | None
    pad_id: int

    def with_body(self, body: nn.Module) -> Speaker:
        """The same output layer on another body of the same architecture, such as the tuned one."""
        model = copy.deepcopy(self.model)
        own = getattr(model, model.base_model_prefix)
        wanted = set(own.state_dict())
        own.load_state_dict({name: value for name, value in body.state_dict().items() if name in wanted}, strict=False)
        return Speaker(self.kind, model, self.words, self.mask_id, self.pad_id)

    def losses(self, sentences: Sequence[str]) -> Losses:
        """Losses of each sentence, of its first 64 tokens."""
        return Losses(*map(np.array, zip(*map(self._loss, sentences), strict=True)))

    def _loss(self, text: str) -> tuple[float, int, int]:
        """Nats, tokens and bytes of a sentence."""
        read = self.words.encode(text)
        ids = read.ids[:LONGEST]
        if self.kind == "masked":
            special = set(self.words.encode("").ids)
            places, begin = [i for i, token in enumerate(ids) if token not in special], 0
        else:
            places, begin = list(range(1, len(ids))), read.offsets[0][1] if ids else 0
        end = max((read.offsets[i][1] for i in places), default=begin)
        nats = (self._masked if self.kind == "masked" else self._forced)(ids, places)
        return nats, len(places), len(text[begin:end].encode())

    def _forced(self, ids: list[int], places: list[int]) -> float:
        if not places:
            return 0.0
        row = torch.tensor([ids])
        with torch.inference_mode():
            logits = self.model(input_ids=row).logits[0, :-1]
        return float(nn.functional.cross_entropy(logits, row[0, 1:], reduction="sum"))

    def _masked(self, ids: list[int], places: list[int]) -> float:
        rows = torch.tensor(ids).repeat(len(places), 1)
        rows[torch.arange(len(places)), torch.tensor(places, dtype=torch.long)] = self.mask_id or 0
        total = 0.0
        with torch.inference_mode():
            for start in range(0, len(places), BATCH):
                logits = self.model(input_ids=rows[start : start + BATCH]).logits
                chosen = torch.tensor(places[start : start + BATCH])
                asked = logits[torch.arange(len(chosen)), chosen]
                total += float(nn.functional.cross_entropy(asked, torch.tensor(ids)[chosen], reduction="sum"))
        return total


def speaker(folder: Path, words: Tokenizer, pad_id: int) -> Speaker | None:
    """The base model with the output layer it was saved with; None when it has none."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    for kind, loader in KINDS:
        if type(config) not in loader._model_mapping:
            continue
        model, report = loader.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, output_loading_info=True
        )
        if report["missing_keys"]:
            continue
        mask = words.token_to_id("[MASK]")
        mask = mask if mask is not None else words.token_to_id("<mask>")
        if kind == "masked" and mask is None:
            continue
        return Speaker(kind, model.float().eval(), words, mask, pad_id)
    return None
