"""Parity is measured and gated; a release that was changed is noticed; graphs have the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from stages import tasks
from stages.artifacts import Schema
from stages.encoding.ragged import token_batch
from stages.errors import GateError, ModelError
from stages.exporters import int8, manifest, onnx_graph, parity
from stages.params.export import Parity
from stages.params.task import TaskParams


def test_distance_by_hand() -> None:
    task, schema = tasks.make(TaskParams()), Schema("classification", ["a", "b"], {})
    rows = pa.table({"id": ["1", "2"], "label": pa.array([0, 1], pa.int32())})

    def said(*outputs: list[float]) -> parity.Said:
        logits = np.array(outputs)
        return parity.Said(logits, task.decode(logits, rows, rows, schema, {}))

    found = parity.measure(task, schema, said([2.0, 1.0], [0.0, 1.0]), said([2.0, 1.5], [0.5, 0.25]))
    assert (found.agreement, found.metric, found.value, found.drop) == (0.5, "accuracy", 0.5, 0.5)
    assert found.largest_logit_difference == 0.75
    assert found.rounded()["accuracy_drop"] == 0.5


def test_every_limit_that_is_not_kept_is_named() -> None:
    near = parity.Distance(10, 1.0, 1e-6, "accuracy", 0.9, 0.0)
    far = parity.Distance(10, 0.5, 2.0, "accuracy", 0.4, 0.5)
    parity.check(near, near, Parity())
    with pytest.raises(GateError) as caught:
        parity.check(far, far, Parity())
    graphs = {"onnx": ("onnx_agreement", "onnx_logit_difference"), "int8": ("int8_agreement", "int8_metric_drop")}
    for name in (*graphs["onnx"], *graphs["int8"]):
        assert f"export.parity.{name}" in str(caught.value)
    for pair, wrong in (((far, near), "onnx"), ((near, far), "int8")):
        with pytest.raises(GateError) as caught:
            parity.check(*pair, Parity())
        named = {name for names in graphs.values() for name in names if f"export.parity.{name}" in str(caught.value)}
        assert named == set(graphs[wrong])


def test_a_changed_release_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    manifest.write(tmp_path, {"metrics": {}})
    assert manifest.verify(tmp_path) == 1
    (tmp_path / "a").write_text("2")
    (tmp_path / "b").touch()
    with pytest.raises(ModelError, match=r"b: is not in the manifest[\s\S]*a: sha256"):
        manifest.verify(tmp_path)


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(20, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        mask = attention_mask.unsqueeze(-1).float()
        return self.head((self.embedding(input_ids) * mask).sum(1) / mask.sum(1))


def test_graphs_are_the_same_bytes_twice_and_say_what_the_model_says(tmp_path: Path) -> None:
    import onnxruntime

    files = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    batch = token_batch([[1, 2, 3], [4]], 0)
    for file in files:
        onnx_graph.export(Toy(), batch, file, 20)
        int8.quantize(file, file.with_suffix(".int8"))
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].with_suffix(".int8").read_bytes() == files[1].with_suffix(".int8").read_bytes()
    assert str(tmp_path).encode() not in files[0].read_bytes()
    ids, mask = torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    session = onnxruntime.InferenceSession(files[0])
    said = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})[0]
    assert said == pytest.approx(Toy()(ids, mask).detach().numpy(), abs=1e-5)
