"""The tuned model's own files in the release: weights, config, tokenizer, labels.

The tokenizer is written with truncation at the trained length, so that whoever loads `tokenizer.json` alone feeds the graph
what it was trained on.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tokenizers import Tokenizer

from stages.artifacts import Encoding, Schema, write_json

LABELS = "labels.json"


def copy(tuned: Path, release: Path, schema: Schema, encoding: Encoding) -> None:
    """Fill a release folder with everything that is not made by export.

    Args:
        tuned: what finetune wrote.
        release: an existing folder.
        schema: of the corpus.
        encoding: how texts were tokenized.
    """
    shutil.copytree(tuned, release, dirs_exist_ok=True, copy_function=shutil.copyfile)
    tokenizer = Tokenizer.from_file(str(tuned / "tokenizer.json"))
    tokenizer.enable_truncation(encoding.max_length)
    tokenizer.no_padding()
    tokenizer.save(str(release / "tokenizer.json"))
    write_json(release / LABELS, {str(i): label for i, label in enumerate(schema.labels)})
