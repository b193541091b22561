"""What is learned beside train, through prepare, tokenize and finetune with a tiny model."""

from __future__ import annotations

import json
import math
from contextlib import chdir
from pathlib import Path

import pyarrow.parquet as pq

from stages import artifacts
from stages.encoding.ragged import Ragged
from tests import tiny
from tests.pipeline.running import run

OFF = {"copies": 0, "rate": 0.1}
AUGMENTATION = {
    **{"seed": 5, "word_dropout": {"copies": 2, "rate": 0.3}, "word_swap": OFF, "typos": OFF},
    **{
        "synonyms": {"copies": 0, "rate": 0.3, "file": "none.tsv"},
        "back_translation": {"copies": 0, "file": "none.tsv"},
    },
}


def test_finetune_learns_from_all_of_it_and_the_length_is_trains(tmp_path: Path, project: Path) -> None:
    folder = tiny.project(
        tmp_path / "project",
        project,
        data__augmentation=AUGMENTATION,
        data__rehearsal={"share": 1.0, "path": "older", "seed": 1},
    )
    long = "a rather long message of older days about a parcel that has never arrived at our new house " * 2
    rows = [{"id": f"o{i}", "text": f"{long}{i}", "label": label} for i, label in enumerate(tiny.SUBJECTS)]
    (folder / "older").mkdir()
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / "older/train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "older/test.jsonl").write_text(lines[0].replace("rather", "quite") + "\n", encoding="utf-8")
    run(folder, "prepare", "tokenize", "finetune")
    with chdir(folder):
        schema, encoding = artifacts.Schema.read(), artifacts.Encoding.read()
        summary = artifacts.read_json(artifacts.SUMMARY)
        tokens = artifacts.read_json(artifacts.TEXT_REPORT / "tokens.json")["splits"]
        tables = {split: pq.read_table(artifacts.tokenized(split)) for split in schema.learned}
        texts = pq.read_table(artifacts.prepared("augmented"))["text"].to_pylist()
    assert schema.learned == ["train", "augmented", "rehearsed"]
    assert schema.rows["rehearsed"] == len(rows)
    assert len(texts) == schema.rows["augmented"] > schema.rows["train"]
    assert {split: table.num_rows for split, table in tables.items()} == {
        one: schema.rows[one] for one in schema.learned
    }
    assert encoding.max_length < tokens["rehearsed"]["length_max"]
    assert Ragged.of_lists(tables["rehearsed"]["input_ids"]).lengths.max() == encoding.max_length
    learned = sum(schema.rows[split] for split in schema.learned)
    assert summary["last_step"] == 2 * math.ceil(learned / 8)
