"""A thin subclass of the Hugging Face Trainer: its loop, its device and process handling, its checkpoints.

What differs, and why:

- batches come from `Batches`, whose order is a function of seed and epoch, so that resuming needs no sampler state;
- the loss is the task's own objective on outputs, in float32, and is added up on the device;
- on a CPU dropout comes from packed random bits, attention is chosen by length, and in bf16 a layer is one node of the graph;
- clipping happens inside the optimizer;
- a run begins with a head fitted on frozen features, unless params say otherwise, and is evaluated at that point;
- evaluation predicts in batches sorted by length and keeps the best weights in memory: no checkpoint per epoch;
- checkpoints are written by the clock, resumable ones only, and are gone when the run is done;
- curves, patience and best weights live in `History` and travel with the checkpoint;
- the method of adaptation and the objectives take part through `Hooks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from transformers import Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from stages.encoding.ragged import Outputs, Ragged
from stages.params.training import TrainingParams
from stages.tasks.protocol import Task
from stages.training import attention, checkpoints, dropout, head_start, layers, parallel, sharding, stream
from stages.training.batching import IDLE, Batches, Loader, Rows, Shares
from stages.training.clipping import ClippedAdamW
from stages.training.head_fits import FITS
from stages.training.history import History, snapshot
from stages.training.hooks import Hooks
from stages.training.optimizer import make_optimizer, make_schedule
from stages.training.precision import device, use_bf16
from stages.training.prediction import Tensors, outputs_of, tensors
from stages.training.progress import Progress
from stages.training.rhythm import Rhythm
from stages.training.running import Running

Observer = Callable[[Mapping[str, float], int], None]


class Tuner(Trainer):
    """Trains a task's model.

    Args:
        model: with its head on; called with a batch without its labels, by name.
        task: collates, scores validation.
        objective: called with outputs and labels.
        params: the `training` section.
        train: rows to learn from.
        validation: rows to choose by.
        pad_id: token id of padding.
        folder: for checkpoints.
        observe: told the figures of steps and evaluations, with the step they belong to.
        hooks: of the method of adaptation and of objectives; None for none.
    """

    optimizer: Any
    lr_scheduler: Any

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        objective: nn.Module,
        params: TrainingParams,
        train: Rows,
        validation: Rows,
        pad_id: int,
        folder: Path,
        observe: Observer,
        hooks: Hooks | None = None,
    ) -> None:
        self.task, self.params, self.validation, self.pad_id = task, params, validation, pad_id
        self.observe, self.hooks = observe, hooks or Hooks()
        self.history = History.begin(params, task.figures.validation[0])
        self.best: dict[str, torch.Tensor] | None = None
        self.batches: Batches = self.hooks.batches(train, params)
        self.progress = Progress(params.accumulation * len(train) / len(self.batches))
        where = device()
        encoder: Any = model.encoder
        self.bf16 = use_bf16(params.precision, where, encoder)
        if params.gradient_checkpointing:
            encoder.activation_checkpointing_enable({"use_reentrant": False})
        if where.type == "cpu":
            dropout.install(model)
            attention.install(model.encoder)
            if self.bf16:
                stream.install(model.encoder)
                if not sharding.wanted():
                    layers.install(model.encoder)
        super().__init__(model=model, args=self._arguments(folder, where), train_dataset=train)
        self.objective = objective.to(self.args.device)
        self.running = Running(self.history, self.args.device)
        for builtin in (PrinterCallback, ProgressCallback):
            self.remove_callback(builtin)
        # Before the rhythm, which declares a checkpoint complete.
        self.add_callback(self.hooks)
        self.add_callback(Rhythm(self))
        self.add_callback(self.progress)

    def _arguments(self, folder: Path, where: torch.device) -> TrainingArguments:
        params = self.params
        found = TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=params.epochs,
            per_device_train_batch_size=params.batch_size,
            gradient_accumulation_steps=params.accumulation,
            max_grad_norm=params.clip_norm or 0.0,
            bf16=self.bf16,
            seed=params.seed,
            use_cpu=where.type == "cpu",
            eval_strategy="no",
            save_strategy="no",
            logging_strategy="no",
            logging_nan_inf_filter=False,
            disable_tqdm=True,
            report_to="none",
            dataloader_pin_memory=where.type == "cuda",
            remove_unused_columns=False,
            ddp_find_unused_parameters=False,
        )
        # More than one, seen without a launcher, would be used by nn.DataParallel: other batches, other sums.
        found._n_gpu = min(found.n_gpu, 1)
        return found

    def run(self) -> None:
        """Train to the end, from the latest complete checkpoint if there is one, and restore the best weights."""
        folder = Path(self.args.output_dir)
        resumed = parallel.agreed(checkpoints.latest(folder) if parallel.is_first() else None)
        self.hooks.prepare(self.model, resumed)
        if resumed is not None:
            self.history, self.best = History.load(resumed)
        elif self.params.head_start == "probe" and self.task.probe is not None:
            self._start_head()
        self.running = Running(self.history, self.args.device)
        if parallel.active():
            # The weights are the same by now; each process drops out other numbers from here on.
            torch.manual_seed(self.params.seed + parallel.rank())
        self.train(resume_from_checkpoint=str(resumed) if resumed is not None else None)
        if self.best is not None:
            self.model.load_state_dict(self.best)
        self.hooks.finish(self.model, self._validate, self.history.metric)
        layers.uninstall(self.model)

    def _start_head(self) -> None:
        """Fit the head on frozen features, and read validation before the first step; see `stages.training.head_start`."""
        rows, model = cast("Rows", self.train_dataset).corpus, cast("Any", self.model)
        read = head_start.features(model, rows, self.task, self.pad_id, self.params.eval_batch_size, bf16=self.bf16)
        balanced = self.params.class_weights == "balanced"
        labels = self._labels(rows)
        fit = FITS[self.task.probe or "multinomial"]
        found = fit(read, labels, model.head.out_features, self.params.seed, balanced=balanced)
        head_start.put(model.head, found)
        self.hooks.objectives.head_started(model)
        self.history.head_start = found.strength
        self.running.begin(self._loss_at_once(found.outputs(read), labels))
        self.evaluate()

    def get_train_dataloader(self) -> Loader:
        """Batches of train in seeded order, collated by the task; each of several processes takes its share of each."""
        order = Shares(self.batches, parallel.rank(), parallel.world()) if parallel.active() else self.batches
        return Loader(
            self.train_dataset,
            batch_sampler=order,
            collate_fn=self._collate,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def _collate(self, columns: Any) -> Tensors:
        idle = columns.pop(IDLE, False)
        batch = tensors(self.task.collate(columns, self.pad_id))
        return {**batch, IDLE: torch.ones(1)} if idle else batch

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Fused AdamW; see `stages.training.optimizer`."""
        if self.optimizer is None:
            self.optimizer = make_optimizer(model or self.model, self.params, self.hooks.factors(self.model))
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LRScheduler:
        """Warm-up and fall; see `stages.training.optimizer`."""
        if self.lr_scheduler is None:
            self.lr_scheduler = make_schedule(optimizer or self.optimizer, self.params, num_training_steps)
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,  # noqa: FBT001, FBT002 - the Trainer's own signature
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Mean loss of a batch, in float32; the Trainer divides it by the batches that are accumulated."""
        idle = inputs.pop(IDLE, None) is not None
        loss, own = self.hooks.losses(model, inputs, self.loss, self.state.global_step)
        if parallel.active():
            weight = parallel.weight(self.objective, inputs["labels"], idle=idle)
            loss, own = loss * weight, own * weight
        self.running.observe(own)
        return loss

    def _clip_grad_norm(self, model: nn.Module) -> torch.Tensor:
        """Leave the scaling to the optimizer where it can do it."""
        inner = getattr(self.optimizer, "optimizer", self.optimizer)
        norm = inner.clip(self.args.max_grad_norm) if isinstance(inner, ClippedAdamW) else None
        return super()._clip_grad_norm(model) if norm is None else norm

    def _get_grad_norm(self, model: nn.Module, grad_norm: torch.Tensor | None = None) -> torch.Tensor | None:
        """Nothing is computed for a log that is not written."""
        return grad_norm

    def loss(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The objective of outputs, in float32 also under autocast."""
        with torch.autocast(outputs.device.type, enabled=False):
            return self.objective(outputs.float(), labels)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Validate; keep the weights when they are the best so far."""
        step, epoch = self.state.global_step, float(self.state.epoch or 0.0)
        with self.hooks.averaged(self.model):
            values = self._validate()
            self.running.settle()
            counts, waits = self.hooks.settled(step), self.hooks.complete()
            if self.history.add_evaluation(step, epoch, self.rate(), values, counts=counts, waits=waits):
                self.best = snapshot(self.model)
            self.running.reread()
        self.observe(self.history.evaluations[-1], step)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
        best = " (best so far)" if self.history.best_step == step else ""
        self.progress.say(
            f"epoch {epoch:.2f}: train loss {self.history.evaluations[-1]['train_loss']:.4f}, validation {shown}{best}"
        )
        return {f"eval_{name}": value for name, value in values.items()}

    def _validate(self) -> dict[str, float]:
        """Metrics of validation, `loss` among them."""
        outputs, loss = self._predict_validation()
        return parallel.agreed({"loss": loss, **self.task.validate(outputs, self.validation.columns)})

    def _predict_validation(self) -> tuple[Outputs, float]:
        """Outputs and mean loss of validation.

        A loss by record is computed at once on all of them, so that weights of classes mean what they say; outputs by token
        are too many for that, and their loss is the mean over batches, weighted by rows.
        """
        total = 0.0

        def watch(outputs: torch.Tensor, batch: Tensors) -> None:
            nonlocal total
            total += float(self.loss(outputs, batch["labels"])) * len(outputs)

        outputs = outputs_of(
            self.model,
            self.validation,
            self.task,
            self.pad_id,
            self.params.eval_batch_size,
            bf16=self.bf16,
            watch=watch if self.task.by_token else None,
        )
        if isinstance(outputs, Ragged):
            return outputs, total / len(self.validation)
        return outputs, self._loss_at_once(outputs, self._labels(self.validation))

    def _loss_at_once(self, outputs: np.ndarray, labels: np.ndarray) -> float:
        where = self.args.device
        with torch.inference_mode():
            return float(self.objective(torch.from_numpy(outputs).to(where), torch.from_numpy(labels).to(where)))

    def _labels(self, rows: Rows) -> np.ndarray:
        """Labels of all rows `(rows, ...)`, as collating makes them, some batches at a time."""
        size = self.params.eval_batch_size
        chunks = [range(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]
        return np.concatenate([self.task.collate(rows.__getitems__(part), self.pad_id)["labels"] for part in chunks])

    def rate(self) -> float:
        """The learning rate now; 0 before the first step."""
        return float(self._get_learning_rate()) if self.lr_scheduler is not None else 0.0
