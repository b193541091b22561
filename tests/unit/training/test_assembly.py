"""What finetune writes is read back as it was, whatever was inserted, and says the same as a graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import onnxruntime
import pytest
import torch
from safetensors import safe_open
from transformers import AutoModel

from stages import tasks
from stages.adaptation import METHODS
from stages.adaptation.protocol import is_inserted
from stages.artifacts import Encoding, Schema
from stages.encoding.ragged import token_batch
from stages.errors import ModelError
from stages.exporters import onnx_graph
from stages.params.adaptation import AdaptationParams
from stages.params.model import ModelParams
from stages.params.task import TaskParams
from stages.training import assembly
from tests import tiny

SCHEMA = Schema("classification", ["a", "b", "c"], {})
CPU = torch.device("cpu")
BATCH = token_batch([[101, 2054, 2003, 102], [101, 7592, 102]], 0)
CASES: list[dict[str, Any]] = [
    {"method": "lora", "lora": {"dora": True}},
    {"method": "bitfit"},
    {"method": "bottleneck", "bottleneck": {"kind": "houlsby", "norms": True}},
    {"method": "prefix", "prefix": {"projection": 8}},
    {"method": "p-tuning"},
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.base(tmp_path_factory.mktemp("model") / "base")


def said(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(**{name: torch.from_numpy(one) for name, one in BATCH.items()})


def written(folder: Path, base: Path, settings: dict[str, Any]) -> tuple[torch.nn.Module, assembly.Facts]:
    """A model with arbitrary weights where it learns, saved twice below a folder."""
    params, adaptation = ModelParams(base=str(base)), AdaptationParams.model_validate(settings)
    torch.manual_seed(1)
    model, pooling = assembly.build(params, tasks.make(TaskParams()), SCHEMA, CPU)
    method = METHODS[adaptation.method](adaptation)
    method.apply(model, 16)
    with torch.no_grad():
        for one in model.parameters():
            if one.requires_grad:
                one.add_(0.05 * torch.randn(one.shape))
    small = method.adapter(model)
    model = method.merge(model).eval()
    facts = assembly.Facts(
        SCHEMA,
        Encoding(16, 0, 30522, str(base), None),
        pooling,
        params.model_dump(mode="json"),
        adaptation.model_dump(mode="json"),
        TaskParams().model_dump(mode="json"),
    )
    for name in ("one", "two"):
        assembly.save(model, facts, base, folder / name, small)
    return model, facts


@pytest.mark.parametrize("settings", CASES, ids=lambda one: str(one["method"]))
def test_a_tuned_model_comes_back(tmp_path: Path, base: Path, settings: dict[str, Any]) -> None:
    model, facts = written(tmp_path, base, settings)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert assembly.ADAPTER in files
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    again, read = assembly.load(tmp_path / "one", CPU)
    assert read == facts
    assert torch.equal(said(again), said(model))
    with safe_open(tmp_path / "one" / assembly.ADAPTER, "pt") as stream:
        told = json.loads(stream.metadata()["whetstone"])
    assert told["merged"] == METHODS[facts.method].merges
    assert told["method"] == settings["method"]
    plain = AutoModel.from_pretrained(tmp_path / "one", add_pooling_layer=False)
    encoder = cast("Any", model.encoder)
    assert plain.state_dict().keys() == {name for name in encoder.state_dict() if not is_inserted(name)}


@pytest.mark.parametrize("settings", CASES[2:4], ids=lambda one: str(one["method"]))
def test_a_graph_holds_what_was_inserted(tmp_path: Path, base: Path, settings: dict[str, Any]) -> None:
    model, _ = written(tmp_path, base, settings)
    onnx_graph.export(model, BATCH, tmp_path / "model.onnx", 20)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    found = torch.from_numpy(session.run(None, dict(BATCH))[0])
    torch.testing.assert_close(found, said(model), rtol=0, atol=1e-5)


def test_a_missing_adapter_is_named(tmp_path: Path, base: Path) -> None:
    written(tmp_path, base, CASES[2])
    (tmp_path / "one" / assembly.ADAPTER).unlink()
    with pytest.raises(ModelError, match=r"adapter\.safetensors: does not fit whetstone\.json"):
        assembly.load(tmp_path / "one", CPU)
