"""The stock Trainer with the arguments that people give it, the same for every kind of task.

Batches are padded to their longest row and hold rows of similar length, warm-up and linear fall, AdamW with decay, gradients
clipped at 1, bf16 where it is native: what a careful user switches on. As in the example scripts, every weight has the same
learning rate, nothing is read of validation while training, and the last weights count.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import Trainer, TrainingArguments

EVALUATION_BATCH = 64
Row = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """How a peer is tuned.

    Attributes:
        model: folder of the base model.
        epochs: passes over train.
        learning_rate: of all weights, at its peak.
        batch_size: records per step.
        warmup: share of the steps over which the rate rises.
        weight_decay: AdamW's.
        seed: of head, order and dropout.
        bf16: train under autocast.
        max_length: tokens of a row.
        stride: tokens that windows of a long context share.
    """

    model: str
    epochs: float
    learning_rate: float
    batch_size: int
    warmup: float
    weight_decay: float
    seed: int
    bf16: bool
    max_length: int
    stride: int


@dataclass(frozen=True)
class Tuned:
    """What came out.

    Attributes:
        outputs: of each set of rows that was asked, in its order; what `Trainer.predict` returns.
        seconds: `train`, and `predict NAME` of each set.
    """

    outputs: Mapping[str, Any]
    seconds: dict[str, float]


def tune(
    model: Any, tokenizer: Any, collator: Any, train: Dataset, asked: Mapping[str, Dataset], out: Path, options: Options
) -> Tuned:
    """Train a model and ask it.

    Args:
        model: with its head on.
        tokenizer: its own.
        collator: makes batches of rows.
        train: encoded, with labels.
        asked: encoded, by name.
        out: folder that the Trainer may write to.
        options: how to train.
    """
    trainer = Trainer(
        model, arguments(out, options), train_dataset=train, data_collator=collator, processing_class=tokenizer
    )
    seconds: dict[str, float] = {}
    outputs: dict[str, Any] = {}
    _timed("train", trainer.train, seconds)
    # Grouping by length would also shuffle what is predicted: predictions are to stay in the order of the rows.
    trainer.args.train_sampling_strategy = "random"
    for name, rows in asked.items():
        outputs[name] = _timed(f"predict {name}", partial(trainer.predict, rows), seconds).predictions
    return Tuned(outputs, seconds)


def arguments(out: Path, options: Options) -> TrainingArguments:
    """The Trainer's arguments; whatever is not named is its default."""
    gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(out / "trainer"),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=EVALUATION_BATCH,
        learning_rate=options.learning_rate,
        warmup_steps=options.warmup,
        weight_decay=options.weight_decay,
        bf16=options.bf16,
        train_sampling_strategy="group_by_length",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=not gpu,
        dataloader_pin_memory=gpu,
        seed=options.seed,
    )


def encoded(rows: Iterable[Row], encode: Callable[[dict[str, list[Any]]], Any]) -> Dataset:
    """Records as rows for the Trainer: columns of the records go, those of `encode` stay."""
    made = Dataset.from_list(list(rows))
    return made.map(encode, batched=True, remove_columns=made.column_names)


def read(data: Path, split: str) -> list[Row]:
    """Records of a split."""
    with (data / f"{split}.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write(out: Path, split: str, rows: Iterable[Row]) -> None:
    """What was predicted for each record of a split."""
    with (out / f"{split}.jsonl").open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _timed(name: str, work: Callable[[], Any], seconds: dict[str, float]) -> Any:
    began = time.perf_counter()
    found = work()
    seconds[name] = time.perf_counter() - began
    return found
