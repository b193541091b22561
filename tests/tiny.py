"""A base model, a corpus and a project small enough to go through all stages within seconds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel

from stages.encoding import base_model, tokenizer
from stages.params.model import ModelParams

SUBJECTS = {
    "delivery": ["where is my parcel", "the courier never came", "my order is late again", "track the package"],
    "billing": ["the bill is wrong", "you charged me twice", "refund the invoice", "why is the amount so high"],
    "退货": ["我想退货", "怎么退款给我", "商品不合适要退", "请给我退货标签"],
}
ENDINGS = ("", " please", " !", " today", " 谢谢", " again", " now", " ok", " …", " sir")


def base(folder: Path) -> Path:
    """Write a BERT of 2 layers and 32 dimensions with random weights and the packaged model's tokenizer."""
    packaged = base_model.locate(ModelParams(), verify=False)
    words: Tokenizer = tokenizer.load(packaged)
    encoder(folder, words.get_vocab_size())
    for name in (tokenizer.FILE, tokenizer.CONFIG):
        shutil.copyfile(packaged / name, folder / name)
    return folder


def chinese_base(folder: Path, texts: Iterable[str]) -> Path:
    """Write the same BERT with a vocabulary trained on some texts: BERT's rules, so that each Chinese character is a word."""
    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - no password
    words.normalizer = normalizers.BertNormalizer()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=6000, special_tokens=special))
    ends = [(name, words.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    words.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", ends)
    encoder(folder, words.get_vocab_size())
    words.save(str(folder / tokenizer.FILE))
    (folder / tokenizer.CONFIG).write_text(json.dumps({"pad_token": "[PAD]"}), encoding="utf-8")
    return folder


def encoder(folder: Path, vocabulary: int) -> None:
    """Write the encoder alone, with random weights."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)


def corpus(folder: Path) -> Path:
    """Write train, validation, test, shifted and unlabelled splits of three classes, in English and Chinese."""
    rows = [
        {"id": f"{label}-{i}-{j}", "text": text + ending, "label": label}
        for label, texts in SUBJECTS.items()
        for i, text in enumerate(texts)
        for j, ending in enumerate(ENDINGS)
    ]
    splits = {
        "train": [row for row in rows if row["id"][-1] in "012345"],
        "validation": [row for row in rows if row["id"][-1] in "67"],
        "test": [row for row in rows if row["id"][-1] in "89"],
        "shifted": [
            {**row, "id": "s" + row["id"], "text": row["text"].upper()} for row in rows if row["id"][-1] in "89"
        ],
        "unlabelled": [{"id": f"u{i}", "text": f"message number {i}"} for i in range(24)],
        "out_of_scope": [{"id": f"o{i}", "text": f"how many moons has planet {i}"} for i in range(22)],
    }
    folder.mkdir(parents=True)
    for split, members in splits.items():
        lines = [json.dumps(row, ensure_ascii=False) for row in members]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def job(folder: Path, checkout: Path, recipe: str, **changes: Any) -> Path:
    """Write a recipe's params for the tiny model; the data are the caller's, in `corpus` under the folder.

    Args:
        folder: of the project.
        checkout: whose `recipes/<recipe>.params.yaml` is the pattern.
        recipe: its name.
        changes: `section__key=value`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base(folder / "base")
    content = YAML().load(checkout / "recipes" / f"{recipe}.params.yaml")
    parity = {**content["export"]["parity"], "int8_agreement": 0.0, "int8_metric_drop": 1.0}
    alignment = {**content["evaluation"]["alignment"], "budget": {"records": 100, "seconds": None}, "permutations": 100}
    _write(
        folder,
        content,
        {
            "data__path": "corpus",
            "model__base": "./base",
            "training__epochs": 1,
            "training__precision": "fp32",
            "evaluation__bootstrap": 100,
            "evaluation__references": str(checkout / "data/raw/helpdesk/general.txt"),
            "evaluation__alignment": alignment,
            "objectives__references": str(checkout / "data/raw/helpdesk/general.txt"),
            "export__parity": parity,
            "tracking__enabled": False,
            **changes,
        },
    )
    return folder


def change(folder: Path, **changes: Any) -> None:
    """Write some keys of a project's params anew, each as `section__key=value`."""
    _write(folder, YAML().load(folder / "params.yaml"), changes)


def _write(folder: Path, content: Any, settled: dict[str, Any]) -> None:
    for name, value in settled.items():
        section, key = name.split("__", 1)
        content[section][key] = value
    YAML().dump(content, folder / "params.yaml")


def project(folder: Path, checkout: Path, **changes: Any) -> Path:
    """Write a params file for the tiny model and corpus, and both beside it.

    Args:
        folder: of the project.
        checkout: whose params.yaml is the pattern.
        changes: `section__key=value`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base(folder / "base")
    corpus(folder / "corpus")
    content = YAML().load(checkout / "params.yaml")
    settled = {
        "data__path": "corpus",
        "data__cleaning": {**content["data"]["cleaning"], "leakage": "keep", "duplicates": "keep"},
        "model__base": "./base",
        "training__epochs": 2,
        "training__learning_rate": 2e-3,
        "training__batch_size": 8,
        "training__precision": "fp32",
        "evaluation__bootstrap": 100,
        "evaluation__references": str(checkout / "data/raw/helpdesk/general.txt"),
        "objectives__references": str(checkout / "data/raw/helpdesk/general.txt"),
        "export__parity": {**content["export"]["parity"], "int8_agreement": 0.0, "int8_metric_drop": 1.0},
        "tracking__enabled": False,
        **changes,
    }
    _write(folder, content, settled)
    return folder
