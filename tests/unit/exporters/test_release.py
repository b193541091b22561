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
    assert found.largest_logit_difference == 0.75 / 2  # of the largest output, which is above 1
    assert found.differing == 1
    small = parity.measure(task, schema, said([0.2, 0.1], [0.0, 0.1]), said([0.2, 0.1], [0.0, 0.05]))
    assert small.largest_logit_difference == pytest.approx(0.05)
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


def test_a_message_tells_one_record_among_many() -> None:
    one = parity.Distance(300_000, 1 - 1 / 300_000, 1e-6, "accuracy", 0.9, 0.0)
    with pytest.raises(GateError, match=r"onnx_agreement: expected at least 1, found 1 \(1 of 300,000 differ\)"):
        parity.check(one, None, Parity())


def test_scores_of_any_size_can_be_near() -> None:
    task, schema = tasks.make(TaskParams(kind="pair_regression")), Schema("pair_regression", [], {})
    rows = pa.table({"id": ["1", "2", "3"], "score": [9000.0, 12.0, 4000.0]})

    def said(outputs: np.ndarray) -> parity.Said:
        return parity.Said(outputs, task.decode(outputs, rows, rows, schema, {}))

    scores = np.array([9000.0, 12.0, 4000.0], dtype=np.float32)
    rounded = scores * np.float32(1 + 3e-6)
    assert np.abs(scores - rounded).max() > 1e-3
    parity.check(parity.measure(task, schema, said(scores), said(rounded)), None, Parity())
    with pytest.raises(GateError, match="onnx_logit_difference"):
        parity.check(parity.measure(task, schema, said(scores), said(scores * np.float32(1.002))), None, Parity())


def test_what_the_hub_adds_to_a_copy_is_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "members").mkdir()
    (tmp_path / "members" / "b").write_text("2")
    manifest.write(tmp_path, {})
    (tmp_path / ".gitattributes").write_text("*.onnx filter=lfs")
    (tmp_path / ".cache" / "huggingface").mkdir(parents=True)
    (tmp_path / ".cache" / "huggingface" / "CACHEDIR.TAG").touch()
    assert manifest.verify(tmp_path) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"{", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[]", "expected 'files'"),
        (b"{}", "expected 'files'"),
        (b'{"files": {}}', "expected 'files'"),
        (b'{"files": {"a": 1}}', "expected 'files'"),
    ],
)
def test_a_manifest_that_says_nothing_is_refused(tmp_path: Path, content: bytes | None, says: str) -> None:
    (tmp_path / "a").touch()
    if content is not None:
        (tmp_path / manifest.FILE).write_bytes(content)
    with pytest.raises(ModelError, match=rf"manifest.json: {says}[\s\S]*Fetch the release again"):
        manifest.verify(tmp_path)


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
