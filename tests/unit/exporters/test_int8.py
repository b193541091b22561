"""The int8 graph multiplies whole numbers, is smaller, and says nearly what the float32 graph says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from stages.encoding.ragged import dense
from stages.exporters import int8, onnx_graph
from stages.exporters.predictor import ALONE
from tests.unit.exporters import releases

Made = Callable[[str], Path]
TEXTS = ["where is my order", "我想退货", "the bill is wrong, refund the invoice", "a", "ok " * 20]


def operators(file: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(file).graph.node)


def kinds_of_weights(file: Path) -> dict[int, int]:
    """Numbers in the graph's weights by their type."""
    found: Counter[int] = Counter()
    for one in onnx.load(file).graph.initializer:
        found[one.data_type] += int(np.prod(one.dims))
    return dict(found)


@pytest.mark.parametrize("kind", ["classification", "tagging"])
def test_products_are_of_whole_numbers(release: Made, kind: str) -> None:
    exact, rounded = (operators(release(kind) / file) for file in (onnx_graph.FILE, int8.FILE))
    weighted = 2 * 6 + 1  # of two layers: query, key, value and output, both of the feed-forward; and of the head
    assert exact["MatMulInteger"] == 0
    assert rounded["MatMulInteger"] == weighted
    assert rounded["DynamicQuantizeLinear"] > 0
    floats = exact["MatMul"] + exact["Gemm"] - rounded["MatMul"] - rounded["Gemm"]
    assert floats == weighted, "what is left in float multiplies states by states"


def test_weights_are_bytes_those_of_embeddings_too(release: Made) -> None:
    folder = release("classification")
    sizes = [(folder / file).stat().st_size for file in (onnx_graph.FILE, int8.FILE)]
    assert sizes[1] < 0.3 * sizes[0]
    found = kinds_of_weights(folder / int8.FILE)
    words = releases.WORDS.get_vocab_size() * 32
    assert found[onnx.TensorProto.INT8] + found.get(onnx.TensorProto.UINT8, 0) > words
    assert found[onnx.TensorProto.FLOAT] < words / 10


def test_answers_are_near_those_of_the_float32_graph_and_not_the_same(release: Made) -> None:
    exact, rounded = (dense(one.logits(TEXTS)) for one in releases.both(release("classification")))
    spread = float(exact.std())
    distance = np.abs(exact - rounded)
    assert 0 < distance.max() < 0.5 * spread
    assert np.corrcoef(exact.ravel(), rounded.ravel())[0, 1] > 0.99
    assert [one.argmax() for one in exact] == [one.argmax() for one in rounded]


def test_the_graph_asks_to_be_run_one_record_at_a_time(release: Made) -> None:
    exact, rounded = (
        {(one.key, one.value) for one in onnx.load(release("classification") / file).metadata_props}
        for file in (onnx_graph.FILE, int8.FILE)
    )
    assert ALONE not in exact
    assert ALONE in rounded
