"""Models as readers of text: a vector per text and layer, from the base model, the tuned one, or one with random weights.

All three share tokenizer, length and pooling, so that what differs between their vectors is their weights alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn

from stages.encoding import base_model, ids, tokenizer
from stages.params.model import ModelParams
from stages.tasks.pooled_classifier import pool
from stages.training import assembly, quick
from stages.training.precision import device, use_bf16
from stages.training.prediction import Tuned

BATCH = 64
POOLINGS = ("mean", "cls", "max")


@dataclass(frozen=True)
class States:
    """Everything that a model makes of some texts.

    Attributes:
        layers: pooled states of the embeddings and each layer `(layers + 1, texts, hidden)` in float32.
        poolings: the last layer's states pooled in each way `(texts, hidden)`.
    """

    layers: np.ndarray
    poolings: dict[str, np.ndarray]


@dataclass(frozen=True)
class Reader:
    """An encoder that turns texts into vectors. Each text's last vector is kept, so that no text is read twice.

    Attributes:
        encoder: transformers encoder in evaluation mode.
        words: its tokenizer.
        pooling: how states become a vector.
        max_length: in tokens.
        pad_id: token id of padding.
    """

    encoder: nn.Module
    words: Tokenizer
    pooling: str
    max_length: int
    pad_id: int
    known: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    deep: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def layers(self, texts: Sequence[str]) -> np.ndarray:
        """Every layer's pooled states `(layers + 1, texts, hidden)`, kept like `vectors`: for texts that are asked again."""
        missing = list(dict.fromkeys(text for text in texts if text not in self.deep))
        if missing:
            found = self._read(missing, [self.pooling], every=True)[self.pooling]
            self.deep.update(zip(missing, found.transpose(1, 0, 2), strict=True))
            self.known.update(zip(missing, found[-1], strict=True))
        return np.stack([self.deep[text] for text in texts], axis=1)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Last layer's pooled states `(texts, hidden)` in float32."""
        missing = list(dict.fromkeys(text for text in texts if text not in self.known))
        if missing:
            found = self._read(missing, [self.pooling], every=False)[self.pooling][-1]
            self.known.update(zip(missing, found, strict=True))
        return np.stack([self.known[text] for text in texts])

    def states(self, texts: Sequence[str]) -> States:
        """Every layer's pooled states, and the last one's in each pooling."""
        found = self._read(texts, list(dict.fromkeys([self.pooling, *POOLINGS])), every=True)
        layers = found[self.pooling]
        self.known.update(zip(texts, layers[-1], strict=True))
        return States(layers, {how: found[how][-1] for how in POOLINGS})

    def word_vectors(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """Last layer's states of given words, the mean over a word's sub-words `(words of all sentences, hidden)`.

        A word that lies beyond the model's length, or has no sub-word of its own, gets its sentence's mean.
        """
        where = next(self.encoder.parameters()).device
        found = []
        for words in sentences:
            text, spans = _joined(words)
            encoded = self.words.encode(text)
            ids = torch.tensor([encoded.ids[: self.max_length]], device=where)
            with torch.inference_mode():
                states = self.encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0]
            states = states.float().cpu().numpy()
            offsets = np.array(encoded.offsets[: self.max_length])
            for begin, end in spans:
                own = (offsets[:, 0] < end) & (offsets[:, 1] > begin)
                found.append(states[own].mean(axis=0) if own.any() else states.mean(axis=0))
        return np.stack(found).astype(np.float32)

    def _read(self, texts: Sequence[str], poolings: list[str], *, every: bool) -> dict[str, np.ndarray]:
        """States by pooling; the head's own pooling gives all layers, the others the last one."""
        where = next(self.encoder.parameters()).device
        encoded = ids.encode(self.words, texts, self.max_length)
        offsets, flat = encoded.ids.offsets.to_numpy(), encoded.ids.values.to_numpy()
        order = np.argsort(-encoded.lengths, kind="stable")
        found: dict[str, np.ndarray] = {}
        bf16 = use_bf16("auto", where, self.encoder)
        fast = torch.autocast(where.type, torch.bfloat16, enabled=bf16)
        lent = quick.reading(self.encoder, bf16=bf16) if where.type == "cpu" else nullcontext()
        with lent, torch.inference_mode(), fast:
            budget = quick.TOKENS.get(where.type, quick.MOST_TOKENS)
            for part in quick.batches(encoded.lengths[order], budget):
                chosen = order[part]
                width = int(encoded.lengths[chosen[0]])
                batch = np.full((len(chosen), width), self.pad_id, dtype=np.int64)
                mask = np.zeros((len(chosen), width), dtype=np.int64)
                for i, at in enumerate(chosen):
                    row = flat[offsets[at] : offsets[at + 1]]
                    batch[i, : len(row)], mask[i, : len(row)] = row, 1
                inputs, seen = torch.from_numpy(batch).to(where), torch.from_numpy(mask).to(where)
                out = self.encoder(input_ids=inputs, attention_mask=seen, output_hidden_states=every)
                for how in poolings:
                    states = out.hidden_states if every and how == self.pooling else (out.last_hidden_state,)
                    pooled = torch.stack([pool(state, seen, how) for state in states]).cpu().numpy()
                    if how not in found:
                        found[how] = np.empty((len(states), len(order), pooled.shape[-1]), dtype=np.float32)
                    found[how][:, chosen] = pooled
        return found


def _joined(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Words as one text with blanks between them, and where each one stands."""
    spans, at = [], 0
    for word in words:
        spans.append((at, at + len(word)))
        at += len(word) + 1
    return " ".join(words), spans


def of_tuned(tuned: Tuned, folder: Path) -> Reader:
    """The tuned model as a reader.

    Args:
        tuned: as loaded.
        folder: where from, for its tokenizer.
    """
    encoder: Any = tuned.model.encoder
    encoding = tuned.facts.encoding
    return Reader(encoder, tokenizer.load(folder), tuned.facts.pooling, encoding.max_length, encoding.pad_id)


def of_base(tuned: Tuned) -> Reader:
    """The base model that the tuned one came from, read in the same way."""
    params = ModelParams.model_validate(tuned.facts.model)
    folder = base_model.locate(params, verify=False)
    encoder = assembly.load_encoder(folder, params, device()).to(device()).eval()
    encoding = tuned.facts.encoding
    return Reader(encoder, tokenizer.load(folder), tuned.facts.pooling, encoding.max_length, encoding.pad_id)


def of_random(base: Reader, seed: int) -> Reader:
    """The same architecture with the weights it would have before any training: the floor of what a model can know."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kind: Any = type(base.encoder)
        config: Any = base.encoder.config
        encoder: Any = kind._from_config(config, **assembly.without_pooler(config))
    where = next(base.encoder.parameters()).device
    return Reader(encoder.to(where).float().eval(), base.words, base.pooling, base.max_length, base.pad_id)
