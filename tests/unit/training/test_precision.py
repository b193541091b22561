"""Numbers and attention that a base model can be read with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from stages.errors import ModelError
from stages.params.model import ModelParams
from stages.training import assembly, precision
from tests.unit.adaptation.tiny_encoders import ENCODERS, IDS, MASK


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_encoder_can_be_loaded_for_a_gpu(tmp_path: Path, kind: str) -> None:
    """Those without SDPA (DeBERTa, MPNet) take the eager attention there; loading itself needs none."""
    made: Any = ENCODERS[kind]()
    made.save_pretrained(tmp_path)
    loaded: Any = assembly.load_encoder(tmp_path, ModelParams(base=str(tmp_path)), torch.device("cuda"))
    expected = "eager" if kind in {"deberta", "deberta-v2", "mpnet"} else "sdpa"
    assert loaded.config._attn_implementation == expected


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_encoder_can_be_read_in_what_auto_means(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_native_bf16", lambda _: True)
    encoder = ENCODERS[kind]().eval()
    bf16 = precision.use_bf16("auto", torch.device("cpu"), encoder)
    assert bf16 == (kind != "deberta")
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        states = encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state
    assert torch.isfinite(states).all()


def test_bf16_is_refused_where_it_cannot_be() -> None:
    with pytest.raises(ModelError, match="deberta models cannot be read in bf16"):
        precision.use_bf16("bf16", torch.device("cpu"), ENCODERS["deberta"]())
    assert precision.use_bf16("bf16", torch.device("cpu"), ENCODERS["bert"]())
    assert not precision.use_bf16("fp32", torch.device("cpu"), ENCODERS["deberta"]())
