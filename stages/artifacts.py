"""The one place that knows each file between stages: where it lies, what it holds, how it is read and written.

All paths are relative to the project's root, which is where DVC runs a stage. Whatever is written here is a DVC out, so
its bytes depend on its content alone: JSON with sorted keys, parquet without pandas' metadata, no time stamps.
An out appears under its name only when it is complete (`os.replace`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import DataError

PREPARED = Path("data/prepared")
TOKENIZED = Path("data/tokenized")
FINETUNED = Path("models/finetuned")
RELEASE = Path("models/release")
MEMBERS = "members"
"""Within a tuned ensemble: a folder for each member but the one that validated best, whose files are the tuned model's own."""
DATA_REPORT = Path("reports/data")
TEXT_REPORT = Path("reports/text")
TRAINING_REPORT = Path("reports/training")
EVALUATION = Path("reports/evaluation")
ALIGNMENT = Path("reports/alignment")

SCHEMA = PREPARED / "schema.json"
ENCODING = TOKENIZED / "encoding.json"
CURVES = TRAINING_REPORT / "curves.csv"
STEPS = TRAINING_REPORT / "steps.csv"
SUMMARY = TRAINING_REPORT / "summary.json"
WISE_FT = TRAINING_REPORT / "wise_ft.csv"
SEEDS = TRAINING_REPORT / "seeds.csv"
METRICS = EVALUATION / "metrics.json"
DETAILS = EVALUATION / "details" / "details.json"
ALIGNMENT_METRICS = ALIGNMENT / "metrics.json"

REQUIRED_SPLITS = ("train", "validation", "test")
OPTIONAL_SPLITS = ("shifted", "unlabelled", "out_of_scope")
UNLABELLED = ("unlabelled", "out_of_scope")
"""Splits without labels: messages of the same inbox, and messages that fit none of the classes."""
SPLITS = REQUIRED_SPLITS + OPTIONAL_SPLITS
MADE = ("augmented", "rehearsed")
"""Splits that no data set holds, which only finetune reads: changed versions of train's records, and another corpus'."""
ROW_GROUP = 65_536
"""Rows of a parquet row group: what a streaming reader holds at once."""


@dataclass(frozen=True)
class Schema:
    """`data/prepared/schema.json`: what later stages know of the corpus without reading it.

    Attributes:
        task: kind of task.
        labels: class names, sorted; a class's position is its id.
        rows: number of records per split that exists.
        keep: further columns that were carried along.
        fingerprint: digest of each split's records, see `contents_sha256`.
        normalize: Unicode form that texts were brought to.
        limit: records per split that `data.limit` left; None for all.
    """

    task: str
    labels: list[str]
    rows: dict[str, int]
    keep: list[str] = field(default_factory=list)
    fingerprint: dict[str, str] = field(default_factory=dict)
    normalize: Literal["NFC", "NFKC"] | None = None
    limit: int | None = None

    @property
    def splits(self) -> list[str]:
        """The splits that exist, in their usual order."""
        return [split for split in (*SPLITS, *MADE) if split in self.rows]

    @property
    def learned(self) -> list[str]:
        """The splits that finetune learns from, train first."""
        return [split for split in ("train", *MADE) if split in self.rows]

    def write(self, file: Path = SCHEMA) -> None:
        """Write as JSON."""
        write_json(file, asdict(self))

    @classmethod
    def read(cls, file: Path = SCHEMA) -> Schema:
        """Read what `write` wrote."""
        return cls(**read_json(file))


@dataclass(frozen=True)
class Encoding:
    """`data/tokenized/encoding.json`: how the ids were made.

    Attributes:
        max_length: longest sequence in tokens, special tokens included.
        pad_id: token id of padding.
        vocabulary: number of ids that the tokenizer knows.
        base: the base model's name as params gave it.
        revision: its pinned commit, if any.
    """

    max_length: int
    pad_id: int
    vocabulary: int
    base: str
    revision: str | None

    def write(self, file: Path = ENCODING) -> None:
        """Write as JSON."""
        write_json(file, asdict(self))

    @classmethod
    def read(cls, file: Path = ENCODING) -> Encoding:
        """Read what `write` wrote."""
        return cls(**read_json(file))


