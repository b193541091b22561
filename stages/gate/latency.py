"""How long the release takes for one text, on the machine that asks: no out holds it, since no two machines agree.

Texts go in one by one, as somebody waiting for an answer would send them, through the smallest graph of the release and with
one thread, so that the figure is about the model and not about how many cores are free.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages import artifacts
from stages.exporters.predictor import Predictor

GRAPHS = ("model.int8.onnx", "model.onnx")
ASKED = 200
WARM = 10
SHARE = 95


def measure(texts: Sequence[str], folder: Path = artifacts.RELEASE) -> float | None:
    """Milliseconds that 95 % of the first 200 texts stay below; None without texts or a graph.

    Raises:
        ModelError: the release lacks a file that belongs to its graph.
    """
    graph = next((name for name in GRAPHS if (folder / name).is_file()), None)
    if graph is None or not texts:
        return None
    predictor = Predictor(folder, graph, threads=1)
    some = list(texts[:ASKED])
    for text in some[:WARM]:
        predictor.logits([text])
    taken = []
    for text in some:
        began = time.perf_counter()
        predictor.logits([text])
        taken.append(1000 * (time.perf_counter() - began))
    return float(np.percentile(taken, SHARE))
