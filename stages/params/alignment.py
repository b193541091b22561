"""`evaluation.alignment`: what the three gaps are measured on, and where they begin to matter."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stages.params.section import Settings


class Thresholds(Settings):
    """Where a verdict turns.

    Attributes:
        pretraining_gain: the lower bound of what the base model's features gain over the best floor has to be above it.
        separation: AUC of the classifier two-sample test (normalised text) below which a split counts as of train's kind.
        distance_ratio: mean distance to train over that of validation below which it does.
        retention: share of each ability that has to be kept, by its lower bound.
    """

    pretraining_gain: Annotated[float, Field(ge=-1, le=1)] = 0.0
    separation: Annotated[float, Field(gt=0.5, le=1)] = 0.60
    distance_ratio: Annotated[float, Field(gt=1)] = 1.10
    retention: Annotated[float, Field(gt=0, le=1)] = 0.85


class Budget(Settings):
    """What the report may cost.

    Attributes:
        records: most records per statistic and split (half as many where each is read several times); costs grow with it,
            intervals shrink. Statistics that compare each with each need 3 GiB for 4,000.
        seconds: what all of it may take on two plain cores, by a count of operations and never by a clock, so that the same
            commit has the same samples on each machine; they shrink until the count fits (`stages.alignment.budget`).
            null: no such cap.
    """

    records: Annotated[int, Field(ge=100, le=4000)] = 1000
    seconds: Annotated[float, Field(ge=1)] | None = 120.0


class AlignmentParams(Settings):
    """The group `evaluation.alignment`.

    Attributes:
        enabled: measure the three gaps at all.
        budget: caps of sample sizes and cost.
        permutations: of the two-sample tests; p cannot be smaller than 1 / (permutations + 1), times the number of splits.
        seed: of samples, folds, permutations and the floor's random weights.
        thresholds: where verdicts turn.
    """

    enabled: bool = True
    budget: Budget = Budget()
    permutations: Annotated[int, Field(ge=100)] = 200
    seed: Annotated[int, Field(ge=0)] = 11
    thresholds: Thresholds = Thresholds()
