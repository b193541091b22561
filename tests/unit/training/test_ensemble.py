"""Several models as one: means of probabilities, in torch and in an exported graph, whatever the kind and however sure."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from scipy.special import expit, softmax
from torch import nn
from transformers import BertConfig, BertModel

from stages import tasks
from stages.artifacts import Schema
from stages.errors import ModelError
from stages.exporters import onnx_graph
from stages.params.model import ModelParams
from stages.params.task import BLENDED, RegressionParams, TaskParams
from stages.training import ensemble

LABELS = ["a", "b", "c"]
ORDINAL = TaskParams(kind="pair_regression", regression=RegressionParams(loss="ordinal", range=[0.0, 3.0], levels=4))
ASKED = {**{kind: TaskParams.model_validate({"kind": kind}) for kind in BLENDED}, "ordinal": ORDINAL}


def member(params: TaskParams, seed: int) -> nn.Module:
    """A small model of a kind, most sure of what it says."""
    torch.manual_seed(seed)
    encoder = BertModel(
        BertConfig(
            vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
            max_position_embeddings=32,
        ),
        add_pooling_layer=False,
    )  # fmt: skip
    model: Any = tasks.make(params).model(encoder, "mean", Schema(params.kind, LABELS, {}), ModelParams()).eval()
    with torch.no_grad():
        model.head.weight.mul_(600)
    made: nn.Module = model
    return made


def batch(kind: str) -> dict[str, np.ndarray]:
    """Seven token ids for each of five records, and what the kind adds."""
    draw = np.random.default_rng(0)
    found = {"input_ids": draw.integers(5, 40, (5, 7)), "attention_mask": np.ones((5, 7), dtype=np.int64)}
    if kind.startswith("pair"):
        found["token_type_ids"] = np.repeat([[0, 0, 0, 0, 1, 1, 1]], 5, axis=0)
    if kind == "relation":
        found |= {"head_position": draw.integers(0, 3, 5), "tail_position": draw.integers(3, 7, 5)}
    return found


@pytest.mark.parametrize("name", ASKED)
def test_a_graph_answers_as_the_members_together(tmp_path: Path, name: str) -> None:
    params = ASKED[name]
    members = [member(params, seed) for seed in (1, 2)]
    asked = batch(params.kind)
    tensors = {key: torch.from_numpy(values) for key, values in asked.items()}
    with torch.no_grad():
        parts = np.stack([one(**tensors).double().numpy() for one in members])
        together = ensemble.Ensemble(members, params).eval()
        said = together(**tensors).numpy()
    if name in ("classification", "pair_classification", "relation"):
        np.testing.assert_allclose(softmax(said, axis=-1), softmax(parts, axis=-1).mean(axis=0), atol=1e-5)
    elif name == "pair_regression":
        np.testing.assert_allclose(said, parts.mean(axis=0), rtol=1e-4)
    else:
        assert np.abs(parts).max() > 20, "sure enough for float32 to round sigmoids to 1"
        np.testing.assert_allclose(expit(said), expit(parts).mean(axis=0), atol=1e-5)
    onnx_graph.export(together, asked, tmp_path / "model.onnx", 18)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {one.name: asked[one.name] for one in session.get_inputs()})[0]
    np.testing.assert_allclose(found, said, atol=1e-3, rtol=1e-4)


def test_probabilities_near_one_have_a_mean() -> None:
    logits = torch.tensor([[40.0, -200.0], [30.0, -100.0]])
    found = ensemble.BLENDS["multilabel"](logits)
    wanted = logit_of_mean(logits.double().numpy())
    torch.testing.assert_close(found.double(), torch.from_numpy(wanted), rtol=1e-5, atol=1e-5)


def logit_of_mean(logits: np.ndarray) -> np.ndarray:
    """By odds in whole numbers of fractions, which do not round."""
    chances = [[Fraction(1) / (1 + Fraction(math.exp(-one))) for one in row] for row in logits.tolist()]
    means = [sum(column) / len(chances) for column in zip(*chances, strict=True)]
    odds = [one / (1 - one) for one in means]
    return np.array([math.log(one.numerator) - math.log(one.denominator) for one in odds])


def test_params_know_which_kinds_have_an_ensemble() -> None:
    assert set(BLENDED) == set(ensemble.BLENDS)
    with pytest.raises(ValueError, match="tagging"):
        ensemble.Ensemble([], TaskParams(kind="tagging"))


def test_a_graph_that_no_file_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graph, "LARGEST", 100)
    with pytest.raises(ModelError, match="keep: ensemble holds several"):
        onnx_graph.export(torch.nn.Linear(5, 5), {}, tmp_path / "model.onnx", 18)
    assert not list(tmp_path.iterdir())
