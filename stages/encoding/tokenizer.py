"""A base model's fast tokenizer, without torch and without transformers where `tokenizer.json` is there.

Importing transformers costs more than a second and torch two; `tokenizers` costs a twentieth. A folder that has only
slow-tokenizer files (`vocab.txt`, `spiece.model`) is converted by transformers once, in memory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from stages.errors import ModelError

FILE = "tokenizer.json"
CONFIG = "tokenizer_config.json"
COMPANIONS = (CONFIG, "special_tokens_map.json", "vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model")
"""Files that other programs may want beside `tokenizer.json`; copied when the base model has them."""
VOCABULARIES = ("vocab.txt", "vocab.json", "*.model", "*.vocab", "bpe.codes")
"""Files of slow tokenizers, one of which the library needs: without any it makes up a tokenizer that knows no word."""


def load(folder: Path) -> Tokenizer:
    """Load the tokenizer of a model folder, with truncation and padding off.

    Raises:
        ModelError: the folder has no tokenizer that can be made fast, or its file is damaged.
    """
    tokenizer = _read(folder / FILE) if (folder / FILE).is_file() else _convert(folder)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def pad_id(folder: Path, tokenizer: Tokenizer) -> int:
    """Id of the padding token: the tokenizer's own, else the model's config, else 0.

    Padded positions are masked, so that any valid id serves; a base model without one (some causal models) takes 0.
    """
    config = _json(folder / CONFIG).get("pad_token")
    token = config.get("content") if isinstance(config, dict) else config
    found = tokenizer.token_to_id(token) if isinstance(token, str) else None
    if found is None:
        found = _json(folder / "config.json").get("pad_token_id")
    return int(found) if found is not None else 0


def longest_input(folder: Path) -> int:
    """How many tokens the base model can read at once, special tokens included.

    The smaller one of the tokenizer's limit and the model's number of positions. RoBERTa-type models spend the first
    `pad_token_id + 1` positions on padding.
    """
    config = _json(folder / "config.json")
    limits = [_json(folder / CONFIG).get("model_max_length"), config.get("max_position_embeddings")]
    if config.get("model_type") in {"roberta", "xlm-roberta", "camembert", "longformer", "mpnet"} and limits[1]:
        limits[1] = limits[1] - int(config.get("pad_token_id", 1)) - 1
    known = [int(limit) for limit in limits if isinstance(limit, int | float) and 0 < limit < 1e6]
    return min(known, default=512)


def _read(file: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # noqa: BLE001 - tokenizers raises nothing more particular
        raise ModelError(
            f"{file}: is no tokenizer ({error}). It is damaged, or a git-lfs pointer: fetch it again, or run `git lfs pull`."
        ) from None


def _convert(folder: Path) -> Tokenizer:
    if not any(any(folder.glob(name)) for name in VOCABULARIES):
        raise ModelError(
            f"{folder}: holds no tokenizer (neither {FILE} nor a vocabulary). Save that of the model into it with "
            "`AutoTokenizer.from_pretrained(...).save_pretrained(folder)`."
        )
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False).backend_tokenizer
    except (OSError, ValueError, AttributeError, ImportError) as error:
        raise ModelError(
            f"{folder}: no {FILE}, and its tokenizer cannot be made fast ({error}). "
            "Save a fast one into the folder with `AutoTokenizer.from_pretrained(...).save_pretrained(folder)`."
        ) from None


def _json(file: Path) -> dict[str, Any]:
    """An object of a JSON file; empty where there is none.

    Raises:
        ModelError: it is damaged.
    """
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(
            f"{file}: is no JSON ({error}). It is damaged, or a git-lfs pointer: fetch it again."
        ) from None
    return found if isinstance(found, dict) else {}
