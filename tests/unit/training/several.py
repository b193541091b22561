"""Runs of several processes, for `test_sharding.py`: started by torchrun, which every process of it calls.

`python -m torch.distributed.run --nproc-per-node 2 -m tests.unit.training.several FOLDER` writes what it found below FOLDER.
One launch makes all runs, since starting processes takes longer than training the tiny model.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor

from stages.encoding.ragged import Columns, Outputs
from stages.params.objectives import ObjectivesParams
from stages.training import objectives, parallel
from stages.training.hooks import Hooks
from stages.training.sharded import ShardedTuner
from stages.training.trainer import Tuner
from tests.unit.training.test_trainer import KilledError, tuner

HELD: dict[str, Any] = {
    "dropout": 0.0,
    "accumulation": 2,
    "evaluations_per_epoch": 2,
    "metric": "loss",
    "clip_norm": 0.5,
    "epochs": 2,
}
"""A run whose numbers do not depend on who draws what: several processes and one make the same of it."""
NOISY: dict[str, Any] = {"dropout": 0.2, "epochs": 2, "metric": "loss"}
KILLED = 14
"""Step after which the run that is disturbed ends."""


def averaged(folder: Path, **params: Any) -> Tuner:
    """A run that also keeps averages and stays near its beginning, both of which are about single weights."""
    run = tuner(folder, **params)
    settings = ObjectivesParams.model_validate({"averaging": {"kind": "ema", "decay": 0.9}, "l2_sp": 0.2})
    hooks = Hooks(None, objectives.make(settings, 0, "mean", 0, None))
    run.callback_handler.callbacks[run.callback_handler.callbacks.index(run.hooks)] = hooks
    run.hooks = hooks
    return run


def write(folder: Path, name: str, run: Tuner) -> None:
    """Weights and history of a run that has ended, by the first process."""
    if parallel.is_first():
        save_file(
            {key: value.contiguous() for key, value in run.model.state_dict().items()}, folder / f"{name}.safetensors"
        )
        (folder / f"{name}.json").write_text(json.dumps(asdict(run.history)))
        (folder / f"{name}.classes").write_text("\n".join(type(one).__name__ for one in run.model.modules()))


def main(folder: Path) -> None:
    """Undisturbed runs, and one that is killed on the way and goes on."""
    seen: list[bool] = []
    whole: list[bool] = []
    plain = tuner(folder / "plain", kind=ShardedTuner, **HELD)
    plain.observe = lambda *_: seen.append(all(isinstance(one, DTensor) for one in plain.model.parameters()))
    head, validate = cast("Any", plain.model.head), plain.task.validate

    def reading(outputs: Outputs, rows: Columns) -> dict[str, float]:
        whole.append(not isinstance(head.weight, DTensor))
        return validate(outputs, rows)

    plain.task.validate = reading  # type: ignore[method-assign]
    plain.run()
    write(folder, "plain", plain)
    for name, params in (("held", HELD), ("whole", NOISY)):
        run = averaged(folder / name, kind=ShardedTuner, **params)
        run.run()
        write(folder, name, run)

    def die(values: Any, at: int) -> None:
        if at > KILLED:
            raise KilledError

    broken = averaged(folder / "resumed", kind=ShardedTuner, checkpoint_seconds=0, **NOISY)
    broken.observe = die
    with suppress(KilledError):
        broken.run()
    parallel.wait()
    torch.manual_seed(12345)
    resumed = averaged(folder / "resumed", kind=ShardedTuner, **NOISY)
    resumed.run()
    write(folder, "resumed", resumed)
    if parallel.is_first():
        (folder / "facts.json").write_text(
            json.dumps({"shared": seen, "head_whole": whole, "resumed_at": resumed.progress.first})
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
