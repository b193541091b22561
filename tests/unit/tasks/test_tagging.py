"""Tagging from records to spans and back: with every head, over windows, in English and Chinese."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import BertConfig, BertModel

from stages.artifacts import Schema
from stages.corpora import words
from stages.encoding import base_model, tokenizer, word_labels
from stages.encoding.ragged import Ragged
from stages.errors import DataError
from stages.metrics.intervals import Bootstrap
from stages.params.model import ModelParams
from stages.params.task import TaggingParams, TaskParams
from stages.params.training import TrainingParams
from stages.tasks.crf import Crf
from stages.tasks.protocol import IGNORED, Scoring
from stages.tasks.tag_loss import SequenceLikelihood, WordCrossEntropy, balanced
from stages.tasks.tagging import Entity, Tagging
from stages.training.batching import Rows
from tests.small_tokenizers import FAMILIES

SCHEMA = Schema("tagging", ["LOC", "PER"], {})
TEXTS = [
    (
        "Ana flew from New York to Łódź, and on to Ulaanbaatar.",
        ["Ana/PER", "New York/LOC", "Łódź/LOC", "Ulaanbaatar/LOC"],
    ),
    ("李巾凡在北京和上海。", ["李巾凡/PER", "北京/LOC", "上海/LOC"]),
    ("nothing here", []),
    ("", []),
    ("\ufffd met Bo", ["\ufffd/PER", "Bo/PER"]),
]
Head = Literal["linear", "crf", "bilstm_crf"]


def records(texts: list[tuple[str, list[str]]]) -> pa.Table:
    rows = []
    for i, (text, marked) in enumerate(texts):
        spans = []
        for one in marked:
            name, label = one.split("/")
            spans.append({"start": text.index(name), "end": text.index(name) + len(name), "label": label})
        places = [{"start": start, "end": end} for start, end in words.cut(text)]
        rows.append({"id": f"r{i}", "text": text, "words": places, "spans": spans})
    place = [("start", pa.int32()), ("end", pa.int32())]
    span = pa.list_(pa.struct([*place, ("label", pa.string())]))
    return pa.Table.from_pylist(
        rows,
        pa.schema([("id", pa.string()), ("text", pa.string()), ("words", pa.list_(pa.struct(place))), ("spans", span)]),
    )


def task(head: Head = "linear", **more: Any) -> Tagging:
    overlap = more.pop("overlap", 128)
    return Tagging(TaskParams(kind="tagging", tagging=TaggingParams(head=head, **more), overlap=overlap))


def rows_of(
    of: Tagging, table: pa.Table, length: int = 64, family: str | None = None
) -> tuple[pa.Table, dict[str, int]]:
    """Rows by the packaged model's tokenizer, or by one of a family that is trained on the texts."""
    if family is None:
        tools = tokenizer.load(base_model.locate(ModelParams(), verify=False))
    else:
        tools = FAMILIES[family](table["text"].to_pylist())
    made = of.encode(table, tools, length, SCHEMA)
    return made.rows, made.lost


def sure(rows: pa.Table, tags: int) -> Ragged:
    """Outputs that say what the rows teach."""
    taught = Ragged.of_lists(rows["tags"])
    outputs = Ragged.empty(taught.lengths, (tags,), np.float32)
    outputs.values[:] = 0
    known = taught.values != IGNORED
    outputs.values[known, taught.values[known]] = 9
    return outputs


def right(of: Tagging, rows: pa.Table, table: pa.Table) -> Ragged:
    """Outputs that say at each deciding position what the record's spans are, whichever window was taught them."""
    tagset = of._tagset(SCHEMA)
    outputs = sure(rows, len(tagset.tags))
    gold = {}
    for one in table.to_pylist():
        places = [(place["start"], place["end"]) for place in one["words"]]
        inside, _ = word_labels.to_words([(s["start"], s["end"], s["label"]) for s in one["spans"]], places)
        gold[one["id"]] = tagset.encode(inside, len(places))
    for i, row in enumerate(rows.to_pylist()):
        outputs[i][row["positions"]] = 9 * np.eye(len(tagset.tags))[gold[row["id"]][row["words"]]]
    return outputs


def spans(table: pa.Table, name: str) -> list[list[tuple[int, int, str]]]:
    return [[(one["start"], one["end"], one["label"]) for one in row] for row in table[name].to_pylist()]


