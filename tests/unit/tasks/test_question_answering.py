"""From question and context to an answer with offsets: what windows are taught, what is lost, what is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from stages import tasks
from stages.artifacts import Schema
from stages.encoding import base_model, tokenizer
from stages.encoding.ragged import Ragged
from stages.errors import DataError
from stages.metrics.intervals import Bootstrap
from stages.params.model import ModelParams
from stages.params.task import QuestionAnsweringParams, TaskParams
from stages.params.training import TrainingParams
from stages.tasks import answer_rows
from stages.tasks.protocol import IGNORED, Scoring, Task
from stages.tasks.question_answering import THRESHOLD, Answer
from stages.tasks.span_scorer import SILENCED, SpanLoss
from stages.training.batching import Rows
from stages.training.prediction import ask, outputs_of, tensors


def made(overlap: int = 4, longest: int = 6) -> Task:
    own = QuestionAnsweringParams(longest_answer=longest)
    return tasks.make(TaskParams(kind="question_answering", overlap=overlap, question_answering=own))


TASK = made()
SCHEMA = Schema("question_answering", [], {})
WORDS = tokenizer.load(base_model.locate(ModelParams(), verify=False))
CONTEXT = "Our school opened in 1997 . It stands near the river , in 北京市 , and closed in 2001 ."


def records(*answers: list[str], context: str = CONTEXT) -> pa.Table:
    rows = [
        {
            "id": str(i),
            "text": "When did it open ?",
            "text_b": context,
            "answers": [{"text": text, "start": context.index(text)} for text in texts],
        }
        for i, texts in enumerate(answers)
    ]
    kind = pa.list_(pa.struct([("text", pa.string()), ("start", pa.int32())]))
    schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("text_b", pa.string()), ("answers", kind)])
    return pa.Table.from_pylist(rows, schema=schema)


def encode(*answers: list[str], max_length: int = 20) -> tuple[list[dict[str, Any]], dict[str, int]]:
    found = TASK.encode(records(*answers), WORDS, max_length, SCHEMA)
    return found.rows.to_pylist(), found.lost


def perfect(rows: pa.Table, *, silence: float = 0.0) -> Ragged:
    """Outputs of a model that knows what each row is taught."""
    found = Ragged.empty(np.array([len(ids) for ids in rows["input_ids"].to_pylist()]), (2,), np.float32)
    found.values[:] = 0
    for i, (first, last) in enumerate(zip(rows["first"].to_pylist(), rows["last"].to_pylist(), strict=True)):
        scores = np.zeros((len(found[i]), 2), dtype=np.float32)
        scores[0] = silence
        if first > 0:
            scores[first, 0] = scores[last, 1] = 5
        found[i] = scores
    return found


def test_each_window_is_taught_what_it_can_know() -> None:
    rows, lost = encode(["1997"], max_length=20)
    assert [row["window"] for row in rows] == list(range(len(rows)))
    assert len(rows) > 1
    taught = [(row["first"], row["last"]) for row in rows]
    shown = [
        CONTEXT[row["starts"][first] : row["ends"][last]]
        for row, (first, last) in zip(rows, taught, strict=True)
        if first
    ]
    assert set(shown) == {"1997"}
    assert (0, 0) in taught  # windows without it point at their first token
    assert lost == {}
    assert all(row["full_length"] == row["length"] == len(row["input_ids"]) <= 20 for row in rows)


def test_a_window_with_half_an_answer_is_not_taught_that_there_is_none() -> None:
    rows, lost = encode(["near the river , in 北京市 , and"], max_length=24)
    kinds = {(row["first"] > 0, row["first"] == IGNORED) for row in rows}
    assert (False, True) in kinds
    assert lost in ({}, {answer_rows.WHOLE: 1})


def test_every_lost_answer_is_counted_with_its_reason() -> None:
    rows, lost = encode(["It stands near the river , in 北京市 , and"], ["199"], [], max_length=20)
    assert lost == {answer_rows.WHOLE: 1, answer_rows.INSIDE: 1}
    assert all(row["first"] in {0, IGNORED} for row in rows if row["id"] == "0")
    assert all(row["first"] == 0 for row in rows if row["id"] == "2")


def test_a_second_reference_is_taught_where_the_first_is_lost() -> None:
    rows, lost = encode(["It stands near the river , in 北京市 , and", "river"], max_length=20)
    assert lost == {answer_rows.WHOLE: 1}
    assert {CONTEXT[row["starts"][row["first"]] : row["ends"][row["last"]]] for row in rows if row["first"] > 0} == {
        "river"
    }


def test_each_window_is_taught_the_reference_that_it_holds() -> None:
    twice = f"Water . {CONTEXT} Water came back in 2003 ."
    table = records(["Water"], context=twice)
    places = [{"text": "Water", "start": at} for at in (0, twice.rindex("Water"))]
    table = table.set_column(3, "answers", pa.array([places], table.schema.field("answers").type))
    rows = TASK.encode(table, WORDS, 20, SCHEMA).rows.to_pylist()
    for row in rows:
        held = [one["start"] for one in places if one["start"] in row["starts"]]
        assert (row["first"] > 0) == bool(held)
        assert row["first"] <= 0 or row["starts"][row["first"]] == held[0]
    assert {row["starts"][row["first"]] for row in rows if row["first"] > 0} == {one["start"] for one in places}


def test_what_a_perfect_model_says_are_the_answers_with_their_offsets() -> None:
    asked = records(["1997"], ["北京市"], ["the river", "river"], ["2001"])
    rows = TASK.encode(asked, WORDS, 20, SCHEMA).rows
    outputs = perfect(rows)
    said = TASK.decode(outputs, rows, asked, SCHEMA, {})
    assert said["predicted"].to_pylist() == ["1997", "北京市", "the river", "2001"]
    assert said["gold"].to_pylist() == [["1997"], ["北京市"], ["the river", "river"], ["2001"]]
    for answer in TASK.answers(said, SCHEMA):
        assert isinstance(answer, Answer)
        assert CONTEXT[answer.start : answer.end] == answer.text
        assert 0.5 < answer.score <= 1
    assert TASK.quality(said, SCHEMA) == 1
    scores = TASK.score(said, SCHEMA, Scoring(Bootstrap(100)))
    assert set(scores.headline) == {"exact_match", "f1"}
    assert sum(row["gold"] for row in scores.details["by_length"]) == 4
    assert TASK.validate(outputs, Rows.of(rows).columns) == {"span_f1": 1, "span_exact": 1}
    assert TASK.agree(said, said, SCHEMA).all()
    moved = said.to_pylist()
    moved[0]["end"] += 1
    moved[1]["start"] = None
    other = pa.Table.from_pylist(moved, said.schema)
    assert TASK.agree(said, other, SCHEMA).tolist() == [False, False, *[True] * (len(moved) - 2)]


def test_a_threshold_chosen_on_validation_lets_the_model_say_nothing() -> None:
    asked = records(["1997"], [], ["2001"])
    rows = TASK.encode(asked, WORDS, 64, SCHEMA).rows
    outputs = perfect(rows, silence=3)
    assert TASK.decode(outputs, rows, asked, SCHEMA, {})["predicted"].to_pylist()[1] != ""
    fitted = TASK.fit(outputs, rows, asked, SCHEMA)
    said = TASK.decode(outputs, rows, asked, SCHEMA, fitted)
    assert said["predicted"].to_pylist() == ["1997", "", "2001"]
    assert said["start"].to_pylist()[1] is None
    assert fitted["validation_f1"] == 1
    assert TASK.validate(outputs, Rows.of(rows).columns)["span_f1"] == 1
    assert set(TASK.score(said, SCHEMA, Scoring(Bootstrap(100))).headline) > {"no_answer_accuracy", "answerable_f1"}
    answerable = records(["1997"])
    assert THRESHOLD not in TASK.fit(outputs, rows, answerable, SCHEMA)


def test_validation_measures_places() -> None:
    asked = records(["opened in 1997"])
    rows = TASK.encode(asked, WORDS, 64, SCHEMA).rows
    outputs = Ragged.empty(np.array([len(rows["input_ids"][0])]), (2,), np.float32)
    scores = np.zeros((len(outputs[0]), 2), dtype=np.float32)
    [first], [last] = rows["first"].to_pylist(), rows["last"].to_pylist()
    scores[first + 1, 0] = scores[last, 1] = 5  # "in 1997"
    outputs[0] = scores
    found = TASK.validate(outputs, Rows.of(rows).columns)
    assert found == {"span_f1": pytest.approx(2 * 7 / (14 + 7)), "span_exact": 0}


def test_an_answer_has_at_most_as_many_tokens_as_params_allow() -> None:
    asked = records(["1997"])
    rows = TASK.encode(asked, WORDS, 64, SCHEMA).rows
    outputs = Ragged.empty(np.array([len(rows["input_ids"][0])]), (2,), np.float32)
    scores = np.zeros((len(outputs[0]), 2), dtype=np.float32)
    context = np.flatnonzero(np.array(rows["starts"][0].as_py()) >= 0)
    scores[context[0], 0] = scores[context[-1], 1] = 5
    outputs[0] = scores
    for longest in (1, 3):
        task = made(longest=longest)
        [said] = task.decode(outputs, rows, asked, SCHEMA, {})["predicted"].to_pylist()
        assert len(said.split()) <= longest


def test_overlap_decides_how_many_windows_there_are() -> None:
    counts = [made(one).encode(records(["1997"]), WORDS, 20, SCHEMA).rows.num_rows for one in (0, 6)]
    assert counts[0] < counts[1]


@pytest.mark.parametrize("one", ["text", ("a",), {"question": "a"}, ("a", 3), {"question": "a", "context": None}])
def test_what_is_no_question_with_context_is_refused(one: Any) -> None:
    with pytest.raises(DataError, match="expected \\(question, context\\)"):
        TASK.records([one])
    assert TASK.records([("q", "c"), {"question": "q", "context": "c"}]).select(["text", "text_b"]).to_pylist() == (
        [{"text": "q", "text_b": "c"}] * 2
    )


def tiny() -> nn.Module:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=WORDS.get_vocab_size(),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    return TASK.model(BertModel(config, add_pooling_layer=False), "mean", SCHEMA, ModelParams(head_dropout=0.0)).eval()


def test_padding_gets_no_share_and_changes_nothing() -> None:
    rows = TASK.encode(records(["1997"], [], context="opened in 1997 ."), WORDS, 64, SCHEMA).rows
    more = pa.concat_tables([rows, TASK.encode(records(["2001"]), WORDS, 64, SCHEMA).rows])
    model = tiny()
    alone = outputs_of(model, Rows.of(rows), TASK, 0, 8)
    beside = outputs_of(model, Rows.of(more), TASK, 0, 8)
    assert isinstance(alone, Ragged)
    assert isinstance(beside, Ragged)
    np.testing.assert_allclose(alone[0], beside[0], atol=1e-5)
    batch = tensors(TASK.collate(Rows.of(more).__getitems__([0, 2]), 0))
    scores = ask(model, batch)
    assert (scores[batch["attention_mask"] == 0] == SILENCED).all()
    assert batch["token_type_ids"].sum() > 0


def test_the_loss_is_the_mean_cross_entropy_of_start_and_end() -> None:
    scores = torch.randn(3, 7, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[1, 2], [0, 0], [4, 6]])
    usual = (
        nn.functional.cross_entropy(scores[..., 0], labels[:, 0])
        + nn.functional.cross_entropy(scores[..., 1], labels[:, 1])
    ) / 2
    torch.testing.assert_close(SpanLoss(IGNORED, 0.0)(scores, labels), usual)
    smooth = sum(
        nn.functional.cross_entropy(scores[..., i], labels[:, i], label_smoothing=0.2, reduction="mean") for i in (0, 1)
    )
    torch.testing.assert_close(SpanLoss(IGNORED, 0.2)(scores, labels), smooth / 2)
    padded = torch.cat([scores, torch.full((3, 2, 2), SILENCED)], dim=1)
    torch.testing.assert_close(SpanLoss(IGNORED, 0.2)(padded, labels), smooth / 2)


def test_rows_that_are_no_example_do_not_count() -> None:
    scores = torch.randn(2, 5, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = TASK.objective(TrainingParams(), {}, SCHEMA, nn.Identity())
    some = loss(scores, torch.tensor([[1, 2], [IGNORED, IGNORED]]))
    torch.testing.assert_close(some, loss(scores[:1], torch.tensor([[1, 2]])))
    none = loss(scores, torch.full((2, 2), IGNORED))
    assert none.item() == 0
    none.backward()
