"""Lists that users give: both formats, and what is refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.corpora.augmentation import lists
from stages.errors import DataError
from tests.unit.corpora.augmentation.changing import clean


def read(file: Path) -> dict[str, list[str]]:
    return lists.read(file, "data.augmentation.synonyms.file", ("word", "synonyms"), clean)


def test_both_formats_say_the_same() -> None:
    Path("a.tsv").write_bytes(
        "\ufeff# words\n手机\t电话\t电话\r\n\n refund \tmoney\u200b back\t\n手机\t手提\t手机\n".encode()
    )
    Path("a.jsonl").write_text(
        '{"word": "手机", "synonyms": ["电话", "手提"]}\n{"word": "refund", "synonyms": ["money back"]}\n',
        encoding="utf-8",
    )
    assert read(Path("a.tsv")) == read(Path("a.jsonl")) == {"手机": ["电话", "手提"], "refund": ["money back"]}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.tsv", b"fine\tgood\nalone\n", "a.tsv:2: expected fields with tabs between them, found 'alone'"),
        ("a.tsv", b"fine\tfine\n\tx\n", "a.tsv:2: expected an entry and at least one other text"),
        ("a.tsv", b"# nothing\n", "holds no entry"),
        ("a.tsv", b"", "empty"),
        ("a.tsv", b"caf\xe9\tbar\n", "byte 0xe9"),
        ("a.jsonl", b'{"word": "a", "synonyms": ["b"]}\n{\n', "a.jsonl:2: no valid JSON"),
        ("a.jsonl", b'["a", "b"]\n', "a.jsonl:1: expected an object with a text 'word'"),
        ("a.jsonl", b'{"word": "a", "synonyms": "b"}\n', "a.jsonl:1: expected a list of texts 'synonyms', found 'b'"),
        ("a.jsonl", b'{"word": "a", "synonyms": [1]}\n', "expected a list of texts 'synonyms'"),
        ("a.csv", b"a,b\n", "has the suffix '.csv'. Name a .tsv or .jsonl file"),
        ("b.tsv", None, "b.tsv is no file"),
    ],
)
def test_what_is_wrong_is_named(name: str, content: bytes | None, says: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(Path(name))
    assert says in str(caught.value)
    assert name in str(caught.value)


def test_all_wrong_lines_are_counted() -> None:
    Path("a.tsv").write_text("x\n" * 30, encoding="utf-8")
    with pytest.raises(DataError, match="10 more, 30 in all"):
        read(Path("a.tsv"))


def test_the_lists_of_the_project_can_be_read(project: Path) -> None:
    folder = project / "data/raw/helpdesk"
    synonyms, paraphrases = (read(folder / f"{name}.tsv") for name in ("synonyms", "paraphrases"))
    assert len(synonyms) >= 70
    assert len(paraphrases) >= 20
    train = (folder / "train.jsonl").read_text(encoding="utf-8")
    assert all(f'"{text}"' in train.replace('\\"', "'") for text in paraphrases)
