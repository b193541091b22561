"""Latency is what one text after the other takes, in the smallest graph that the release has."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tokenizers import Tokenizer, models, pre_tokenizers

from stages.errors import ModelError
from stages.gate import latency


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release whose graph counts tokens."""
    shape = ["batch", "length"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")]
    out = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("Mul", ["input_ids", "attention_mask"], ["seen"]),
        helper.make_node("Cast", ["seen"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["floats", "axes"], ["logits"], keepdims=1),
    ]
    graph = helper.make_graph(nodes, "count", inputs, [out], [axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    words = Tokenizer(models.WordLevel({"?": 0, "a": 1}, "?"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_what_one_text_in_twenty_exceeds_counts(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that says 1, 2, … 100 ms for the texts asked, whatever the machine does.
    ticks = iter(np.cumsum([step for i in range(1, 101) for step in (0.0, i / 1000)]))
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    found = latency.measure(["a a", "我 想 退货"] * 50, release)
    assert found == pytest.approx(np.percentile(np.arange(1, 101), 95), abs=1e-6)


def test_a_release_without_a_graph_or_a_split_without_texts_has_none(release: Path) -> None:
    assert latency.measure([], release) is None
    assert latency.measure(["a"], release / "nothing") is None


def test_a_release_that_lacks_a_file_is_said_so(release: Path) -> None:
    (release / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        latency.measure(["a"], release)
