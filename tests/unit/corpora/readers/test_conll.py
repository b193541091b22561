"""CoNLL files: what was written comes back, comments and documents are told from words, faults are named by line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.corpora.blocks import Block
from stages.corpora.readers import conll
from stages.errors import DataError
from stages.params.data import Csv

# A file that begins with a zero byte is taken for UTF-16, and refused.
WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\r\n"), min_size=1, max_size=6)


def read(content: str) -> Block:
    Path("a.conll").write_text(content, encoding="utf-8", newline="")
    [block] = conll.read(Path("a.conll"), Csv())
    return block


@given(
    st.lists(st.lists(st.tuples(WORD, st.sampled_from(["O", "B-LOC", "I-LOC"])), min_size=1), min_size=1, max_size=5)
)
def test_whatever_the_words_are_they_come_back(sentences: list[list[tuple[str, str]]]) -> None:
    lines = ["\n".join(f"{word}\t{tag}" for word, tag in sentence) for sentence in sentences]
    block = read("\n\n".join(lines))
    assert block.values("tokens") == [[word for word, _ in sentence] for sentence in sentences]
    assert block.values("tags") == [[tag for _, tag in sentence] for sentence in sentences]


def test_four_columns_parted_by_blanks_with_documents() -> None:
    block = read(
        "-DOCSTART- -X- -X- O\n\nEU NNP I-NP B-ORG\nrejects VBZ I-VP O\n\n\n-DOCSTART- -X- -X- O\n\nBonn NNP I-NP B-LOC\n"
    )
    assert block.rows == [3, 9]
    assert block.values("tokens") == [["EU", "rejects"], ["Bonn"]]
    assert block.values("chunks") == [["I-NP", "I-VP"], ["I-NP"]]
    assert block.values("tags") == [["B-ORG", "O"], ["B-LOC"]]
    assert [one.split()[1] for one in block.values("document")] == ["1", "2"]
    assert len({one.split()[0] for one in block.values("document")}) == 1, "named after the file, which others are not"


def test_comments_are_no_words_and_a_hash_is_one() -> None:
    block = read("# id 7 domain=train\n科\tB-ORG\n技\tI-ORG\n\n#\tO\nnow\tO")
    assert block.rows == [2, 5]
    assert block.values("tokens") == [["科", "技"], ["#", "now"]]
    assert "document" not in block.columns


def test_faulty_lines_are_named_together() -> None:
    with pytest.raises(DataError) as caught:
        read("a\tO\nb\n\tO\nc\t\nd\tx\tO\ne\tO\n")
    for line in (
        "a.conll:2: expected 2 to 4 columns, found 1",
        "a.conll:3: expected a word in the first column, found nothing",
        "a.conll:4: expected a tag in the last column, found nothing",
        "a.conll:5: expected 2 columns as in the first line, found 3",
    ):
        assert line in str(caught.value)
