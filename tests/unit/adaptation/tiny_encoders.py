"""A tiny encoder with random weights of each architecture that the methods know, and a batch for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    DebertaConfig,
    DebertaModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
    RobertaConfig,
    RobertaModel,
)

from stages.adaptation import METHODS
from stages.adaptation.protocol import Method
from stages.params.adaptation import AdaptationParams
from stages.tasks.pooled_classifier import PooledClassifier

SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "attn_implementation": "eager",
}
RELATIVE: dict[str, Any] = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}

ENCODERS: dict[str, Callable[[], nn.Module]] = {
    "bert": lambda: BertModel(BertConfig(**SIZES, pad_token_id=0), add_pooling_layer=False),
    "roberta": lambda: RobertaModel(RobertaConfig(**SIZES, pad_token_id=1), add_pooling_layer=False),
    "electra": lambda: ElectraModel(ElectraConfig(**SIZES, embedding_size=8)),
    "deberta": lambda: DebertaModel(DebertaConfig(**SIZES, **RELATIVE)),
    "deberta-v2": lambda: DebertaV2Model(DebertaV2Config(**SIZES, **RELATIVE)),
    "mpnet": lambda: MPNetModel(MPNetConfig(**SIZES, pad_token_id=1), add_pooling_layer=False),
    "modernbert": lambda: ModernBertModel(
        ModernBertConfig(**SIZES, pad_token_id=0, cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2)
    ),
    "distilbert": lambda: DistilBertModel(
        DistilBertConfig(
            vocab_size=60,
            dim=16,
            n_layers=2,
            n_heads=2,
            hidden_dim=32,
            max_position_embeddings=40,
            attn_implementation="eager",
        )
    ),
}
IDS = torch.tensor([[3, 5, 7, 9, 2], [3, 8, 2, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
LABELS = torch.tensor([0, 1])


def model_of(kind: str) -> PooledClassifier:
    """A classifier of three classes, without dropout in its head, in evaluation mode."""
    torch.manual_seed(0)
    return PooledClassifier(ENCODERS[kind](), "mean", 3, 0.0).eval()


def method_of(name: str, **settings: Any) -> Method:
    """A method with some settings of its group."""
    group = {} if not settings else {name.replace("-", "_"): settings}
    return METHODS[name](AdaptationParams.model_validate({"method": name, **group}))


def logits(model: nn.Module) -> torch.Tensor:
    """What a model says of the batch `(2, 3)`."""
    with torch.no_grad():
        return model(IDS, MASK)


def learn(model: nn.Module, method: Method, steps: int = 3, rate: float = 0.5, total: int = 20) -> nn.Module:
    """Some plain gradient steps on the batch, with the method's hooks."""
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=rate)
    method.begin(total)
    for step in range(1, steps + 1):
        loss = nn.functional.cross_entropy(model(IDS, MASK), LABELS)
        extra = method.penalty()
        torch.autograd.backward(loss if extra is None else loss + extra)
        optimizer.step()
        method.after_step(step)
        optimizer.zero_grad()
    return model
