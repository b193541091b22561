"""Tags and the spans they mean: by hand, there and back, and against a slow reading of the CoNLL scorer's rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpora.tag_schemes import PREFIXES, Census, Span, Tagset, UnknownTagError, parse, spans_of

TYPES = ("LOC", "PER.NAM", "公司")
SCHEMES = sorted(PREFIXES)


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Spans that do not overlap, some of them touching, and the number of words."""
    spans, at = [], 0
    for _ in range(draw(st.integers(0, 5))):
        start = at + draw(st.integers(0, 2))
        at = start + draw(st.integers(1, 4))
        spans.append((start, at, draw(st.sampled_from(TYPES))))
    return spans, at + draw(st.integers(0, 3))


def any_tags(scheme: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(Tagset(scheme, TYPES[:2]).tags), max_size=12)


def slowly(tags: list[str]) -> list[Span]:
    """The scorer's rules spelt out: where a chunk begins, where it ends, one word at a time."""
    found, start = [], None
    for i, tag in enumerate(tags):
        before = tags[i - 1] if i else "O"
        after = tags[i + 1] if i + 1 < len(tags) else "O"
        (role, kind), (last, last_kind), (next_, next_kind) = parse(tag), parse(before), parse(after)
        if role in ("B", "S") or (role and (last in ("", "E", "S") or kind != last_kind)):
            start = i
        if role and (next_ in ("", "B", "S") or role in ("E", "S") or kind != next_kind):
            assert start is not None
            found.append((start, i + 1, kind))
    return found


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-LOC I-LOC O", [(0, 2, "LOC")]),
        ("I-LOC I-LOC B-LOC", [(0, 2, "LOC"), (2, 3, "LOC")]),
        ("B-LOC E-LOC S-LOC", [(0, 2, "LOC"), (2, 3, "LOC")]),
        ("B-LOC M-LOC E-LOC", [(0, 3, "LOC")]),
        ("U-LOC L-LOC", [(0, 1, "LOC"), (1, 2, "LOC")]),
        ("O I-LOC I-PER", [(1, 2, "LOC"), (2, 3, "PER")]),
        ("B_a-b I_a-b", [(0, 2, "a-b")]),
        ("", []),
    ],
)
def test_examples(tags: str, expected: list[Span]) -> None:
    assert spans_of(tags.split()) == expected


@pytest.mark.parametrize("scheme", SCHEMES)
@given(sentence=sentences())
def test_spans_become_tags_and_come_back_and_no_step_is_malformed(
    scheme: str, sentence: tuple[list[Span], int]
) -> None:
    spans, length = sentence
    tagset = Tagset(scheme, TYPES)
    row = tagset.encode(spans, length)
    assert spans_of([tagset.tags[i] for i in row]) == spans
    assert tagset.malformed(row, np.array([0, length])).tolist() == [0]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(st.data())
def test_numpy_reads_any_tags_as_the_slow_rules_do(scheme: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(any_tags(scheme), max_size=4))
    tagset = Tagset(scheme, TYPES[:2])
    flat = np.array([tagset.ids[tag] for row in rows for tag in row], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    record, start, end, kind = tagset.spans(flat, offsets)
    found = [(int(r), int(s), int(e), tagset.types[k]) for r, s, e, k in zip(record, start, end, kind, strict=True)]
    assert found == [(i, *span) for i, row in enumerate(rows) for span in slowly(row)]
    assert [spans_of(row) for row in rows] == [slowly(row) for row in rows]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(st.data())
def test_the_census_and_the_table_count_the_same_malformed_steps(scheme: str, data: st.DataObject) -> None:
    row = data.draw(any_tags(scheme).filter(bool))
    tagset, census = Tagset(scheme, TYPES[:2]), Census()
    census.add(row, 1)
    flat = np.array([tagset.ids[tag] for tag in row])
    counted = census.faults["BIOES" if scheme == "BMES" else scheme]
    assert tagset.malformed(flat, np.array([0, len(row)])).tolist() == [counted]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_is_recognised_by_what_it_writes(scheme: str) -> None:
    tagset, census = Tagset(scheme, TYPES), Census()
    for spans in ([(0, 1, "LOC"), (1, 4, "LOC")], [(2, 3, "公司")], [(0, 5, "PER.NAM")]):
        census.add([tagset.tags[i] for i in tagset.encode(spans, 6)], 1)
    assert census.scheme == scheme
    assert census.malformed == 0
    assert census.examples == []


def test_a_few_slips_do_not_change_the_scheme_and_are_named_with_their_rows() -> None:
    census = Census()
    for row in range(5):
        census.add(["B-LOC", "I-LOC", "O"], row)
    census.add(["O", "I-LOC", "O"], 17)
    census.add(["B-LOC", "I-PER"], 18)
    assert census.scheme == "BIO"
    assert census.malformed == 2
    assert census.examples == [(17, "I-LOC after O"), (18, "I-PER after B-LOC")]


def test_an_entity_left_open_is_malformed_where_the_scheme_closes_it() -> None:
    tagset = Tagset("BIOES", ("LOC",))
    flat = np.array([tagset.ids[tag] for tag in ("O", "B-LOC", "S-LOC")])
    assert tagset.malformed(flat, np.array([0, 2, 3])).tolist() == [1, 0]


@pytest.mark.parametrize("tag", ["X-LOC", "LOC", "B-", "b-LOC", "", "BORG"])
def test_tags_that_no_scheme_has_are_refused(tag: str) -> None:
    with pytest.raises(UnknownTagError, match="expected O or a type"):
        spans_of([tag])