@pytest.mark.parametrize("head", ["linear", "crf"])
@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
@pytest.mark.parametrize("length", [8, 12, 64])
@pytest.mark.parametrize("family", [None, *FAMILIES])
def test_what_is_taught_decodes_to_the_spans(head: Head, scheme: str, length: int, family: str | None) -> None:
    of, table = task(head, scheme=scheme, overlap=4), records(TEXTS)
    rows, lost = rows_of(of, table, length, family)
    assert max(rows["length"].to_pylist()) <= length
    tags = 1 + 2 * (len(scheme) - 1)
    crf = Crf(of._tagset(SCHEMA).allowed)
    fitted = {} if head == "linear" else {k: v.tolist() for k, v in vars(crf.transitions()).items()}
    found = of.decode(right(of, rows, table), rows, table, SCHEMA, fitted)
    assert found["id"].to_pylist() == table["id"].to_pylist()
    assert spans(found, "gold") == spans(table, "spans")
    assert lost["spans"] == 9
    assert lost["spans_lost_within_words"] == lost["spans_lost_without_tokens"] == lost["words_without_tokens"] == 0
    assert spans(found, "predicted") == spans(table, "spans")
    assert of.quality(found, SCHEMA) == 1
    assert (lost["records_in_windows"] > 0) == (length < 64)
    assert of.validate(sure(rows, tags), Rows.of(rows).columns)["f1"] == 1


def test_spans_that_no_words_make_are_counted() -> None:
    table = records([("NewYork is far", ["New/LOC", "far/LOC"])])
    rows, lost = rows_of(task(), table)
    assert lost["spans_lost_within_words"] == 1
    assert lost["spans"] == 2
    assert spans(task().decode(sure(rows, 5), rows, table, SCHEMA, {}), "predicted") == [[(11, 14, "LOC")]]


@pytest.mark.parametrize(("repair", "expected"), [(True, [[(0, 4, "PER")]]), (False, [[]])])
def test_an_entity_without_a_begin_is_repaired_or_left_out_and_counted(repair: bool, expected: list[Any]) -> None:
    of, table = task(repair=repair), records([("a Bo", [])])
    rows, _ = rows_of(of, table)
    outputs = sure(rows, 5)
    outputs.values[1:3, 4] = 99  # I-PER on both words
    found = of.decode(outputs, rows, table, SCHEMA, {})
    assert spans(found, "predicted") == expected
    assert found["malformed"].to_pylist() == [1]
    both = records([("a Bo", []), ("Bo", ["Bo/PER"])])
    taught, _ = rows_of(of, both)
    said = sure(taught, 5)
    said.values[1:3, 4] = 99
    assert of.validate(said, Rows.of(taught).columns)["precision"] == (0.5 if repair else 1.0)
    crf = task("crf")
    fitted = {k: v.tolist() for k, v in vars(Crf(crf._tagset(SCHEMA).allowed).transitions()).items()}
    assert crf.decode(outputs, rows, table, SCHEMA, fitted)["malformed"].to_pylist() == [0]


def test_figures_of_predictions() -> None:
    of, table = task(), records([("Ana in Oslo", ["Ana/PER", "Oslo/LOC"]), ("Bo in York", ["York/LOC"])])
    rows, _ = rows_of(of, table)
    outputs = sure(rows, 5)
    outputs.values[outputs.offsets[1] + 1, 3] = 99  # B-PER on Bo
    found = of.decode(outputs, rows, table, SCHEMA, {})
    train = records([("OSLO", ["OSLO/LOC"])])
    scores = of.score(found, SCHEMA, Scoring(Bootstrap(100), train=lambda: train))
    assert scores.headline["precision"].value == 0.75
    assert scores.headline["recall"].value == 1
    assert scores.headline["f1_seen"].value == 1
    assert scores.headline["f1_unseen"].value == pytest.approx(0.8)
    assert scores.headline["malformed_share"].value == 0
    assert scores.details["matches"]["predicted"]["invented"] == 1
    assert set(of.figures.headline) <= set(scores.headline)
    assert set(of.figures.shifted) <= set(scores.headline)
    rows = found.to_pylist()
    rows[1]["predicted"] = rows[1]["predicted"][1:]
    other = pa.Table.from_pylist(rows, found.schema)
    assert of.agree(found, other, SCHEMA).tolist() == [i != 1 for i in range(len(rows))]


