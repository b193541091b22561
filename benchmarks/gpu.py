"""Training speed on a GPU against the stock Trainer, in the same run, with random weights and random tokens.

    python -m benchmarks.gpu [--models bert modernbert causal] [--steps 30]

Needs torch, transformers, peft, accelerate, numpy and safetensors, and of this project only `stages.training.clipping` and
`stages.training.precision`. Printed per model: tokens per second, share of the matrix peak that the card reaches on a large
bf16 product in the same run (MFU: 6 operations per weight of the layers and token, and 12 · layers · length · width for
attention; Chowdhery et al. 2022, appendix B), and peak memory. Without a GPU it says so; `--tiny` runs small models anywhere,
to see that it works.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from stages.training.clipping import ClippedAdamW
from stages.training.precision import device, use_bf16

os.environ.setdefault("HF_HUB_OFFLINE", "1")
SHAPES = {"bert": (64, 128), "modernbert": (32, 512), "causal": (4, 1024)}
"""Records per batch and tokens per record."""


def make(name: str, where: torch.device, *, tiny: bool) -> Any:
    """A model with random weights."""
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        LlamaConfig,
        LlamaForCausalLM,
        ModernBertConfig,
        ModernBertForSequenceClassification,
    )

    small = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 512,
    }
    size: dict[str, Any] = small if tiny else {}
    torch.manual_seed(0)
    if name == "bert":
        model: Any = BertForSequenceClassification(BertConfig(**size, num_labels=10, attn_implementation="sdpa"))
    elif name == "modernbert":
        special = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 0)
        config = ModernBertConfig(**size, **(special if tiny else {}), num_labels=10, attn_implementation="sdpa")
        model = ModernBertForSequenceClassification(config)
    else:
        large = {"hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8}
        large |= {"intermediate_size": 8192, "vocab_size": 32000}
        shape = {**small, "num_key_value_heads": 2} if tiny else large
        model = LlamaForCausalLM(LlamaConfig(**shape, attn_implementation="sdpa"))
    return model.to(where)


def batches(name: str, model: Any, where: torch.device, *, tiny: bool) -> Iterator[dict[str, torch.Tensor]]:
    """Random tokens without end, made where they are used."""
    count, length = (2, 16) if tiny else SHAPES[name]
    generator = torch.Generator(where).manual_seed(0)
    while True:
        ids = torch.randint(5, model.config.vocab_size, (count, length), device=where, generator=generator)
        labels = ids if name == "causal" else torch.randint(10, (count,), device=where, generator=generator)
        yield {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def ours(name: str, model: Any, steps: int, where: torch.device, *, tiny: bool) -> float:
    """Seconds of some steps, as `stages.training.trainer` takes them: nothing waits for a number."""
    decayed = [one for one in model.parameters() if one.ndim > 1]
    plain = [one for one in model.parameters() if one.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    optimizer = ClippedAdamW(groups, lr=1e-4, fused=True)
    bf16, source, total = use_bf16("auto", where), batches(name, model, where, tiny=tiny), torch.zeros((), device=where)
    model.train()

    def step() -> None:
        with torch.autocast(where.type, torch.bfloat16, enabled=bf16):
            loss = model(**next(source)).loss
        loss.backward()
        optimizer.clip(1.0)
        optimizer.step()
        optimizer.zero_grad()
        total.add_(loss.detach())

    for _ in range(3):
        step()
    synchronise(where)
    began = time.perf_counter()
    for _ in range(steps):
        step()
    synchronise(where)
    return time.perf_counter() - began


def stock(name: str, model: Any, steps: int, where: torch.device, *, tiny: bool) -> float:
    """Seconds of the same steps by the stock Trainer with fused AdamW and the same precision."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    source = batches(name, model, torch.device("cpu"), tiny=tiny)
    rows = [{key: values[0] for key, values in next(source).items()} for _ in range(64)]
    count = 2 if tiny else SHAPES[name][0]
    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step in (3, steps + 3):
                synchronise(where)
                times.append(time.perf_counter())

    args = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        max_steps=steps + 3,
        per_device_train_batch_size=count,
        bf16=use_bf16("auto", where),
        use_cpu=where.type == "cpu",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_steps=10,
    )
    Trainer(model, args, train_dataset=rows * (-(-count * (steps + 3) // 64)), callbacks=[Clock()]).train()
    return times[1] - times[0]


def synchronise(where: torch.device) -> None:
    if where.type == "cuda":
        torch.cuda.synchronize()


def peak(where: torch.device, *, tiny: bool) -> float:
    """Operations per second of a large product."""
    size = 256 if tiny else 8192
    kind = torch.bfloat16 if use_bf16("auto", where) else torch.float32
    a = torch.randn(size, size, device=where, dtype=kind)
    best = 0.0
    for _ in range(5):
        synchronise(where)
        began = time.perf_counter()
        for _ in range(5):
            a @ a
        synchronise(where)
        best = max(best, 5 * 2 * size**3 / (time.perf_counter() - began))
    return best


def operations(model: nn.Module, length: int) -> float:
    """Of one token, forward and backward."""
    config: Any = model.config
    table = config.vocab_size * config.hidden_size
    weights = sum(one.numel() for one in model.parameters()) - table
    return 6 * weights + 12 * config.num_hidden_layers * length * config.hidden_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=tuple(SHAPES), default=tuple(SHAPES))
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    where = device()
    if where.type != "cuda" and not options.tiny:
        print("no GPU here; nothing was measured (--tiny runs small models on the CPU)")
        return
    top = peak(where, tiny=options.tiny)
    print(
        f"{torch.cuda.get_device_name() if where.type == 'cuda' else 'CPU'}, torch {torch.__version__}, "
        f"{top / 1e12:.2f} TFLOP/s"
    )
    print("| model | loop | tokens/s | share of the peak | peak memory GiB |\n| --- | --- | --- | --- | --- |")
    for name in options.models:
        count, length = (2, 16) if options.tiny else SHAPES[name]
        for loop, run in (("ours", ours), ("stock", stock)) * 2:
            if where.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            model = make(name, where, tiny=options.tiny)
            pace = options.steps * count * length / run(name, model, options.steps, where, tiny=options.tiny)
            memory = torch.cuda.max_memory_allocated() / 2**30 if where.type == "cuda" else float("nan")
            share = pace * operations(model, length) / top
            print(f"| {name} | {loop} | {pace:,.0f} | {share:.1%} | {memory:.2f} |", flush=True)
            del model


if __name__ == "__main__":
    main()
