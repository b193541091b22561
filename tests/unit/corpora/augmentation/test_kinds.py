"""What each kind does to a text, in English and Chinese, and that it leaves marked spans alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.corpora import words
from stages.corpora.words import Piece
from tests.unit.corpora.augmentation.changing import clean, edited, made

BY_CHANCE = ("word_dropout", "word_swap", "typos")
TEXT = "Please send the second invoice to my new address in Leeds before Friday, thanks a lot."
CHINESE = "请把发票寄到我在上海的新地址，谢谢您。"
WORDS = st.lists(
    st.sampled_from(["send", "it", "to", "Leeds", "北京", "市", "，", "ok", ".", "résumé", "3", "退货", "'s"]),
    min_size=1,
    max_size=14,
)


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[Piece]]:
    """Texts of both scripts, with spans that begin and end anywhere but at a blank."""
    parts = draw(WORDS)
    text = clean("".join(part + draw(st.sampled_from([" ", ""])) for part in parts))
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4, unique=True)))
    spans = [
        (start, end)
        for start, end in zip(places[::2], places[1::2], strict=False)
        if text[start:end].strip() == text[start:end]
    ]
    return text, spans


@pytest.mark.parametrize("kind", BY_CHANCE)
@settings(deadline=None)
@given(case=marked_texts(), seed=st.integers(0, 3), rate=st.sampled_from([0.1, 0.5, 1.0]))
def test_marked_spans_keep_their_characters(kind: str, case: tuple[str, list[Piece]], seed: int, rate: float) -> None:
    text, spans = case
    after = edited(kind, text, *spans, seed=seed, rate=rate)
    for span in spans:
        start, end = after.span(span)
        assert after.text[start:end] == text[slice(*span)]
    assert after.text == after.text.strip()
    assert after.text
    assert words.cut(after.text) == words.cut(clean(after.text))


@pytest.mark.parametrize("kind", BY_CHANCE)
def test_a_version_depends_on_seed_number_and_text(kind: str) -> None:
    assert made(kind, TEXT) == made(kind, TEXT) != TEXT
    assert len({made(kind, TEXT, seed=seed) for seed in range(5)}) >= 3
    assert len({made(kind, TEXT, version=version) for version in range(5)}) >= 3


def test_words_are_left_out_by_share_and_one_stays() -> None:
    for rate, left in ((0.1, 14), (0.5, 8), (1.0, 1)):
        after = made("word_dropout", TEXT, rate=rate)
        said = [after[s:e] for s, e in words.cut(after) if after[s].isalnum()]
        assert len(said) == left
        assert not Counter(said) - Counter(TEXT.replace(",", "").replace(".", "").split())
        assert "  " not in after
    assert len(made("word_dropout", CHINESE, rate=0.2)) == len(CHINESE) - 3
    assert made("word_dropout", "help") == "help"
    assert made("word_dropout", "to Leeds", (3, 8), rate=1.0) == "Leeds"


def test_neighbours_change_places() -> None:
    after = made("word_swap", TEXT, rate=0.1)
    assert after != TEXT
    assert Counter(after.split()) == Counter(TEXT.split())
    assert made("word_swap", "send invoice") == "invoice send"
    assert sorted(made("word_swap", CHINESE)) == sorted(CHINESE)
    assert sum(a != b for a, b in zip(made("word_swap", CHINESE), CHINESE, strict=True)) == 4
    assert made("word_swap", "ok我bye") in {"我ok bye", "ok bye我"}
    assert made("word_swap", "send, then") == "send, then"
    assert made("word_swap", "bye bye") == "bye bye"


def test_slips_are_by_share_of_words_and_only_on_keys() -> None:
    one, all_of_them = made("typos", TEXT, rate=0.1), made("typos", TEXT, rate=1.0)
    assert len(one.split()) == len(TEXT.split())
    assert sum(a != b for a, b in zip(one.split(), TEXT.split(), strict=True)) == 2
    changed = sum(a != b for a, b in zip(all_of_them.split(), TEXT.split(), strict=True))
    assert changed == sum(len(word.strip(",.")) > 1 for word in TEXT.split())
    for untouched in (CHINESE, "5 GB"[:1], "I 2024 a", "ы мы", "éé"):
        assert made("typos", untouched, rate=1.0) == untouched
    assert made("typos", "我的WIFI很慢", rate=1.0) != "我的WIFI很慢"
    assert made("typos", "WIFI", rate=1.0).isupper()
    assert "q\u0301" in made("typos", "q\u0301a q\u0301a q\u0301a", rate=1.0)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    file = tmp_path / "synonyms.tsv"
    file.write_text(
        "# ours\ninvoice\tbill\nsecond invoice\tother bill\ngb\tgigabytes\n手机\t电话\n发票\treceipt\nе\tё\n",
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("send the invoice", "send the bill"),
        ("Second invoice, please", "Other bill, please"),
        ("SECOND INVOICE", "OTHER BILL"),
        ("second  invoice", "other bill"),
        ("5 GB", "5 GIGABYTES"),
        ("invoices", "invoices"),
        ("我的手机坏了", "我的电话坏了"),
        ("我要发票ok", "我要receipt ok"),
    ],
)
def test_synonyms_by_longest_match(text: str, expected: str, listed: Path) -> None:
    assert made("synonyms", text, rate=1.0, file=str(listed)) == expected


def test_synonyms_by_share_and_not_in_marked_spans(listed: Path) -> None:
    text = "invoice or invoice or invoice or invoice"
    for rate, count in ((0.1, 1), (0.5, 2), (1.0, 4)):
        assert made("synonyms", text, rate=rate, file=str(listed)).split().count("bill") == count
    assert made("synonyms", "the second invoice", (4, 10), rate=1.0, file=str(listed)) == "the second bill"
    assert made("synonyms", "我的手机和手机", (2, 4), rate=1.0, file=str(listed)) == "我的手机和电话"


def test_paraphrases_by_normal_form_one_for_each_version(tmp_path: Path) -> None:
    file = tmp_path / "back.jsonl"
    file.write_text(
        '{"text": "Where is my parcel?", "paraphrases": ["My parcel, where is it?", "Any news of the parcel?"]}\n'
        '{"text": "我想退货", "paraphrases": ["我要把商品退回"]}\n',
        encoding="utf-8",
    )
    found = [made("back_translation", "where is my parcel", version=version, file=str(file)) for version in range(3)]
    assert found == ["My parcel, where is it?", "Any news of the parcel?", "where is my parcel"]
    assert made("back_translation", "我想退货！", file=str(file)) == "我要把商品退回"