def test_answers_hold_their_words_and_tokens_may_be_given() -> None:
    of = task()
    asked = of.records(["Ana flew", ["New", "York", "!"], ["北", "京"]])
    assert asked["text"].to_pylist() == ["Ana flew", "New York !", "北京"]
    assert "spans" not in asked.column_names
    rows, lost = rows_of(of, asked)
    assert "tags" not in rows.column_names
    assert "spans" not in lost
    outputs = Ragged.empty(np.array(rows["length"]), (5,), np.float32)
    outputs.values[:] = np.eye(5, dtype=np.float32)[0]
    outputs.values[outputs.offsets[1] + 1] = np.eye(5)[1]
    outputs.values[outputs.offsets[1] + 2] = np.eye(5)[2]
    found = of.decode(outputs, rows, asked, SCHEMA, {})
    assert of.answers(found, SCHEMA) == [[], [Entity("LOC", "New York", 0, 8)], []]
    with pytest.raises(DataError, match="expected a text or a list of its tokens, found int '7'"):
        of.records(["a", 7])


@pytest.mark.parametrize("family", FAMILIES)
def test_what_no_reader_sees_is_no_word_and_no_piece(family: str) -> None:
    words_of = FAMILIES[family](["Ana flew to York for everything", "北京和上海"] * 5)
    text, plain = (
        "\ufeffAna\u200b flew to\u00ad \u202eYork\u202c for every\u00adthing 北\u2060京",
        "Ana flew to York for everything 北京",
    )
    of = task()
    asked, usual = of.records([text]), of.records([plain])
    seen = [text[one["start"] : one["end"]] for one in asked["words"].to_pylist()[0]]
    assert [one.replace("\u00ad", "") for one in seen] == [
        "Ana",
        "flew",
        "to",
        "York",
        "for",
        "everything",
        "北",
        "京",
    ]
    ids = [of.encode(one, words_of, 40, SCHEMA).rows["input_ids"].to_pylist() for one in (asked, usual)]
    assert ids[0] == ids[1]
    tokens = of.records([["\u200b", "Ana", "\ufeffflew", "\u3000"]])
    assert [one["end"] - one["start"] for one in tokens["words"].to_pylist()[0]] == [3, 5]


@pytest.mark.parametrize("head", ["linear", "crf", "bilstm_crf"])
def test_a_few_steps_learn_what_is_taught(head: Head) -> None:
    torch.manual_seed(0)
    of, table = task(head, lstm_hidden=16), records(TEXTS)
    rows, _ = rows_of(of, table)
    config = BertConfig(
        vocab_size=30522, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    model = of.model(BertModel(config, add_pooling_layer=False), "mean", SCHEMA, ModelParams(head_dropout=0.0))
    held = Rows.of(rows)
    loss = of.objective(TrainingParams(), held.columns, SCHEMA, model)
    assert isinstance(loss, WordCrossEntropy if head == "linear" else SequenceLikelihood)
    batch = {k: torch.from_numpy(v) for k, v in of.collate(held.__getitems__(range(len(held))), 0).items()}
    labels = batch.pop("labels")
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
    first = None
    for _ in range(40):
        value = loss(model(**batch), labels)
        first = first or float(value.detach())
        optimizer.zero_grad()
        torch.autograd.backward(value)
        optimizer.step()
    assert first is not None
    assert float(value.detach()) < first / 10
    with torch.no_grad():
        said = model(**batch).numpy()
    outputs = Ragged.empty(held.lengths, (5,), np.float32)
    for i, one in enumerate(said):
        outputs[i] = one[: outputs.lengths_of(i)]
    assert of.validate(outputs, held.columns)["f1"] == 1
    fitted = of.fit(outputs, rows, table, SCHEMA) if of.fits else {}
    found = task(head).decode(outputs, rows, table, SCHEMA, fitted)
    assert spans(found, "predicted") == spans(table, "spans")


def test_losses_are_means_over_words() -> None:
    outputs, labels = torch.randn(2, 3, 5), torch.tensor([[1, IGNORED, 0], [IGNORED] * 3])
    expected = torch.nn.functional.cross_entropy(outputs[0, [0, 2]], labels[0, [0, 2]])
    assert float(WordCrossEntropy(None, 0.0)(outputs, labels)) == pytest.approx(float(expected))
    crf = Crf(task("crf")._tagset(SCHEMA).allowed)
    likelihood = crf.log_likelihood(outputs, labels).detach()
    assert float(SequenceLikelihood(crf)(outputs, labels).detach()) == pytest.approx(-float(likelihood[0]) / 2)
    nothing = torch.full((1, 3), IGNORED)
    assert float(WordCrossEntropy(None, 0.1)(outputs[:1], nothing)) == 0
    assert float(SequenceLikelihood(crf)(outputs[:1], nothing).detach()) == 0
    assert balanced(np.array([0, 0, 0, 2, IGNORED]), 3) == pytest.approx([4 / 6, 0, 2])
