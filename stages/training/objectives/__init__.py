"""What is added to a task's own loss: one file each, put together here.

Order does not matter to what they add. `mixup` and `r_drop` say what the task's loss of a batch is; the others add to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from stages.encoding.ragged import dense
from stages.params.objectives import ObjectivesParams
from stages.params.training import TrainingParams
from stages.training.batching import Batches, Rows
from stages.training.objectives.adversarial import Adversarial, change_shape, changed
from stages.training.objectives.averaging import Averaging
from stages.training.objectives.balanced import BalancedBatches
from stages.training.objectives.contrastive import Contrastive
from stages.training.objectives.ewc import Ewc
from stages.training.objectives.focal import Focal
from stages.training.objectives.l2_sp import L2Sp
from stages.training.objectives.mixup import Mixup, between, mixed
from stages.training.objectives.protocol import Losses, LossOf, Objective, Reading, ask, whole
from stages.training.objectives.r_drop import RDrop
from stages.training.objectives.replay import Replay
from stages.training.objectives.together import GroupedBatches
from stages.training.objectives.wise_ft import WiseFt


class Objectives:
    """All objectives of a run.

    Args:
        parts: that add to the loss or act on weights.
        mixup: says what the loss is, or None.
        balanced: whether classes are drawn equally often.
        together: records of a class that come into a batch as a group; 1 for none.
    """

    def __init__(
        self, parts: Sequence[Objective], mixup: Mixup | None = None, *, balanced: bool = False, together: int = 1
    ) -> None:
        self.parts, self.mixup, self.balanced, self.together = list(parts), mixup, balanced, together
        self.part = 0

    def prepare(self, model: nn.Module) -> None:
        """Before anything has moved."""
        for one in self.parts:
            one.prepare(model)

    def begin(self, steps: int) -> None:
        """Before the first step; the head has had its start."""
        for one in self.parts:
            one.begin(steps)

    def head_started(self, model: nn.Module) -> None:
        """When a head was fitted before the first step."""
        for one in self.parts:
            if isinstance(one, WiseFt):
                one.take_head(model)

    def batches(self, rows: Rows, params: TrainingParams) -> Batches:
        """The order of training."""
        size, seed, group = params.batch_size, params.seed, params.group_by_length
        if self.balanced:
            return BalancedBatches(rows.lengths, dense(rows.columns["label"]), size, seed, group=group)
        if self.together > 1:
            return GroupedBatches(rows.lengths, dense(rows.columns["label"]), size, seed, self.together)
        return Batches(rows.lengths, size, seed, group=group, tokens=params.batch_tokens)

    def losses(self, model: nn.Module, batch: dict[str, torch.Tensor], loss_of: LossOf, step: int) -> Losses:
        """The task's loss of a batch, and the same with what is added to it."""
        reading = self._read(model, batch, loss_of, step)
        self.part += 1
        for one in self.parts:
            one.settle(reading)
        terms = [one.term(reading) for one in self.parts]
        return Losses(torch.stack([reading.loss, *terms]).sum() if terms else reading.loss, reading.loss)

    def _read(self, model: nn.Module, batch: dict[str, torch.Tensor], loss_of: LossOf, step: int) -> Reading:
        head = whole(model).head
        seen: list[torch.Tensor] = []
        handle = head.register_forward_pre_hook(lambda _head, inputs: seen.append(inputs[0])) if self.parts else None
        change = None
        if any(one.wants_change for one in self.parts):
            change = torch.zeros(change_shape(model, batch), device=batch["input_ids"].device, requires_grad=True)
        try:
            with changed(model, change) if change is not None else nullcontext():
                if self.mixup is None:
                    outputs = ask(model, batch)
                    loss = loss_of(outputs, batch["labels"])
                else:
                    share, partners = self.mixup.draw(len(batch["labels"]), step, self.part)
                    with mixed(head, share, partners):
                        outputs = ask(model, batch)
                    loss = between(outputs, batch["labels"], share, partners, loss_of)
        finally:
            if handle is not None:
                handle.remove()
        read = seen[0] if seen else outputs
        return Reading(model, batch, loss_of, step, self.part, outputs, read, loss, change)

    def after_step(self, step: int, optimizer: Any) -> None:
        """When the optimizer has moved."""
        self.part = 0
        for one in self.parts:
            one.after_step(step, optimizer)

    def settled(self) -> bool:
        """Whether the weights that are evaluated may be the best ones."""
        return all(one.settled() for one in self.parts)

    @contextmanager
    def averaged(self, model: nn.Module) -> Iterator[None]:
        """The weights that are evaluated and kept."""
        average = next((one for one in self.parts if isinstance(one, Averaging)), None)
        with average.within(model) if average is not None else nullcontext():
            yield

    def finish(self, model: nn.Module, evaluate: Callable[[], dict[str, float]], metric: str) -> None:
        """When training is done and the best weights are back."""
        for one in self.parts:
            if isinstance(one, WiseFt):
                one.finish(model, evaluate, metric)

    @property
    def curve(self) -> list[dict[str, float]]:
        """Validation by share of the tuned weights, where that was tried."""
        return next((one.curve for one in self.parts if isinstance(one, WiseFt)), [])

    def mixed(self) -> dict[str, float]:
        """The share of tuned weights that was kept, and validation with it; empty where nothing was mixed."""
        kept = next((row for row in self.curve if row["chosen"]), None)
        if kept is None:
            return {}
        figures = {name: round(value, 6) for name, value in kept.items() if name.startswith("validation_")}
        return {"wise_ft_share": kept["share"], **figures}

    def state(self) -> dict[str, torch.Tensor]:
        """What a checkpoint has to hold."""
        return {f"{one.name}/{name}": value for one in self.parts for name, value in one.state().items()}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take up what `state` returned."""
        for one in self.parts:
            start = f"{one.name}/"
            own = {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
            if own:
                one.restore(own)


def make(
    params: ObjectivesParams, seed: int, pooling: str, pad_id: int, general: Rows | None, *, bf16: bool = False
) -> Objectives:
    """The objectives that params ask for.

    Args:
        params: the `objectives` section.
        seed: of the run.
        pooling: how states become one vector.
        pad_id: token id of padding.
        general: general texts, where params read any.
        bf16: whether the task's texts are read under autocast.
    """
    parts: list[Objective] = []
    if params.r_drop > 0:
        parts.append(RDrop(params.r_drop))
    if params.adversarial.kind != "none":
        parts.append(Adversarial(params.adversarial, seed))
    if params.contrastive.weight > 0:
        parts.append(Contrastive(params.contrastive.weight, params.contrastive.temperature))
    if params.replay.weight > 0 and general is not None:
        parts.append(Replay(params.replay, general, pooling, pad_id, seed, bf16=bf16))
    if params.ewc.weight > 0 and general is not None:
        parts.append(Ewc(params.ewc, general, pooling, pad_id, seed))
    if params.l2_sp > 0:
        parts.append(L2Sp(params.l2_sp))
    if params.averaging.kind != "none":
        parts.append(Averaging(params.averaging))
    if params.wise_ft.shares:
        parts.append(WiseFt(params.wise_ft))
    mixup = Mixup(params.mixup, seed) if params.mixup > 0 else None
    together = params.contrastive.together if params.contrastive.weight > 0 else 1
    return Objectives(parts, mixup, balanced=params.sampling == "balanced", together=together)


def focused(objective: nn.Module, params: ObjectivesParams) -> nn.Module:
    """The task's objective, or focal loss with its class weights in its place."""
    if params.focal == 0 or not isinstance(objective, nn.CrossEntropyLoss):
        return objective
    return Focal(params.focal, objective.weight)
