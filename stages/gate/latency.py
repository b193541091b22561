"""How long the release takes for one text, on the machine that asks: no out holds it, since no two machines agree.

Texts go in one by one, as somebody waiting for an answer would send them, through the smallest graph of the release and with
one thread, so that the figure is about the model and not about how many cores are free. It is the graph that is timed, and
the tokenizer before it; what a task makes of the logits is not, and needs no torch here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from stages import artifacts
from stages.errors import ModelError

GRAPHS = ("model.int8.onnx", "model.onnx")
INPUTS = {"input_ids", "attention_mask"}
ASKED = 200
WARM = 10
SHARE = 95


def measure(texts: Sequence[str], folder: Path = artifacts.RELEASE) -> float | None:
    """Milliseconds that 95 % of the first 200 texts stay below; None without texts, or without a graph of texts alone.

    Raises:
        ModelError: the release lacks its tokenizer.
    """
    import onnxruntime

    graph = next((name for name in GRAPHS if (folder / name).is_file()), None)
    if graph is None or not texts:
        return None
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(f"{folder}: tokenizer.json not found. Run `dvc repro export`, which makes it.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / graph, options, providers=["CPUExecutionProvider"])
    if {one.name for one in session.get_inputs()} != INPUTS:
        return None
    words = Tokenizer.from_file(str(folder / "tokenizer.json"))
    words.no_padding()

    def ask(text: str) -> None:
        ids = np.array([words.encode(text).ids], dtype=np.int64)
        session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})

    some = list(texts[:ASKED])
    for text in some[:WARM]:
        ask(text)
    taken = []
    for text in some:
        began = time.perf_counter()
        ask(text)
        taken.append(1000 * (time.perf_counter() - began))
    return float(np.percentile(taken, SHARE))
