"""A run without the unused rows of the vocabulary ends in the weights of the run with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel, ModernBertConfig, ModernBertModel, RobertaConfig, RobertaModel

from stages.training.batching import Rows
from stages.training.compaction import compact
from tests.unit.training.test_trainer import TRAIN, VALIDATION, tuner


def run(folder: Path, *, small: bool, **params: Any) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    """Train with or without all rows; the final weights, full again, and the curve."""
    made = tuner(folder, batch_size=7, **params)
    encoder: Any = made.model.encoder
    reduced = compact(encoder, [TRAIN, VALIDATION], 0) if small else None
    if reduced is not None:
        made.train_dataset, made.validation = reduced.renumbered(TRAIN), reduced.renumbered(VALIDATION)
    made.run()
    if reduced is not None:
        reduced.restore(encoder)
    return {name: value.clone() for name, value in made.model.state_dict().items()}, made.history.evaluations


@pytest.mark.parametrize("head", ["random", "probe"])
def test_weights_and_curves_are_the_same_bit_for_bit(tmp_path: Path, head: str) -> None:
    whole, curve = run(tmp_path / "whole", small=False, clip_norm=None, head_start=head)
    cut, cut_curve = run(tmp_path / "cut", small=True, clip_norm=None, head_start=head)
    assert curve == cut_curve
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_clipping_differs_by_the_last_bit_of_the_norm_at_most(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole", small=False, clip_norm=0.05, epochs=1)
    cut, _ = run(tmp_path / "cut", small=True, clip_norm=0.05, epochs=1)
    for name, value in whole.items():
        torch.testing.assert_close(value, cut[name], rtol=1e-4, atol=1e-6)


def test_rows_that_no_token_uses_stay_as_they_were() -> None:
    encoder = BertModel(BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=1))
    table: Any = encoder.get_input_embeddings()
    before = table.weight.detach().clone()
    reduced = compact(encoder, [of([[1, 40, 7], [7, 3]])], 0)
    assert reduced is not None
    assert reduced.used.tolist() == [0, 1, 3, 7, 40]
    small: Any = encoder.get_input_embeddings()
    with torch.no_grad():
        small.weight += 1
    reduced.restore(encoder)
    after: Any = encoder.get_input_embeddings()
    moved = (after.weight != before).any(dim=1).numpy()
    assert np.flatnonzero(moved).tolist() == [0, 1, 3, 7, 40]
    assert after.weight.requires_grad
    assert after.padding_idx == 0


def test_padding_keeps_its_id_for_encoders_that_count_positions_by_it() -> None:
    config = RobertaConfig(
        vocab_size=60, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, pad_token_id=1
    )
    encoder = RobertaModel(config, add_pooling_layer=False).eval()
    rows, mask = of([[0, 30, 50, 2], [0, 44, 2]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    with torch.inference_mode():
        before = encoder(torch.tensor([[0, 30, 50, 2], [0, 44, 2, 1]]), mask).last_hidden_state
    reduced = compact(encoder, [rows], 1)
    assert reduced is not None
    first, second = (reduced.renumbered(rows).__getitems__([i])["input_ids"][0].tolist() for i in (0, 1))
    with torch.inference_mode():
        after = encoder(torch.tensor([first, [*second, 1]]), mask).last_hidden_state
    assert torch.equal(before, after)


def test_what_cannot_be_cut_is_left_alone() -> None:
    encoder = BertModel(BertConfig(vocab_size=4, hidden_size=8, num_hidden_layers=1, num_attention_heads=1))
    assert compact(encoder, [of([[0, 1, 2, 3]])], 0) is None

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.out = nn.Embedding(9, 4), nn.Linear(4, 9, bias=False)
            self.out.weight = self.table.weight

        def get_input_embeddings(self) -> nn.Embedding:
            return self.table

    assert compact(Tied(), [of([[0, 1]])], 0) is None


def test_unknown_ids_are_refused() -> None:
    encoder = BertModel(BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=1))
    reduced = compact(encoder, [of([[1, 2]])], 0)
    assert reduced is not None
    with pytest.raises(ValueError, match="lacks"):
        reduced.renumbered(of([[1, 49]]))


def of(texts: list[list[int]]) -> Rows:
    ids = pa.array(texts, pa.list_(pa.int32()))
    return Rows.of(pa.table({"id": [str(i) for i in range(len(texts))], "input_ids": ids}))


def test_rows_below_padding_go_where_positions_do_not_come_from_ids() -> None:
    config = ModernBertConfig(
        vocab_size=60, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, pad_token_id=55,
        cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2, attn_implementation="eager",
    )  # fmt: skip
    encoder: Any = ModernBertModel(config).eval()
    rows, mask = of([[1, 30, 50, 2], [1, 44, 2]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    with torch.inference_mode():
        before = encoder(torch.tensor([[1, 30, 50, 2], [1, 44, 2, 55]]), mask).last_hidden_state
    reduced = compact(encoder, [rows], 55)
    assert reduced is not None
    assert reduced.used.tolist() == [1, 2, 30, 44, 50, 55]
    assert reduced.pad_id == 5
    assert encoder.get_input_embeddings().padding_idx == 5, "its row goes on without a gradient"
    first, second = (reduced.renumbered(rows).__getitems__([i])["input_ids"][0].tolist() for i in (0, 1))
    with torch.inference_mode():
        after = encoder(torch.tensor([first, [*second, reduced.pad_id]]), mask).last_hidden_state
    assert torch.equal(before, after)
    reduced.restore(encoder)
    assert encoder.get_input_embeddings().padding_idx == 55