def prepared(split: str) -> Path:
    """`data/prepared/<split>.parquet`: id, text, label (null in *unlabelled*), and the kept columns, all strings."""
    return PREPARED / f"{split}.parquet"


def tokenized(split: str) -> Path:
    """`data/tokenized/<split>.parquet`: id, input_ids (list of int32), length (int32), and the task's targets."""
    return TOKENIZED / f"{split}.parquet"


def predictions(split: str) -> Path:
    """`reports/evaluation/predictions/<split>.parquet`: id, gold, predicted, probabilities (list of float32)."""
    return EVALUATION / "predictions" / f"{split}.parquet"


def plot(name: str) -> Path:
    """A picture or table of the evaluation that people look at."""
    return EVALUATION / "plots" / name


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write sorted, indented UTF-8 JSON that ends in a newline."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    partial = file.with_name(file.name + ".partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(file)


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: the file is missing.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{file}: not found. Run `dvc repro`, which makes it.") from None


def write_table(file: Path, table: pa.Table) -> None:
    """Write a table as parquet whose bytes depend on schema and values alone."""
    write_batches(file, table.schema, table.to_batches(max_chunksize=ROW_GROUP))


def write_batches(file: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Stream record batches into a parquet file, one row group of `ROW_GROUP` rows after another.

    Returns:
        The number of rows written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(file.name + ".partial")
    schema = schema.remove_metadata()
    rows = 0
    with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_table(pa.Table.from_batches([batch], schema=schema), row_group_size=ROW_GROUP)
            rows += batch.num_rows
    partial.replace(file)
    return rows


def read_table(file: Path, columns: list[str] | None = None) -> pa.Table:
    """Read a parquet file, or some of its columns, memory-mapped.

    Raises:
        DataError: the file is missing.
    """
    try:
        return pq.read_table(file, columns=columns, memory_map=True)
    except FileNotFoundError:
        raise DataError(f"{file}: not found. Run `dvc repro`, which makes it.") from None


def sha256(file: Path) -> str:
    """Hexadecimal digest of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


CONTENTS = "records-"
"""How a digest of records begins; before there were any, a fingerprint was that of a file's bytes."""


def contents_sha256(file: Path) -> str:
    """Digest of a parquet file's columns, by name, type and values; its bytes also tell which version of Arrow wrote it."""
    digest = hashlib.sha256()
    table = pq.ParquetFile(file, memory_map=True)
    for column in table.schema_arrow:
        digest.update(f"\0{column.name}\0{column.type}\0".encode())
        for batch in table.iter_batches(columns=[column.name]):
            values = json.dumps(batch.column(0).to_pylist(), ensure_ascii=False)
            digest.update(f"{values[1:-1]}, ".encode(errors="surrogatepass"))
    return f"{CONTENTS}{digest.hexdigest()}"


def tree_sha256(folder: Path) -> str:
    """Digest of a folder: of its files' names and bytes, in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder).as_posix()}\0{sha256(file)}\n".encode())
    return digest.hexdigest()


def project_root() -> Path:
    """Where files that are no outs live: the user's own checkout.

    DVC sets `$DVC_ROOT` for the stages it runs. An experiment from the queue runs in a copy under `.dvc/tmp/exps`, which is
    removed afterwards; its checkpoints and its record belong into the checkout that the copy was made from.
    """
    root = _dvc_root()
    for parent in root.parents:
        if parent.name == "exps" and parent.parent.name == "tmp" and parent.parent.parent.name == ".dvc":
            return parent.parents[2]
    return root


def in_a_copy() -> bool:
    """Whether this stage is of an experiment from the queue, which leaves the checkout's own outs as they are."""
    return project_root() != _dvc_root()


def _dvc_root() -> Path:
    return Path(os.environ.get("DVC_ROOT", Path.cwd())).resolve()
