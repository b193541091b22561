"""A base model begins with the weights of its file, all of them, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    ElectraConfig,
    ElectraForPreTraining,
    ModernBertConfig,
    ModernBertForMaskedLM,
    MPNetConfig,
    MPNetForMaskedLM,
    PreTrainedModel,
    RobertaConfig,
    RobertaForMaskedLM,
)

from stages.errors import ModelError
from stages.params.model import ModelParams
from stages.training import assembly

SIZES = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "pad_token_id": 0,
}
Tensors = dict[str, torch.Tensor]


def load(folder: Path) -> torch.nn.Module:
    return assembly.load_encoder(folder, ModelParams(base=str(folder)), torch.device("cpu"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: BertModel(BertConfig(**SIZES)),
        lambda: BertModel(BertConfig(**SIZES), add_pooling_layer=False),
        lambda: BertForMaskedLM(BertConfig(**SIZES)),
        lambda: RobertaForMaskedLM(RobertaConfig(**SIZES)),
        lambda: DebertaV2ForMaskedLM(DebertaV2Config(**SIZES, relative_attention=True, pos_att_type=["p2c", "c2p"])),
        lambda: ElectraForPreTraining(ElectraConfig(**SIZES)),
        lambda: MPNetForMaskedLM(MPNetConfig(**SIZES)),
        lambda: ModernBertForMaskedLM(
            ModernBertConfig(**SIZES, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2)
        ),
    ],
)
def test_heads_of_pretraining_and_poolers_may_be_there_or_not(
    tmp_path: Path, make: Callable[[], PreTrainedModel]
) -> None:
    model = make()
    model.save_pretrained(tmp_path)
    loaded = load(tmp_path).state_dict()
    own = {name.split(".", 1)[-1]: value for name, value in model.state_dict().items()} | dict(model.state_dict())
    for name, value in loaded.items():
        torch.testing.assert_close(value, own[name], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda all_: {f"0.auto_model.{name}": value for name, value in all_.items()},
            r"lack 37 of 37 .*0\.auto_model",
        ),
        (lambda all_: {name: value for name, value in all_.items() if "layer.1." not in name}, "lack 16 of 37"),
        (
            lambda all_: {name: value[:9].contiguous() if "word" in name else value for name, value in all_.items()},
            r"word_embeddings.weight .* has shape \[9, 16\], and its config.json asks for \[50, 16\]",
        ),
    ],
)
def test_weights_that_are_lacking_or_do_not_fit_are_named(
    tmp_path: Path, change: Callable[[Tensors], Tensors], says: str
) -> None:
    BertModel(BertConfig(**SIZES)).save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=says):
        load(tmp_path)


def test_a_pointer_in_the_place_of_weights_is_named(tmp_path: Path) -> None:
    BertModel(BertConfig(**SIZES)).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(ModelError, match="git-lfs"):
        load(tmp_path)
