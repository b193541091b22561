"""What references hold is told by their fields; what nothing can be read from is refused with its row."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.alignment import incoming, references
from stages.errors import DataError

SENTENCES = "\n".join(f"sentence number {i}" for i in range(5))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"empty.txt": " \n\n"}, "empty.txt: holds no text"),
        ({"few.txt": "one\ntwo\nthree"}, "holds no 4 sentences"),
        ({"own.jsonl": '{"text": "a", "changed": "b"}'}, "holds no 4 sentences"),
        (
            {"a.txt": SENTENCES, "b.jsonl": '{"test": "x", "examples": ["a"]}\n{"examples": ["a"]}'},
            "b.jsonl:2.*name of a test",
        ),
        ({"a.txt": SENTENCES, "b.jsonl": '{"test": "x", "examples": "a"}'}, "list of examples"),
    ],
)
def test_what_cannot_be_asked_is_refused(tmp_path: Path, files: dict[str, str], says: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=f"(?s){says}"):
        references.read(tmp_path)


def test_a_mark_at_the_beginning_of_a_file_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "general.txt").write_text("\ufeff" + SENTENCES, encoding="utf-8")
    (tmp_path / "short.txt").write_text("one line", encoding="utf-8")
    (tmp_path / "intents.csv").write_text("\ufefftext,label\n我想退货,refund\nwhere is it,order\n", encoding="utf-8")
    found = references.read(tmp_path)
    assert found.texts["general"][0] == "sentence number 0"
    assert found.probes["intents"] == (["我想退货", "where is it"], ["refund", "order"])
    arrived = tmp_path / "arrived.txt"
    arrived.write_text("\ufeff" + "\n".join(f"message {i}" for i in range(25)), encoding="utf-8")
    assert incoming.texts(arrived)[0] == "message 0"
