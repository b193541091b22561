"""Behavioural tests in CheckList's form (Ribeiro et al. 2020), read from `evaluation.references`.

One JSON object per line: `test`, `type`, `examples` (texts), `label`. MFT: each example has to get the label. INV:
all examples have to get the same class. Other types (DIR) need an expectation that the file does not hold, and are
counted as left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stages.metrics.intervals import Estimate, wilson


@dataclass(frozen=True)
class Case:
    """One line of a file: the texts, and the class that each has to get (None: the same one, whichever)."""

    test: str
    examples: list[str]
    label: str | None


@dataclass(frozen=True)
class Behaviour:
    """One test: the share of its cases that were passed, and the texts of one that was not."""

    test: str
    passed: Estimate
    example: list[str]


def case_of(record: dict[str, Any], classes: Sequence[str]) -> Case | None:
    """A case from its record; None when it is of a type that cannot be judged.

    A label is a class name, or, where no class has that name, the number of a class.
    """
    examples = [str(text) for text in record["examples"]]
    kind, label = record.get("type"), record.get("label")
    if kind == "INV":
        return Case(str(record["test"]), examples, None) if len(examples) > 1 else None
    if kind != "MFT" or label is None:
        return None
    number = isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(classes)
    # Classes may be called 1 to 5.
    name = classes[label] if number and str(label) not in classes else str(label)
    return Case(str(record["test"]), examples, name) if name in classes else None


def measure(
    cases: Sequence[Case], classes: Sequence[str], decide: Callable[[Sequence[str]], Sequence[int]]
) -> list[Behaviour]:
    """Run all cases; worst test first.

    Args:
        cases: to run.
        classes: names by id.
        decide: from texts to class ids.
    """
    texts = list(dict.fromkeys(text for one in cases for text in one.examples))
    said = dict(zip(texts, (classes[i] for i in decide(texts)), strict=True)) if texts else {}
    results: dict[str, list[tuple[bool, Case]]] = {}
    for one in cases:
        answers = {said[text] for text in one.examples}
        results.setdefault(one.test, []).append((answers == {one.label} if one.label else len(answers) == 1, one))
    found = []
    for test, runs in results.items():
        failed = next((one.examples for passed, one in runs if not passed), [])
        found.append(Behaviour(test, wilson(sum(passed for passed, _ in runs), len(runs)), failed))
    return sorted(found, key=lambda one: (one.passed.value, one.test))
