"""What a model still knows of language, read with the base model's own output layer put back: no refit, losses per token.

Masked models get pseudo-log-likelihoods (Salazar et al. 2020): each token is masked in turn. Causal and
sequence-to-sequence models get teacher-forced losses; the latter continue the first half of a sentence. A base model
that was saved without its output layer (most sentence encoders) has none to put back, and the reading is left out.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from stages.encoding.lengths import words_in

KINDS = (
    ("masked", AutoModelForMaskedLM),
    ("causal", AutoModelForCausalLM),
    ("sequence-to-sequence", AutoModelForSeq2SeqLM),
)
BATCH = 64
LONGEST = 64


@dataclass(frozen=True)
class Speaker:
    """A model with its output layer.

    Attributes:
        kind: masked, causal, or sequence-to-sequence.
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

    def losses(self, sentences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Summed loss in nats and number of tokens asked, per sentence `(sentences,)`; cut at 64 tokens."""
        found = [self._loss(list(self.words.encode(text).ids[:LONGEST]), text) for text in sentences]
        return np.array([loss for loss, _ in found]), np.array([count for _, count in found])

    def _loss(self, ids: list[int], text: str) -> tuple[float, int]:
        if self.kind == "masked":
            return self._masked(ids)
        if self.kind == "causal":
            row = torch.tensor([ids])
            with torch.inference_mode():
                logits = self.model(input_ids=row).logits[0, :-1]
            return float(nn.functional.cross_entropy(logits, row[0, 1:], reduction="sum")), len(ids) - 1
        places = [match.start() for match in words_in(text)]
        if len(places) < 4:
            return 0.0, 0
        at = places[len(places) // 2]
        asked, said = (self.words.encode(part).ids[:LONGEST] for part in (text[:at], text[at:]))
        with torch.inference_mode():
            out = self.model(input_ids=torch.tensor([asked]), labels=torch.tensor([said]))
        return float(out.loss) * len(said), len(said)

    def _masked(self, ids: list[int]) -> tuple[float, int]:
        special = set(self.words.encode("").ids)
        places = [i for i, token in enumerate(ids) if token not in special]
        rows = torch.tensor(ids).repeat(len(places), 1)
        rows[torch.arange(len(places)), torch.tensor(places, dtype=torch.long)] = self.mask_id or 0
        total = 0.0
        with torch.inference_mode():
            for start in range(0, len(places), BATCH):
                logits = self.model(input_ids=rows[start : start + BATCH]).logits
                chosen = torch.tensor(places[start : start + BATCH])
                asked = logits[torch.arange(len(chosen)), chosen]
                total += float(nn.functional.cross_entropy(asked, torch.tensor(ids)[chosen], reduction="sum"))
        return total, len(places)


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


def bits_per_byte(losses: np.ndarray, sentences: Sequence[str]) -> float:
    """Loss per byte of UTF-8, in bits: comparable between tokenizers."""
    return float(losses.sum()) / math.log(2) / sum(len(text.encode()) for text in sentences)
