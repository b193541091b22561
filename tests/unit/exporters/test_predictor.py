"""A release answers lists of what its kind reads, cleaned as its corpus was, the same whatever stands beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stages import tasks
from stages.encoding.ragged import Ragged
from stages.errors import DataError
from stages.exporters.predictor import ASKED, Predictor
from tests.unit.exporters import releases

Made = Callable[[str], Path]
TEXTS = ["where is it", "the bill is wrong, refund the invoice and do it soon please", "我想退货", "ok", "a b c " * 9]
STRANGE: dict[str, list[Any]] = {
    "classification": [None, 7, b"text", ["tokens"]],
    "multilabel": [None, 7, b"text", ["tokens"]],
    "pair_classification": [None, "one text", b"ab", ("one", None), {"text": "one"}],
    "pair_regression": [None, "one text", b"ab", ("one", None), {"text": "one"}],
    "question_answering": [None, "q", b"ab", ("q", None), {"question": "q"}],
    "relation": [
        None,
        "text",
        b"text",
        {"text": ["Rain", "caused", "floods"], "head": (0, 1), "tail": (2, 3)},
        {"text": "Rain", "head": (0.0, 1.0), "tail": (2, 3)},
    ],
    "tagging": [None, 7, b"", b"text", ["Ana", None], ["Ana", ""]],
}


@pytest.mark.parametrize("kind", sorted(tasks.TASKS))
def test_what_is_no_list_is_refused(release: Made, kind: str) -> None:
    predictor = Predictor(release(kind))
    frame = pa.table({"text": ["one"]}).to_pandas()
    for alone in ("text", b"text", {"text": "one"}, frame, None, 7):
        with pytest.raises(DataError, match=f"give a list of {ASKED[kind]}.*found {type(alone).__name__}"):
            predictor.predict(alone)  # type: ignore[arg-type]
    assert predictor.predict([]) == []


@pytest.mark.parametrize("kind", sorted(tasks.TASKS))
def test_an_input_of_another_sort_is_refused_wherever_it_stands(release: Made, kind: str) -> None:
    predictor, fine = Predictor(release(kind)), releases.ASKED[kind][0]
    for strange in STRANGE[kind]:
        for inputs in ([strange], [fine, strange], [strange, fine]):
            with pytest.raises(DataError, match="expected"):
                predictor.predict(inputs)


@pytest.mark.parametrize("kind", sorted(tasks.TASKS))
def test_any_iterable_is_a_list_and_its_order_is_kept(release: Made, kind: str) -> None:
    predictor = Predictor(release(kind))
    inputs = releases.ASKED[kind]
    assert predictor.predict(one for one in inputs) == predictor.predict(inputs)
    assert len(predictor.predict(inputs)) == len(inputs)


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
def test_a_text_is_cleaned_as_its_corpus_was(release: Made, kind: str) -> None:
    predictor = Predictor(release(kind))
    clean = "naïve café 我想退货"
    dirty = "\ufeff  nai\u0308ve\x00 ca\u200bfe\u0301\n\t我想退货 \u202e"
    assert predictor.predict([dirty]) == predictor.predict([clean])


@pytest.mark.parametrize("kind", ["pair_classification", "pair_regression"])
def test_a_pair_is_cleaned_as_its_corpus_was(release: Made, kind: str) -> None:
    predictor = Predictor(release(kind))
    assert predictor.records([("\ufeffcafe\u0301 ", "a\nb")]).drop_columns(["id"]).to_pylist() == [
        {"text": "café", "text_b": "a b"}
    ]
    assert predictor.predict([("\u00adcafe\u0301", " b\u200b")]) == predictor.predict([("café", "b")])


@pytest.mark.parametrize(("form", "expected"), [(None, "e\u0301①"), ("NFC", "é①"), ("NFKC", "é1")])
def test_the_form_is_that_of_the_corpus(release: Made, form: Any, expected: str) -> None:
    predictor = Predictor(release("classification"))
    assert predictor.schema.normalize == "NFC"
    predictor.schema = replace(predictor.schema, normalize=form)
    assert predictor.records(["e\u0301①"])["text"].to_pylist() == [expected]


@pytest.mark.parametrize("kind", sorted(tasks.TASKS))
def test_half_a_character_is_read_as_unknown(release: Made, kind: str) -> None:
    asked: dict[str, Any] = {
        "question_answering": ("Who\ud800?", "Ms O'Neil\udc00."),
        "relation": {"text": "Rain\ud83d floods.", "head": (0, 4), "tail": (6, 12)},
        "tagging": ["Ana\ud800", "flew"],
    }
    pair = kind.startswith("pair")
    one = asked.get(kind, ("a\ud800", "b\udfff") if pair else "a\ud800")
    predictor = Predictor(release(kind))
    assert len(predictor.predict([one])) == 1
    assert all("\ufffd" in text for text in predictor.records([one])["text"].to_pylist())


def test_hidden_characters_are_no_words_and_count_in_offsets(release: Made) -> None:
    predictor = Predictor(release("tagging"))
    text = "\ufeffAna flew\u200b to every\u00adthing \u202eYork\u202c"
    [places] = predictor.records([text])["words"].to_pylist()
    words = [text[one["start"] : one["end"]] for one in places]
    assert words == ["Ana", "flew", "to", "every\u00adthing", "York"]
    plain = "Ana flew to everything York"
    rows = [predictor.encode(predictor.records([one]))["input_ids"].to_pylist() for one in (text, plain)]
    assert rows[0] == rows[1], "what a tokenizer is shown is what prepare would have left"
    [tokens] = predictor.records([["\u200b", "Ana", " ", "\ufeffYork"]])["words"].to_pylist()
    assert len(tokens) == 2


@pytest.mark.parametrize("kind", sorted(tasks.TASKS))
def test_an_int8_graph_answers_the_same_whatever_stands_beside_it(release: Made, kind: str) -> None:
    exact, rounded = releases.both(release(kind))
    inputs = [*releases.ASKED[kind], *releases.ASKED[kind][:1]]
    alone = [rounded.predict([one])[0] for one in inputs]
    assert rounded.predict(inputs) == alone
    assert rounded.predict(inputs[::-1]) == alone[::-1]
    assert (exact.most, rounded.most) == (32, 1)


def test_an_int8_graph_would_not_if_it_ran_in_batches(release: Made) -> None:
    _, rounded = releases.both(release("classification"))
    alone = np.concatenate([plain(rounded.logits([text])) for text in TEXTS])
    assert np.array_equal(plain(rounded.logits(TEXTS)), alone)
    rounded.most = 32
    assert not np.allclose(plain(rounded.logits(TEXTS)), alone, atol=1e-4)


def plain(outputs: np.ndarray | Ragged) -> np.ndarray:
    return outputs.values if isinstance(outputs, Ragged) else outputs


def test_threads_may_share_a_predictor(release: Made) -> None:
    predictor = Predictor(release("classification"))
    asked = [["word " * (20 + i), f"a text of number {i} " * 9] for i in range(2)]
    alone = [predictor.predict(texts) for texts in asked]
    wrong: list[int] = []

    def work(i: int) -> None:
        wrong.extend(i for _ in range(30) if predictor.predict(asked[i]) != alone[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong
