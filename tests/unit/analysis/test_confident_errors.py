"""The surest mistakes come first, and the table is plain CSV in UTF-8."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pytest

from stages.analysis import confident_errors

LABELS = ["billing", "delivery", "退货"]
ROWS = [
    ("right", "billing", "billing", [0.99, 0.005, 0.005]),
    ("unsure", "billing", "delivery", [0.3, 0.5, 0.2]),
    ("surest", "退货", "delivery", [0.03, 0.96874, 0.00126]),
    ("sure", "delivery", "billing", [0.75, 0.125, 0.125]),
    ("as sure", "delivery", "退货", [0.2, 0.05, 0.75]),
]
TEXTS = {name: f"text of {name}" for name, *_ in ROWS}


def predictions(rows: list[tuple[str, str, str, list[float]]]) -> pa.Table:
    schema = pa.schema(
        {"id": pa.string(), "gold": pa.string(), "predicted": pa.string(), "probabilities": pa.list_(pa.float32())}
    )
    return pa.Table.from_arrays([pa.array([row[i] for row in rows], schema.types[i]) for i in range(4)], schema=schema)


def test_only_mistakes_are_found_and_the_surest_first() -> None:
    found = confident_errors.find(predictions(ROWS), TEXTS, LABELS, most=10)
    assert [one["id"] for one in found] == ["surest", "sure", "as sure", "unsure"]
    assert found[0] == {
        "id": "surest",
        "text": "text of surest",
        "gold": "退货",
        "predicted": "delivery",
        "probability": 0.9687,
        "gold_probability": 0.0013,
    }


def test_ties_stay_in_the_order_of_the_split() -> None:
    backwards = confident_errors.find(predictions(ROWS[::-1]), TEXTS, LABELS, most=10)
    assert [one["id"] for one in backwards] == ["surest", "as sure", "sure", "unsure"]


@pytest.mark.parametrize("most", [0, 1, 3])
def test_no_more_than_were_asked_for(most: int) -> None:
    everything = confident_errors.find(predictions(ROWS), TEXTS, LABELS, most=10)
    assert confident_errors.find(predictions(ROWS), TEXTS, LABELS, most) == everything[:most]


@pytest.mark.parametrize("rows", [ROWS[:1], []], ids=["all right", "no records"])
def test_without_a_mistake_there_is_nothing(rows: list[tuple[str, str, str, list[float]]]) -> None:
    assert confident_errors.find(predictions(rows), TEXTS, LABELS, most=5) == []


def test_chunks_and_slices_of_a_table_change_nothing() -> None:
    """A parquet file of several row groups is read as several chunks."""
    expected = confident_errors.find(predictions(ROWS), TEXTS, LABELS, most=10)
    chunked = pa.concat_tables([predictions(ROWS[:2]), predictions(ROWS[2:])])
    assert chunked["probabilities"].num_chunks == 2
    assert confident_errors.find(chunked, TEXTS, LABELS, most=10) == expected
    padded = predictions([ROWS[1], *ROWS, ROWS[1]])
    assert confident_errors.find(padded.slice(1, len(ROWS)), TEXTS, LABELS, most=10) == expected


def test_the_table_survives_commas_quotes_breaks_and_other_scripts(tmp_path: Path) -> None:
    text = 'He said "no",\nthen 我想退货 🙂'
    rows = confident_errors.find(predictions(ROWS[2:3]), {"surest": text}, LABELS, most=1)
    file = tmp_path / "new" / "folder" / "errors.csv"
    confident_errors.write(rows, file)
    raw = file.read_bytes()
    assert raw.startswith(b"id,text,gold,predicted,probability,gold_probability\n")
    assert b"\r" not in raw
    with file.open(encoding="utf-8", newline="") as stream:
        [row] = csv.DictReader(stream)
    assert row == {key: str(value) for key, value in rows[0].items()}
    assert row["text"] == text


def test_no_mistakes_give_a_table_of_names_only(tmp_path: Path) -> None:
    confident_errors.write([], tmp_path / "errors.csv")
    assert (tmp_path / "errors.csv").read_text(encoding="utf-8").splitlines() == [",".join(confident_errors.COLUMNS)]
