"""General text that training looks at besides the task's: read from a file, tokenized as the task's own texts are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from stages.artifacts import Encoding
from stages.encoding import base_model, tokenizer
from stages.encoding.ids import encode
from stages.errors import DataError
from stages.params.model import ModelParams
from stages.params.objectives import ObjectivesParams
from stages.training.batching import Rows


def file_of(params: ObjectivesParams) -> Path:
    """The file that params name.

    Raises:
        DataError: there is none.
    """
    file = Path(params.references)
    if not file.is_file():
        raise DataError(f"objectives.references: {file} is no file. Name a text file, one text a line.")
    return file


def general(params: ObjectivesParams, model: ModelParams, encoding: Encoding, seed: int) -> Rows | None:
    """The texts that objectives ask for; None where they ask for none. See `read`."""
    if not params.reads_references:
        return None
    words = tokenizer.load(base_model.locate(model, verify=False))
    asked = [(params.replay.weight, params.replay.limit), (params.ewc.weight, params.ewc.texts)]
    limit = max((texts for weight, texts in asked if weight > 0), default=0)
    return read(file_of(params), words, encoding.max_length, limit, seed)


def read(file: Path, words: Tokenizer, max_length: int, limit: int, seed: int) -> Rows:
    """Tokenize a seeded sample of a text file's lines.

    Args:
        file: UTF-8, one text a line.
        words: the base model's tokenizer.
        max_length: of a row, in tokens.
        limit: most texts.
        seed: of the sample.

    Raises:
        DataError: it is not UTF-8, or holds no text.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    texts = list(dict.fromkeys(line for line in lines if line))
    if not texts:
        raise DataError(f"objectives.references: {file} holds no text. Name a text file, one text a line.")
    chosen = sorted(np.random.default_rng(seed).permutation(len(texts))[:limit].tolist())
    encoded = encode(words, [texts[i] for i in chosen], max_length)
    return Rows.of(pa.table({"id": [str(i) for i in chosen], "input_ids": encoded.ids}))
