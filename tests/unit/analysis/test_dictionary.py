"""Names of train are found again: the longest first, with their usual type, unless they are mostly something else."""

from __future__ import annotations

from stages.analysis.dictionary import Dictionary
from stages.corpora import words
from stages.corpora.tag_schemes import Span


def made(*sentences: tuple[str, list[tuple[str, str]]]) -> Dictionary:
    spans: list[list[Span]] = [
        sorted((text.index(name), text.index(name) + len(name), kind) for name, kind in marked)
        for text, marked in sentences
    ]
    texts = [text for text, _ in sentences]
    return Dictionary(texts, [words.cut(text) for text in texts], spans)


def found(names: Dictionary, text: str) -> list[tuple[str, str]]:
    return [(text[start:end], kind) for start, end, kind in names.find(text, words.cut(text))]


def test_the_longest_name_wins_whatever_its_case() -> None:
    names = made(
        ("New York is in York", [("New York", "LOC")]),
        ("York won", [("York", "ORG")]),
        ("York", [("York", "ORG")]),
        ("我在北京", [("北京", "LOC")]),
    )
    assert found(names, "NEW YORK or york?") == [("NEW YORK", "LOC"), ("york", "ORG")]
    assert found(names, "北京人") == [("北京", "LOC")]
    assert found(names, "nothing") == []


def test_a_word_that_is_mostly_no_name_is_none() -> None:
    names = made(
        ("May I go", []), ("may be", []), ("in may", []), ("May sings", [("May", "PER")]), ("Bo", [("Bo", "PER")])
    )
    assert found(names, "May and Bo") == [("Bo", "PER")]


def test_a_name_has_its_most_frequent_type() -> None:
    names = made(("Paris", [("Paris", "PER")]), ("Paris", [("Paris", "LOC")]), ("Paris", [("Paris", "LOC")]))
    assert found(names, "paris") == [("paris", "LOC")]


def test_no_names_find_nothing() -> None:
    assert found(made(("a b", [])), "a b") == []
