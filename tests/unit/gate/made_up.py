"""Two models and their surroundings, made up so that each part of a report has something to say."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import numpy as np

from stages.artifacts import Schema
from stages.gate import comparing, report, rules
from stages.gate.content import Report
from stages.gate.rules import Decisions
from stages.gate.runtime import StageRun
from stages.gate.sources import Side
from stages.params.gate import GateParams

LABELS = ["billing", "<script>|`x`", "退货"]
N = 400
PARAMS = GateParams(resamples=300)
HOSTILE = "hi @team see #12 and https://evil.example | <img src=x onerror=alert(1)> `rm` [x](http://e) \u202e退货"
RUN = StageRun("finetune", "FINISHED", 263.07, 1573.3, {"machine.cpu": "x86_64", "machine.cores": "2"})


def decisions(wrong: float, seed: int = 0) -> Decisions:
    """A model that is wrong on a share of records, the same ones for the same seed."""
    generator = np.random.default_rng(seed)
    gold = np.arange(N) % len(LABELS)
    predicted = np.where(generator.random(N) < wrong, (gold + 1) % len(LABELS), gold)
    return Decisions([f"t{i}" for i in range(N)], gold, predicted, np.linspace(0.4, 0.99, N))


def lock(model: str, learning_rate: float) -> dict[str, Any]:
    """Two stages of a `dvc.lock`."""
    return {
        "prepare": {
            "deps": [{"path": "data/raw", "md5": "r" * 32}, {"path": "stages/prepare.py", "md5": "a"}],
            "outs": [{"path": "data/prepared", "md5": "p" * 32}],
        },
        "finetune": {
            "deps": [{"path": "data/prepared", "md5": "p" * 32}, {"path": "stages/finetune.py", "md5": "b"}],
            "params": {"params.yaml": {"training": {"learning_rate": learning_rate}}},
            "outs": [{"path": "models/finetuned", "md5": model * 32}],
        },
    }


def side(name: str, wrong: float, **changes: Any) -> Side:
    """A model with everything that a report can show of it."""
    accuracy = 1 - wrong
    found: dict[str, Any] = {
        "name": name,
        "decisions": decisions(wrong),
        "texts": [f"{i} {HOSTILE}" for i in range(N)],
        "schema": Schema("classification", LABELS, {"test": N}, fingerprint={"test": "f" * 64, "train": "e" * 64}),
        "metrics": {"test": {"accuracy": accuracy, "accuracy_low": 0.1, "accuracy_high": 0.99, "ece": 0.05, "n": N}},
        "alignment": {"verdicts": {"task": "ALIGNED"}},
        "params": {"training": {"learning_rate": wrong, "seed": 42}},
        "curves": [
            {"epoch": float(i), "train_loss": 3 / i, "validation_loss": 2 / i, "validation_accuracy": 0.2 * i}
            for i in (1, 2, 3)
        ],
        "stages": lock(name[0], wrong),
        "commit": (name[0].encode().hex() * 20)[:40],
    }
    return Side(**{**found, **changes})


def composed(*baselines: Side, candidate: Side, runs: tuple[StageRun, ...] = (RUN,)) -> Report:
    """The report of a candidate against baselines."""
    found = comparing.differences(candidate, baselines, PARAMS)
    return report.compose(candidate, baselines, found, rules.judge(found, PARAMS), PARAMS, runs)


class Parsed(HTMLParser):
    """Reads a page and keeps what a test asks for; unbalanced tags are an error."""

    VOID = frozenset({"meta", "br", "img", "link", "hr", "input", "circle", "line", "polyline", "rect"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []
        self.events: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in self.VOID:
            self.stack.append(tag)
        for key, value in attrs:
            if key in {"src", "href", "data", "action", "srcset", "xlink:href"}:
                self.addresses.append(value or "")
            if key.startswith("on"):
                self.events.append(key)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack, f"</{tag}> closes nothing"
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
