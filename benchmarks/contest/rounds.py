"""Runs by turns, A B A B, each kept as a JSON file as soon as it is finished, so that a night that breaks off goes on later.

A kept run counts as long as its settings are those that are asked for; otherwise it is run again. Its scratch folder goes when
it is finished. Code is not among the settings: after a change of code, remove the folder of kept runs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contest import exports, projects, said
from benchmarks.contest.jobs import Job
from stages import artifacts
from stages.artifacts import Schema

PEER = "peer"
OURS = "ours"


@dataclass(frozen=True)
class Machine:
    """What the peer has to be told.

    Attributes:
        model: folder of the base model.
        longest: tokens that it can read.
        bf16: whether to train in bf16, by ours' own switch.
    """

    model: Path
    longest: int
    bf16: bool


class Rounds:
    """The runs of one data set.

    Args:
        name: of the data set, for files.
        job: what is played.
        data: folder of public data sets.
        work: folder for scratch and for kept runs.
        changes: of the recipe's params, by dotted path.
        machine: what the peer has to be told.
    """

    def __init__(
        self, name: str, job: Job, data: Path, work: Path, changes: Mapping[str, Any], machine: Machine
    ) -> None:
        self.name, self.job, self.data, self.machine = name, job, data, machine
        self.changes = dict(changes)
        self.kept, self.scratch = work / "runs", work / "scratch" / name
        self.gold = self.scratch / "gold"
        self.params = projects.settings(job, data, self.changes)
        self.schema = self._prepare()

    def _prepare(self) -> Schema:
        """The records as they are asked and scored, and the peer's files of them."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        projects.begin(self.gold, self.params)
        projects.run(["stages.prepare"], self.gold)
        exports.write(self.gold, self.scratch / "records")
        return Schema.read(self.gold / artifacts.SCHEMA)

    def run(self, side: str, seed: int, changes: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], bool]:
        """One run, or what was kept of it.

        Args:
            side: `OURS`, `PEER`, or another name under which ours is kept with further changes.
            seed: of head, order and dropout.
            changes: of the recipe's params, besides the data set's own.

        Returns:
            Its `seconds` and `answers` (see `benchmarks.contest.said`), and whether it was run just now.
        """
        asked = {**self.changes, **(changes or {}), "training.seed": seed}
        params = projects.settings(self.job, self.data, asked)
        settings = {"side": side, "bf16": self.machine.bf16, **self._settings(side, params)}
        file = self.kept / f"{self.name}-{side}-{seed}.json"
        if file.is_file():
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            if found["settings"] == settings:
                return self._of_these_records(found, file), False
        folder = self.scratch / f"{side}-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        made = self._peer(folder, params) if side == PEER else self._ours(folder, params)
        artifacts.write_json(file, {"settings": settings, **made})
        shutil.rmtree(folder)
        return self._of_these_records(made, file), True

    def _settings(self, side: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """What a run depends on: all params, or the peer's command line and the data."""
        if side == PEER:
            return {"data": params["data"], "options": self._options(params)}
        return {"params": params}

    def _ours(self, folder: Path, params: Mapping[str, Any]) -> dict[str, Any]:
        projects.begin(folder, params)
        seconds = projects.run_all(folder)
        whole = sum(value for name, value in seconds.items() if name != "train")
        return {"seconds": {**seconds, "whole": whole}, "answers": said.ours(folder, self.schema)}

    def _peer(self, folder: Path, params: Mapping[str, Any]) -> dict[str, Any]:
        folder.mkdir(parents=True)
        words = ["benchmarks.peers", self.schema.task, str(self.scratch / "records"), str(folder)]
        whole, printed = projects.run([*words, *self._options(params)], folder)
        seconds: dict[str, float] = json.loads(printed.strip().splitlines()[-1])
        # Thresholds on validation are ours' way: the usual set-up does without, and does not pay for them.
        whole -= seconds.get("predict validation", 0.0)
        return {"seconds": {**seconds, "whole": whole}, "answers": said.peers(folder, self.gold, self.schema)}

    def _options(self, params: Mapping[str, Any]) -> list[str]:
        """The peer's command line: what the recipe says, as far as the Trainer has it; it cuts no text that ours reads."""
        training, length = params["training"], params["text"]["max_length"]
        tokens = length if isinstance(length, int) else self.machine.longest
        named = {
            "model": self.machine.model,
            "epochs": training["epochs"],
            "learning-rate": training["learning_rate"],
            "batch-size": training["batch_size"],
            "warmup": training["warmup"],
            "weight-decay": training["weight_decay"],
            "seed": training["seed"],
            "max-length": tokens,
            "stride": min(params["task"]["overlap"], tokens // 2),
        }
        words = [word for name, value in named.items() for word in (f"--{name}", str(value))]
        return [*words, *(["--bf16"] if self.machine.bf16 else [])]

    def _of_these_records(self, run: dict[str, Any], file: Path) -> dict[str, Any]:
        """Hold a run's records against those that are scored.

        Raises:
            SystemExit: they are others.
        """
        if run["answers"]["ids"] != said.records(self.gold)["id"].to_pylist():
            raise SystemExit(f"{file}: answers to other test records than those in {self.data}. Remove the file.")
        return run
