"""Between base and tuned weights: how task and retention trade along the way (WiSE-FT, Wortsman et al. 2022).

Encoder weights are mixed, `(1 - share) * base + share * tuned`; the head is the tuned one. Often a share below 1
keeps nearly all accuracy and much more of what the base model knew: that costs no training at all.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch

from stages.alignment.abilities import Ability
from stages.alignment.readers import Reader
from stages.metrics.intervals import Bootstrap, Estimate

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Mixture:
    """One point of the way: share of the tuned weights, accuracy on the task, credit of the ability."""

    share: float
    accuracy: Estimate
    ability: Estimate


def measure(
    base: Reader,
    tuned: Reader,
    head: torch.nn.Linear,
    task: tuple[list[str], np.ndarray],
    ability: Ability,
    bootstrap: Bootstrap,
) -> list[Mixture]:
    """Walk from base to tuned.

    Args:
        base: the base model.
        tuned: the tuned model, of the same architecture.
        head: of the tuned model, on pooled states.
        task: texts and class ids to be right on.
        ability: to be kept.
        bootstrap: how intervals are made.
    """
    texts, gold = task
    weight, bias = (part.detach().cpu().float().numpy() for part in (head.weight, head.bias))
    found = []
    for share in SHARES:
        reader = mixed(base, tuned, share)
        right = (reader.vectors(texts) @ weight.T + bias).argmax(axis=1) == gold
        accuracy = bootstrap.of_means(right[None].astype(float))[0]
        kept = bootstrap.of_means(ability.right(reader)[None].astype(float))[0]
        found.append(Mixture(share, accuracy, kept))
    return found


def comparable(base: Reader, tuned: Reader) -> bool:
    """Whether both have the same weights; adapters that could not be merged are in the tuned model alone."""
    return base.encoder.state_dict().keys() == tuned.encoder.state_dict().keys()


def mixed(base: Reader, tuned: Reader, share: float) -> Reader:
    """A reader with mixed weights; the ends are the readers themselves."""
    if share in (0.0, 1.0):
        return tuned if share else base
    encoder = copy.deepcopy(tuned.encoder)
    start, end = base.encoder.state_dict(), tuned.encoder.state_dict()
    state = {
        name: torch.lerp(start[name], value, share) if value.is_floating_point() else value
        for name, value in end.items()
    }
    encoder.load_state_dict(state)
    return Reader(encoder, tuned.words, tuned.pooling, tuned.max_length, tuned.pad_id)


def distance(base: Reader, tuned: Reader) -> float:
    """Relative distance of the weights, ‖tuned - base‖ / ‖base‖: a diagnostic, not comparable across ways to adapt."""
    start, end = base.encoder.state_dict(), tuned.encoder.state_dict()
    moved = sum(float(((end[n] - v) ** 2).sum()) for n, v in start.items() if v.is_floating_point())
    size = sum(float((v**2).sum()) for v in start.values() if v.is_floating_point())
    return float((moved / size) ** 0.5) if size else 0.0
