"""The trainer of weights that several processes share; see `stages.training.sharding`.

accelerate's own FSDP is not used: it does nothing on CPUs, silently, so that no test without GPUs could show that it is right;
it computes norms, pooling and head in bf16 too; and it shares out before anything can be read by the whole model. So the model
comes to the Trainer as one that manages its own shares (what transformers calls distributed loading), which is then neither
moved nor wrapped. Checkpoints hold whole tensors, gathered by all processes and written by the first one.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import TrainingArguments

from stages.training import parallel, sharding
from stages.training.history import snapshot
from stages.training.shares import reshard
from stages.training.trainer import Tuner

WEIGHTS, OPTIMIZER, SCHEDULER = "model.safetensors", "optimizer.pt", "scheduler.pt"
"""Files of a checkpoint, named as the Trainer names them."""


class ShardedTuner(Tuner):
    """Shares the weights out while it trains."""

    def __init__(self, model: nn.Module, *args: Any, **kwargs: Any) -> None:
        manages_itself: Any = model
        manages_itself.is_distributed_loading_by_transformers = True
        super().__init__(model, *args, **kwargs)
        del manages_itself.is_distributed_loading_by_transformers
        # What is read before the first step is read by the whole model.
        self.model.to(self.args.device)

    def _arguments(self, folder: Path, where: torch.device) -> TrainingArguments:
        found = super()._arguments(folder, where)
        found.bf16, found.mixed_precision = False, "no"
        # Gradients are reduced with each batch: whole ones, added up until the step, would take 4 bytes a weight.
        found.accelerator_config.gradient_accumulation_kwargs = {"sync_each_batch": True}
        return found

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train on shares; afterwards the model is whole again."""
        before = sharding.put_on(self.model, bf16=self.bf16)
        # Torch warns of operations in place on outputs that are views; no loss here has any.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="FSDP2-wrapped module")
            found = super().train(*args, **kwargs)
        sharding.take_off(self.model, before)
        return found

    def _validate(self) -> dict[str, float]:
        # A task may read weights of the head when it decodes, which the last pass has left gathered.
        found = super()._validate()
        reshard(self.model)
        return found

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:  # noqa: FBT001, FBT002
        """Write the weights of a checkpoint."""
        folder = Path(output_dir or self.args.output_dir)
        weights = snapshot(self.model)
        if parallel.is_first():
            folder.mkdir(parents=True, exist_ok=True)
            save_file(weights, folder / WEIGHTS)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        state = sharding.optimizer_state(self.optimizer)
        if parallel.is_first():
            torch.save(state, Path(output_dir) / OPTIMIZER)
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        sharding.restore_weights(
            self.model if model is None else model, load_file(Path(resume_from_checkpoint) / WEIGHTS)
        )

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            state = torch.load(Path(checkpoint) / OPTIMIZER, map_location="cpu", weights_only=True)
            sharding.restore_optimizer(self.optimizer, state)
            self.lr_scheduler.load_state_dict(torch.load(Path(checkpoint) / SCHEDULER, weights_only=True))
