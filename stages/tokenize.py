"""tokenize: prepared texts to token ids with the base model's own tokenizer, and a report on what that did to them."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from stages import artifacts, harness, tasks
from stages.artifacts import Encoding, Schema
from stages.encoding import base_model, ids, lengths, tokenizer
from stages.errors import ModelError
from stages.params.model import ModelParams
from stages.params.task import TaskParams
from stages.params.text import TextParams
from stages.tasks.protocol import Task

SECTIONS = (ModelParams, TaskParams, TextParams)
UNKNOWN = 0.02
"""Share of unknown tokens above which a base model does not fit the texts; of the embedded corpus .0007 are unknown."""
log = logging.getLogger(__name__)


def work(stage: harness.Stage) -> None:
    """Encode every split; write ids, the encoding's facts, and the text report."""
    model, text = stage.params(ModelParams), stage.params(TextParams)
    task = tasks.make(stage.params(TaskParams))
    schema = Schema.read()
    folder = base_model.locate(model, verify=False)
    words = tokenizer.load(folder)
    max_length = choose_length(task, words, text, tokenizer.longest_input(folder))
    shutil.rmtree(artifacts.TOKENIZED, ignore_errors=True)
    made = {split: encode_split(task, split, words, max_length, schema) for split in schema.splits}
    report = {split: {**numbers, **lost} for split, (numbers, lost) in made.items()}
    size, pin = words.get_vocab_size(), base_model.pin(model)
    Encoding(max_length, tokenizer.pad_id(folder, words), size, model.base, pin).write()
    artifacts.write_json(artifacts.TEXT_REPORT / "tokens.json", {"max_length": max_length, "splits": report})
    for split, numbers in report.items():
        log.info(
            "%-10s %7d records, %.1f tokens on average, %d cut at %d tokens, %.2f sub-words per word, %.1f %% unknown",
            split, numbers["records"], numbers["length_mean"], numbers["truncated_records"], max_length,
            numbers["subwords_per_word"], 100 * numbers["unknown_share"],
        )  # fmt: skip
        told = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in made[split][1].items() if count)
        if told:
            log.info("%-10s %s", split, told)
        stage.record.metrics({f"{split}.{key}": float(value) for key, value in numbers.items()})
    stage.record.artifact(artifacts.TEXT_REPORT / "tokens.json")
    warn(report["train"]["unknown_share"], model.base)


def warn(unknown: float, base: str) -> None:
    """Say so where the base model cannot read what it is to learn from: unknown tokens all look alike to it."""
    if unknown > UNKNOWN:
        log.warning(
            "model.base: %s does not know %.0f %% of train's tokens, which are all one and the same to it. It was made for "
            "other languages or characters: choose a base model of yours.",
            base,
            100 * unknown,
        )


def choose_length(task: Task, words: Tokenizer, text: TextParams, longest: int) -> int:
    """The sequence length that params ask for.

    Raises:
        ModelError: params ask for more than the base model can read.
    """
    if text.max_length == "auto":
        file = pq.ParquetFile(artifacts.prepared("train"))
        batches = file.iter_batches(8192, columns=readable(task, "train", file.schema_arrow.names))
        parts = [task.lengths(pa.Table.from_batches([batch]), words) for batch in batches]
        return lengths.automatic(np.concatenate(parts), text.percentile, longest)
    if text.max_length > longest:
        raise ModelError(
            f"text.max_length: {text.max_length} is more than the {longest} tokens that the base model can read. "
            f"Set it to at most {longest}, or to auto."
        )
    return text.max_length


def readable(task: Task, split: str, names: list[str]) -> list[str]:
    """The columns of a split that encoding may see: targets of unlabelled splits are empty."""
    return [name for name in names if split not in artifacts.UNLABELLED or name not in task.targets]


def encode_split(
    task: Task, split: str, words: Tokenizer, max_length: int, schema: Schema
) -> tuple[dict[str, float], dict[str, int]]:
    """Encode one split batch by batch; returns its numbers for the report, and what became of its labels."""
    file = pq.ParquetFile(artifacts.prepared(split))
    unknown_id = ids.unknown_id(words)
    full: list[np.ndarray] = []
    counts = lengths.Counts()
    lost: Counter[str] = Counter()
    columns = readable(task, split, file.schema_arrow.names)
    texts = [name for name in ("text", "text_b") if name in columns]
    special = words.num_special_tokens_to_add(is_pair=len(texts) > 1)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in file.iter_batches(8192, columns=columns):
            made = task.encode(pa.Table.from_batches([batch]), words, max_length, schema)
            whole = made.rows["full_length"].to_numpy()
            pieces = int(whole.sum()) - special * len(whole) if made.pieces is None else made.pieces
            full.append(whole)
            lost.update(made.lost)
            said = (text for name in texts for text in batch[name].to_pylist())
            counts.add(said, pieces, made.rows["input_ids"], unknown_id)
            yield from made.rows.to_batches()

    empty = task.encode(file.schema_arrow.empty_table().select(columns), words, max_length, schema)
    artifacts.write_batches(artifacts.tokenized(split), empty.rows.schema, batches())
    found = lengths.describe(np.concatenate(full), max_length, counts, special)
    rows, records = len(np.concatenate(full)), file.metadata.num_rows
    return {**found, "records": records, **({"rows": rows} if rows != records else {})}, dict(lost)


if __name__ == "__main__":
    harness.main("tokenize", work, SECTIONS)
