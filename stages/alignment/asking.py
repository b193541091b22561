"""What the references ask of the models, and how much of it the budget allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stages import artifacts
from stages.alignment import abilities, budget, interpolation, language, retention, sampling
from stages.alignment.abilities import Ability
from stages.alignment.readers import Reader
from stages.alignment.references import References
from stages.alignment.retention import Reading, Spoken
from stages.analysis import baselines
from stages.encoding import base_model
from stages.metrics.intervals import Bootstrap
from stages.params.evaluation import EvaluationParams
from stages.params.model import ModelParams
from stages.training.prediction import Tuned

SPOKEN = 100
"""Sentences whose tokens are masked one by one."""


@dataclass(frozen=True)
class Words:
    """How the base model's vocabulary fits the task's words.

    Attributes:
        task: sub-words per word of train.
        general: the same of general sentences; None without any.
        foreign: share of train's running words that the tokenizer breaks into three pieces or more.
        records: of train that were looked at.
    """

    task: float
    general: float | None
    foreign: float
    records: int

    def details(self, decimals: int) -> dict[str, float | int | None]:
        """As JSON values."""
        return {
            name: round(value, decimals) if isinstance(value, float) else value for name, value in asdict(self).items()
        }


def sizes(tuned: Tuned, base: Reader, given: References, params: EvaluationParams) -> budget.Sizes:
    """The samples that `evaluation.alignment.budget` allows for this project."""
    encoder: Any = base.encoder
    embedded = sum(value.numel() for name, value in encoder.named_parameters() if "embedding" in name.lower())
    labelled = [len(labels) for _, labels in given.probes.values()] + [len(tags) for _, tags in given.tagged.values()]
    paired = [len(first) for first, _, _ in (*given.pairs.values(), *given.relations.values())]
    job = budget.Job(
        rows=dict(tuned.schema.rows),
        tokens=float(artifacts.read_table(artifacts.tokenized("train"), ["length"])["length"].to_numpy().mean()),
        weights=sum(value.numel() for value in encoder.parameters()) - embedded,
        width=int(encoder.config.hidden_size),
        layers=int(encoder.config.num_hidden_layers),
        classes=len(tuned.schema.labels),
        texts=[len(one) for one in given.texts.values()],
        sets=[*labelled, *(2 * one for one in paired)],
        permutations=params.alignment.permutations,
        resamples=params.bootstrap,
    )
    return budget.plan(job, params.alignment.budget, baselines.LARGEST)


def abilities_of(given: References, records: int, seed: int) -> list[Ability]:
    """All tests that the references allow, on samples of them."""
    asked: list[Ability] = []
    for name, texts in given.texts.items():
        asked += abilities.of_text(name, some(texts, records, seed), seed)
    for name, (texts, classes) in given.probes.items():
        chosen = sampling.rows(len(texts), 2 * records, seed)
        asked += abilities.of_labelled(name, [texts[i] for i in chosen], [classes[i] for i in chosen], seed)
    for name, (first, second, scores) in given.pairs.items():
        chosen = sampling.rows(len(first), 2 * records, seed)
        one, other = [first[i] for i in chosen], [second[i] for i in chosen]
        asked += abilities.of_pairs(name, one, other, np.array(scores)[chosen])
    for name, (first, second, classes) in given.relations.items():
        chosen = sampling.rows(len(first), 2 * records, seed)
        one, other = [first[i] for i in chosen], [second[i] for i in chosen]
        asked += abilities.of_relations(name, one, other, [classes[i] for i in chosen], seed)
    for name, (sentences_of, tags) in given.tagged.items():
        chosen = sampling.rows(len(tags), records, seed)
        asked += abilities.of_tagged(name, [sentences_of[i] for i in chosen], [tags[i] for i in chosen], seed)
    return asked


def some(texts: Sequence[str], most: int, seed: int) -> list[str]:
    """A seeded sample."""
    return [texts[i] for i in sampling.rows(len(texts), most, seed)]


def spoken(
    tuned: Tuned, base: Reader, after: Reader, random: Reader, general: list[str], bootstrap: Bootstrap
) -> tuple[Reading | None, Spoken] | None:
    """Loss per token with the base model's own output layer; None where it was saved without one.

    Of few sentences there is no reading, whose interval would say nothing. Adapters that could not be merged are no part of the
    body that the layer is put on, so that a model with some gets None too.
    """
    if not interpolation.comparable(base, after):
        return None
    folder = base_model.locate(ModelParams.model_validate(tuned.facts.model), verify=False)
    before = language.speaker(folder, base.words, base.pad_id)
    if before is None:
        return None
    asked = general[:SPOKEN]
    credit, perplexity, bits = [], {}, {}
    speakers = (before, before.with_body(after.encoder), before.with_body(random.encoder))
    for name, one in zip(("base", "tuned", "random"), speakers, strict=True):
        found = one.losses(asked)
        credit.append(-found.nats / np.maximum(found.tokens, 1))
        perplexity[name], bits[name] = round(found.perplexity, 2), round(found.bits_per_byte, 4)
    said = Spoken(before.kind, perplexity, bits, len(asked))
    if len(asked) < abilities.FEWEST:
        return None, said
    name = f"{before.kind} language model: log-likelihood per token"
    return retention.reading(name, np.stack(credit), bootstrap, access=True, nats=True), said


def fragmentation(base: Reader, train: Sequence[str], general: Sequence[str], records: int, seed: int) -> Words:
    """How finely the base model's tokenizer breaks words; see `stages.encoding.lengths` for what is usual."""
    asked = some(train, records, seed)
    task = _pieces_per_word(base, asked)
    usual = _pieces_per_word(base, some(general, records, seed))
    return Words(
        float(task.mean()) if len(task) else 0.0,
        float(usual.mean()) if len(usual) else None,
        float((task >= 3).mean()) if len(task) else 0.0,
        len(asked),
    )


def _pieces_per_word(base: Reader, texts: Sequence[str]) -> np.ndarray:
    """Sub-words of each running word, as it stands alone `(words,)`."""
    running = [word for text in texts for word in abilities.pieces(text)]
    known = list(dict.fromkeys(running))
    encoded = base.words.encode_batch(known, add_special_tokens=False)
    count = dict(zip(known, (len(one.ids) for one in encoded), strict=True))
    return np.array([count[word] for word in running])
