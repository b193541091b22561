"""What changed between two models: confusions, and the stages of `dvc.lock`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stages.gate.rules import Decisions

Lock = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Confusion:
    """A class taken for another.

    Attributes:
        gold: what it is.
        predicted: what it was taken for.
        before: how often the baseline did.
        after: how often the candidate did.
    """

    gold: str
    predicted: str
    before: int
    after: int

    @property
    def change(self) -> int:
        """How much more often."""
        return self.after - self.before


def confusions(baseline: Decisions, candidate: Decisions, names: list[str]) -> list[Confusion]:
    """Confusions that became more or less frequent: what grew most first, what shrank most last."""
    before, after = (_pairs(one, names) for one in (baseline, candidate))
    found = [Confusion(*pair, before[pair], after[pair]) for pair in {*before, *after} if before[pair] != after[pair]]
    return sorted(found, key=lambda one: (-one.change, one.gold, one.predicted))


def _pairs(said: Decisions, names: list[str]) -> Counter[tuple[str, str]]:
    wrong = ~said.right
    pairs = zip(said.gold[wrong].tolist(), said.predicted[wrong].tolist(), strict=True)
    return Counter((names[gold], names[predicted]) for gold, predicted in pairs)


@dataclass(frozen=True)
class StageChange:
    """A stage at two revisions.

    Attributes:
        name: of the stage.
        inputs: deps and sections of params that differ.
        outs: outs whose hash differs.
        known: whether the baseline's lock has the stage at all.
    """

    name: str
    inputs: list[str]
    outs: list[str]
    known: bool = True

    @property
    def state(self) -> str:
        """In words."""
        if not self.known:
            return "new"
        if self.outs:
            return "other outs"
        return "the same outs from other inputs" if self.inputs else "skipped, nothing changed"


def stages(before: Lock, after: Lock) -> list[StageChange]:
    """Every stage of the candidate's lock, beside the baseline's."""
    found = []
    for name, now in after.items():
        then = before.get(name)
        if then is None:
            found.append(StageChange(name, [], [], known=False))
            continue
        inputs = _differing(_hashes(then, "deps"), _hashes(now, "deps"))
        inputs += [f"params.{key}" for key in _differing(_params(then), _params(now))]
        found.append(StageChange(name, inputs, _differing(_hashes(then, "outs"), _hashes(now, "outs"))))
    return found


def out_hash(lock: Lock, path: str) -> str:
    """The md5 of an out, or of a dep of the first stage; empty where the lock has none."""
    for stage in lock.values():
        for part in ("outs", "deps"):
            found = _hashes(stage, part).get(path)
            if found:
                return found
    return ""


def sources_of(lock: Lock) -> list[str]:
    """Data that the pipeline reads and does not make: deps that are no code and no out."""
    made = {path for stage in lock.values() for path in _hashes(stage, "outs")}
    read = {path for stage in lock.values() for path in _hashes(stage, "deps") if not path.startswith("stages/")}
    return sorted(path for path in read if not any(path == one or path.startswith(f"{one}/") for one in made))


def _hashes(stage: Mapping[str, Any], part: str) -> dict[str, str]:
    return {one["path"]: str(one.get("md5", "")) for one in stage.get(part) or []}


def _params(stage: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for file in (stage.get("params") or {}).values() for key, value in file.items()}


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
