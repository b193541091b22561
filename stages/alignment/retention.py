"""What fine-tuning made the model forget: abilities on text that is not the task's, before and after.

Each ability is read from three models: base, tuned, and one with random weights, which is the floor. What is reported is the
share of the base model's ability above that floor which the tuned model kept::

    retained = (tuned - floor) / (base - floor)

The plain ratio tuned / base would call a model that forgot everything half preserved wherever chance alone is worth
something. Where the base model itself is not clearly above the floor (by four standard errors) nothing can be forgotten, and
the reading is UNINFORMATIVE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stages.alignment.abilities import Ability
from stages.alignment.readers import Reader
from stages.metrics.intervals import Bootstrap, Estimate
from stages.metrics.similarity import debiased_cka

CLEARLY = 4.0
"""Standard errors by which the base model has to be above the floor."""


@dataclass(frozen=True)
class Reading:
    """One ability before and after.

    Attributes:
        ability: its name.
        access: whether vectors were taken as they are, or a probe was refitted.
        base: credit of the base model.
        tuned: credit of the tuned model.
        floor: credit of random weights.
        change: tuned less base, paired over records.
        retained: chance-corrected share; None where the base model is not clearly above the floor.
        nats: whether credit is a log-likelihood, which has no mean with shares of records.
    """

    ability: str
    access: bool
    base: Estimate
    tuned: Estimate
    floor: Estimate
    change: Estimate
    retained: Estimate | None
    nats: bool = False

    def details(self, decimals: int) -> dict[str, Any]:
        """Everything, as JSON."""
        return {
            "ability": self.ability,
            "kind": "access" if self.access else "information",
            "base": self.base.rounded(decimals),
            "tuned": self.tuned.rounded(decimals),
            "floor": self.floor.rounded(decimals),
            "change": self.change.rounded(decimals),
            "retained": self.retained.rounded(decimals) if self.retained else "UNINFORMATIVE",
        }


@dataclass(frozen=True)
class Spoken:
    """Losses of a language model on general sentences, with the base model's own output layer.

    Attributes:
        kind: masked or causal.
        perplexity: per token, by model: `base`, `tuned`, `random`; pseudo-perplexity for masked models.
        bits_per_byte: the same losses per byte of UTF-8: comparable between tokenizers.
        sentences: that were asked.
    """

    kind: str
    perplexity: dict[str, float]
    bits_per_byte: dict[str, float]
    sentences: int


@dataclass(frozen=True)
class Retention:
    """All readings, what each layer still holds, and how alike the layers of base and tuned model still are.

    Attributes:
        readings: one per ability.
        cka: debiased linear CKA between base and tuned by layer, embeddings first.
        texts: sentences that CKA was read on.
        by_layer: share that probes refitted on each layer get right, of base and tuned model, by ability.
        backward: backward transfer (Lopez-Paz & Ranzato 2017): mean change of the informative abilities, tuned less base, but
            for the language model's; None without any. It hides what the worst one lost, so it is shown beside it and never
            judged.
        language: what the base model's own output layer says, where it has one.
    """

    readings: list[Reading]
    cka: list[float]
    texts: int
    by_layer: dict[str, tuple[list[float], list[float]]] = field(default_factory=dict)
    backward: Estimate | None = None
    language: Spoken | None = None

    @property
    def worst(self) -> Reading | None:
        """The informative reading that kept least; None when no reading is informative."""
        found = [one for one in self.readings if one.retained is not None]
        return min(found, key=lambda one: one.retained.value if one.retained else np.inf, default=None)

    @property
    def mean(self) -> float | None:
        """Mean share kept of the abilities that `backward` is of; None without any."""
        found = [one.retained.value for one in self.readings if one.retained is not None and not one.nats]
        return float(np.mean(found)) if found else None


def measure(
    base: Reader,
    tuned: Reader,
    random: Reader,
    abilities: Sequence[Ability],
    texts: Sequence[str],
    bootstrap: Bootstrap,
) -> Retention:
    """Read every ability from all three models.

    Args:
        base: the base model.
        tuned: the tuned model.
        random: the base model's architecture with random weights.
        abilities: what to ask.
        texts: general sentences for the comparison of layers; at least 4.
        bootstrap: how intervals are made.
    """
    # Layers first: reading them leaves every text's last vector with the reader, and the readings need no more.
    by_layer = {one.name: (one.layers(base), one.layers(tuned)) for one in abilities if one.layers is not None}
    credit = [np.stack([one.right(reader).astype(float) for reader in (base, tuned, random)]) for one in abilities]
    readings = [
        reading(one.name, found, bootstrap, access=one.access) for one, found in zip(abilities, credit, strict=True)
    ]
    layers = zip(base.layers(texts), tuned.layers(texts), strict=True)
    likeness = [debiased_cka(before, after) for before, after in layers]
    informative = [found for one, found in zip(readings, credit, strict=True) if one.retained is not None]
    return Retention(readings, likeness, len(texts), by_layer, backward_transfer(informative, bootstrap))


def backward_transfer(credit: Sequence[np.ndarray], bootstrap: Bootstrap) -> Estimate | None:
    """Mean over abilities of tuned less base; abilities on as many records share their resamples.

    Args:
        credit: of base, tuned and floor by ability `(3, records)`.
        bootstrap: how the interval is made.
    """
    if not credit:
        return None
    changes = [one[1] - one[0] for one in credit]
    draws = {n: np.concatenate(list(bootstrap.weights(n))) / n for n in {len(change) for change in changes}}
    mean = np.mean([draws[len(change)] @ change for change in changes], axis=0)
    value = float(np.mean([change.mean() for change in changes]))
    return Estimate(value, *bootstrap.interval(mean), min(len(change) for change in changes))


def reading(name: str, credit: np.ndarray, bootstrap: Bootstrap, *, access: bool, nats: bool = False) -> Reading:
    """Estimates from the credit of base, tuned and floor on each record.

    Args:
        name: of the ability.
        credit: `(3, records)`; its means are the abilities.
        bootstrap: how intervals are made.
        access: whether vectors were taken as they are.
        nats: whether credit is a log-likelihood.
    """
    n = credit.shape[1]
    draws = np.concatenate([block @ credit.T / n for block in bootstrap.weights(n)])
    means = credit.mean(axis=1)
    estimates = [Estimate(float(means[i]), *bootstrap.interval(draws[:, i]), n) for i in range(3)]
    change = Estimate(float(means[1] - means[0]), *bootstrap.interval(draws[:, 1] - draws[:, 0]), n)
    above = draws[:, 0] - draws[:, 2]
    retained = None
    if means[0] - means[2] > CLEARLY * max(float(above.std(ddof=1)), 1e-12):
        ratio = (draws[:, 1] - draws[:, 2]) / np.where(above > 0, above, np.nan)
        ratio = ratio[np.isfinite(ratio)]
        value = float((means[1] - means[2]) / (means[0] - means[2]))
        retained = Estimate(value, *bootstrap.interval(ratio), n)
    return Reading(name, access, estimates[0], estimates[1], estimates[2], change, retained, nats)
