"""Input as it arrives: each case gives its one clear message, or comes through and is right."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages import artifacts
from stages.errors import UserError
from tests.unit.corpora.preparing import csv, everything, filler, put, run, split


def jsonl(*records: object) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def objects(count: int = 20) -> list[dict[str, Any]]:
    return [{"text": text, "label": label} for text, label in filler(count)]


def parquet(**columns: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


GOOD = csv(*filler())
LATIN = "text,label\nplain,red\ncafé,blue\n".encode("latin-1")
PIN = "0" * 40


@dataclass(frozen=True)
class Refused:
    """Files that are refused, and the pieces of the message."""

    name: str
    files: dict[str, bytes]
    says: tuple[str, ...]
    path: str = "data.csv"
    params: dict[str, Any] = field(default_factory=dict)


def one(name: str, content: bytes, *says: str, file: str = "data.csv", **params: Any) -> Refused:
    return Refused(name, {file: content}, says, file, params)


def folder(name: str, files: dict[str, bytes], *says: str, **params: Any) -> Refused:
    return Refused(name, {f"raw/{file}": content for file, content in files.items()}, says, "raw", params)


def cleaning(**actions: Any) -> dict[str, Any]:
    return {"cleaning": actions}


REFUSED = [
    # Files that are not what they seem.
    one("0-byte CSV", b"", "data.csv: empty (0 bytes)"),
    one("0-byte JSONL", b"", "data.jsonl: empty (0 bytes)", file="data.jsonl"),
    one("0-byte parquet", b"", "data.parquet: cannot be read as Parquet", file="data.parquet"),
    one("noise as parquet", b"PAR1 this is no parquet file", "cannot be read as Parquet", file="data.parquet"),
    one("half a parquet file", parquet(text=["a"])[:-20], "cannot be read as Parquet", file="data.parquet"),
    one("spreadsheet", b"PK\x03\x04", "no reader for '.xlsx'; there are .csv", file="data.xlsx"),
    one("JSON by its name", b"[]", "a JSON array, expected SQuAD's document", "call it .jsonl", file="data.json"),
    one("no suffix", b"text,label\n", "no reader for ''", file="records"),
    Refused("nothing there", {}, ("data.path: data.csv does not exist",)),
    Refused("hub name as a path", {}, ("data.path: mteb/banking77 does not exist", "as in recipes/banking77.hub.yaml"), "mteb/banking77"),
    Refused("folder in place of a file", {"data.csv/notes.txt": b"x"}, ("data.csv: expected a file train", "no data file")),
    # Encodings.
    one("Latin-1", LATIN, "data.csv:3: byte 0xe9 at position 24 is not utf-8 text", "as cp1252 'café,blue'",
        "latin-1 decodes any bytes", "set data.csv.encoding"),
    one("Chinese of a spreadsheet", GOOD + "好的，我要退款,red\n".encode("gbk"), "It reads as gb18030: '好的，我要退款,red'.",
        "set data.csv.encoding"),
    one("cut within a character", GOOD + b"x,\xc3", "data.csv:22: byte 0xc3", "not utf-8"),
    one("UTF-16", GOOD.decode().encode("utf-16"), "begins like utf-16 text, expected utf-8", "data.csv.encoding"),
    one("UTF-16 without a mark", GOOD.decode().encode("utf-16-le"), "begins like utf-16 text"),
    one("UTF-8 that is called UTF-16", GOOD, "not utf-16", csv={"encoding": "utf-16-be"}),
    one("no such encoding", GOOD, "Python knows no encoding 'utf-9'", csv={"encoding": "utf-9"}),
    one("encoding that is none of text", GOOD, "Python knows no encoding 'base64'", csv={"encoding": "base64"}),
    one("Latin-1 JSONL", b'{"text": "caf\xe9"}\n', "data.jsonl:1: byte 0xe9", "always UTF-8", file="data.jsonl"),
    # CSV.
    one("semicolons", b"text;label\na;b\n", "it contains a semicolon", "Set data.csv.delimiter to \";\""),
    one("tabs in a CSV", b"text\tlabel\na\tb\n", "it contains a tab", r'Set data.csv.delimiter to "\t"'),
    one("commas in a TSV", GOOD, "it contains a comma", file="data.tsv"),
    one("header only", b"text,label\n", "data.csv: no records", "at least two labels"),
    one("blank header", b"\n\na,b\n", "data.csv:1: no header"),
    one("column named twice", b"text,label,text\na,b,c\n", "column 'text' stands twice"),
    one("ragged row", GOOD + b"one, two, three\n", "data.csv:22: expected 2 fields, found 3"),
    one("many ragged rows", GOOD + b"alone\n" * 25, "data.csv:22: expected 2", "... and 5 more, 25 in all"),
    one("quote never closed", GOOD + b'"and on, and on\nand on,red\n', "data.csv:22: the quoting is broken"),
    one("quote within quotes", GOOD + b'"a "b" c",red\n', "data.csv:22", "Double the quotes"),
    # JSON Lines.
    one("broken JSON", jsonl(*objects()) + b'{"text": \n', "data.jsonl:21: no valid JSON", file="data.jsonl"),
    one("lines that are no objects", jsonl({"text": "a"}, ["b"], 3), "data.jsonl:2: expected an object, found list",
        "data.jsonl:3: expected an object, found int", file="data.jsonl"),
    one("one JSON array", json.dumps(objects()).encode(), "one JSON array", "jq -c '.[]'", file="data.jsonl"),
    one("indented JSON", json.dumps(objects()[0], indent=2).encode(), "objects that span lines", file="data.jsonl"),
    one("number beyond reading", b'{"text": "a", "label": ' + b"9" * 5000 + b"}\n", "too many digits", file="data.jsonl"),
    one("bottomless JSON", b'{"text": ' + b"[" * 100_000 + b"\n", "nested too deeply", file="data.jsonl"),
    # Columns and values.
    one("missing column", csv(*filler(), header="texts,label"), "data.columns.text: expected a column 'text'",
        "found 'texts', 'label'", "did you mean 'texts'?"),
    one("other case", csv(*filler(), header="Text,LABEL"), "did you mean 'Text'?", "did you mean 'LABEL'?"),
    one("missing columns, several names", csv(*filler(), header="a,b"), "expected a column 'x' or 'y', found 'a', 'b'",
        columns={"text": "a", "label": ["x", "y"]}),
    one("missing group", GOOD, "data.columns.group: expected a column 'user'", columns={"group": "user"}),
    one("NaN labels", GOOD + b"text,NaN\nother,\n", "data.csv:22: label: expected a label, found none", "data.csv:23",
        "data.cleaning.unlabelled: drop"),
    one("null label", jsonl(*objects(), {"text": "x", "label": None}), "data.jsonl:21: label", file="data.jsonl"),
    one("NaN in JSON", jsonl(*objects(), {"text": "x", "label": float("nan")}), "data.jsonl:21", file="data.jsonl"),
    one("nested text", jsonl({"text": {"en": "a"}, "label": "b"}), "data.jsonl:1: text: expected text, found dict",
        file="data.jsonl"),
    one("list of labels", jsonl({"text": "a", "label": ["b"]}), "expected text or a number, found list", file="data.jsonl"),
    one("numbers as texts", parquet(text=[1, 2], label=["a", "b"]), "data.parquet:1: text: expected text, found int 1",
        "data.parquet:2", file="data.parquet"),
    one("bytes as texts", parquet(text=[b"a"], label=["a"]), "found bytes", file="data.parquet"),
    one("duplicate ids", csv(*((f"7,{text}", label) for text, label in filler(2)), header="id,text,label"),
        "data.csv:3: id: '7' is the id of data.csv:2 already", columns={"id": "id"}),
    folder("duplicate ids in two files", {"train.csv": b"id,text,label\n1,a,x\n2,b,y\n", "test.csv": b"id,text,label\n2,c,x\n"},
           "raw/test.csv:2: id: '2' is the id of raw/train.csv:3 already", columns={"id": "id"}),
    # Records that cannot be a corpus.
    one("one class", csv(*filler(labels=("red",))), "at least two different labels in train, found only 'red'"),
    one("blank texts only", csv(("  ", "a"), ("\u3000", "b"), ("\u200b", "a")), "all 3 records of train were left out",
        "3 records without text dropped"),
    one("blank text refused", GOOD + b" ,red\n", "data.csv:22: text: expected a text", **cleaning(empty="refuse")),
    one("too few to cut", csv(("a b", "x"), ("c d", "y")), "2 records in 2 classes are too few to cut test from"),
    # Folders.
    folder("empty folder", {"readme.md": b"hello"}, "raw: expected a file train", "found no data file"),
    folder("two train files", {"train.csv": GOOD, "train.jsonl": b"{}"}, "train.csv and train.jsonl could each be train"),
    folder("dev and valid", {"train.csv": GOOD, "dev.csv": GOOD, "valid.tsv": GOOD}, "dev.csv and valid.tsv"),
    folder("no train", {"a.csv": GOOD, "b.csv": GOOD}, "expected a file train", "found a.csv, b.csv", "Name one 'train'"),
    folder("test without records", {"train.csv": GOOD, "test.csv": b"text,label\n"}, "raw/test.csv: no records"),
    folder("label in test only", {"train.csv": GOOD, "test.csv": csv(("new text", "green"))},
           "raw/test.csv:2: label: labels that train lacks: 'green'", "data.cleaning.unknown_labels: drop"),
    folder("nothing left of test", {"train.csv": GOOD, "test.csv": csv(("new text", "green"))},
           "all 1 records of test were left out", **cleaning(unknown_labels="drop")),
    folder("leak refused", {"train.csv": GOOD, "test.csv": csv(("Some PLAIN text, of number 3!", "red")).replace(b"text, of", b"text of")},
           "raw/train.csv:5: text: texts shared with held-out splits", "data.cleaning.leakage: drop", **cleaning(leakage="refuse")),
    # What params refuse.
    one("duplicates refused", GOOD + b"SOME plain text of number 0,red\n", "data.csv:22: text: duplicates",
        **cleaning(duplicates="refuse")),
    one("conflicts refused", GOOD + b"some plain text of number 0,blue\n", "texts with conflicting labels in train",
        "data.csv:2:", "data.csv:22:", **cleaning(conflicts="refuse")),
    one("near duplicates refused", csv(*filler(), ("a rather long text about the delivery of parcels", "red"),
        ("a rather long text about the delivery of parcels x", "red")), "data.csv:23: text: near duplicates",
        **cleaning(near_duplicates="refuse", near_threshold=0.8)),
    one("rare classes refused", GOOD + b"lonely,green\n", "records of classes with fewer than 2 records: 'green'",
        **cleaning(rare="refuse")),
    # Hub references.
    one("no revision", b"dataset: a/b\n", "revision is required", file="a.hub.yaml"),
    one("branch for a revision", b"dataset: a/b\nrevision: main\n", "a.hub.yaml: revision", file="a.hub.yaml"),
    one("unknown key", f"dataset: a/b\nrevison: '{PIN}'\n".encode(), "a.hub.yaml: revison", file="a.hub.yaml"),
    one("no YAML", b"dataset: [\n", "a.hub.yaml: not valid YAML", file="a.hub.yaml"),
    one("no such split", f"dataset: a/b\nrevision: '{PIN}'\nsplits: {{teach: train}}\n".encode(),
        "'teach' is no split here", file="a.hub.yaml"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_refused_with_one_clear_message(case: Refused) -> None:
    put(case.files)
    put({"data/prepared/train.parquet": b"from before"})
    with pytest.raises(UserError) as caught:
        run(case.path, **case.params)
    for piece in case.says:
        assert piece in str(caught.value)
    assert artifacts.prepared("train").read_bytes() == b"from before", "a refused data set leaves the outs untouched"
    assert sorted(path.name for path in Path("data").iterdir()) == ["prepared"]


@dataclass(frozen=True)
class Passes:
    """Files that are right, with what must be among the records."""

    name: str
    files: dict[str, bytes]
    holds: dict[str, str]
    path: str = "data.csv"
    params: dict[str, Any] = field(default_factory=dict)


def fine(name: str, content: bytes, holds: dict[str, str], file: str = "data.csv", **params: Any) -> Passes:
    return Passes(name, {file: content}, holds, file, params)


def lines(*records: tuple[str, str]) -> bytes:
    return jsonl(*objects(), *({"text": text, "label": label} for text, label in records))


TWO = {"some plain text of number 0": "red", "some plain text of number 1": "blue"}
PASSES = [
    fine("byte order mark", b"\xef\xbb\xbf" + GOOD, TWO),
    fine("byte order mark in JSONL", b"\xef\xbb\xbf" + jsonl(*objects()), TWO, "data.jsonl"),
    fine("Latin-1 by params", GOOD + "café,red\n".encode("latin-1"), {"café": "red"}, csv={"encoding": "latin-1"}),
    fine("UTF-16 by params", GOOD.decode().encode("utf-16"), TWO, csv={"encoding": "utf-16"}),
    fine("Chinese in GB 18030", GOOD + "我的卡在哪里,red\n".encode("gb18030"), {"我的卡在哪里": "red"}, csv={"encoding": "gb18030"}),
    fine("Windows lines", GOOD.replace(b"\n", b"\r\n"), TWO),
    fine("old Mac lines", GOOD.replace(b"\n", b"\r"), TWO),
    fine("mixed lines", GOOD + b"one more,red\r\nand another,blue\n\n\r\n", {"one more": "red", "and another": "blue"}),
    fine("no last line break", GOOD.strip(), TWO),
    fine("breaks within a field", GOOD + b'"first\nsecond\r\n\tthird",red\n', {"first second third": "red"}),
    fine("NULs", GOOD + b"a\0b c\x07d,red\n", {"ab cd": "red"}),
    fine("5 MB on one line", GOOD + b"word " * 1_000_000 + b",red\n", {("word " * 1_000_000).strip(): "red"}),
    fine("doubled quotes", GOOD + b'"he said ""no"", twice",red\n', {'he said "no", twice': "red"}),
    fine("no quoting by params", GOOD + b'5" screen,red\n', {'5" screen': "red"}, csv={"quote": None}),
    fine("bars by params", GOOD.replace(b",", b"|"), TWO, csv={"delimiter": "|"}),
    fine("TSV in capitals", GOOD.replace(b",", b"\t"), TWO, "DATA.TSV"),
    fine("formulas", GOOD + b"=1+1,red\n+cmd|' /C calc'!A0,blue\n", {"=1+1": "red", "+cmd|' /C calc'!A0": "blue"}),
    fine("labels with blanks and emoji", csv(*filler(labels=("lost card 😡", "a  b"))), {"some plain text of number 0": "lost card 😡"}),
    fine("labels with blanks at the end", csv(*filler(), ("x y z", "  red ")), {"x y z": "red"}),
    fine("labels in two Unicode forms", csv(*filler(labels=("caf\u00e9", "blue")), ("x y z", "cafe\u0301")), {"x y z": "café"}),
    fine("labels with invisible ends", csv(*filler(), ("x y z", "red\u200b"), ("u v w", "\ufeffblue")), {"x y z": "red", "u v w": "blue"}),
    fine("labels that other tools read as missing", csv(*filler(labels=("None", "NA"))), {"some plain text of number 1": "NA"}),
    fine("texts that other tools read as missing", GOOD + b"null,red\nNaN,blue\nNone,red\n", {"null": "red", "NaN": "blue", "None": "red"}),
    fine("huge integers", jsonl(*({"text": f"text {i} {i}", "label": 10**30 + i % 2} for i in range(20))),
         {"text 0 0": "1" + "0" * 30}, "data.jsonl"),
    fine("booleans, numbers", jsonl(*({"text": f"text {i} {i}", "label": (True, 3.0, 2.5)[i % 3]} for i in range(30))),
         {"text 0 0": "true", "text 1 1": "3", "text 2 2": "2.5"}, "data.jsonl"),
    fine("keys that come and go", jsonl(*objects(), {"label": "red", "more": 1, "text": "last"}), {"last": "red"}, "data.jsonl"),
    fine("nested values elsewhere", jsonl(*({**record, "spans": [{"a": 1}]} for record in objects())), TWO, "data.jsonl"),
    fine("separators within JSON strings", lines(("a\u2028b\u2029c\x85d", "red")).replace(b"\\u2028", "\u2028".encode()),
         {"a b c d": "red"}, "data.jsonl"),
    fine("half a surrogate pair", lines(("broken \ud83d end", "red")), {"broken \ufffd end": "red"}, "data.jsonl"),
    fine("blank JSON lines", b"\n\n" + jsonl(*objects()) + b"\n  \n", TWO, "data.ndjson"),
    fine("right to left", lines(("مرحبا بالعالم", "red"), ("שלום \u202eעולם\u202c", "blue")), {"مرحبا بالعالم": "red", "שלום עולם": "blue"}, "data.jsonl"),
    fine("joined emoji", lines(("👩‍👩‍👧 ok", "red"), ("می‌خواهم", "blue")), {"👩‍👩‍👧 ok": "red", "می‌خواهم": "blue"}, "data.jsonl"),
    fine("emoji only", lines(("👍", "red"), ("👎", "blue"), ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", "red")), {"👍": "red", "👎": "blue", "🏴󠁧󠁢󠁥󠁮󠁧󠁿": "red"}, "data.jsonl"),
    fine("Chinese", lines(("我的卡在哪里？", "red"), ("我的卡丢了", "blue")), {"我的卡在哪里？": "red", "我的卡丢了": "blue"}, "data.jsonl"),
    fine("parquet with a null text", parquet(text=[*(text for text, _ in filler()), None], label=pa.array([0, 1] * 10 + [None])),
         {"some plain text of number 1": "1"}, "data.parquet"),
    fine("parquet with a dictionary", parquet(text=pa.array([text for text, _ in filler()], pa.large_string()),
         label=pa.array([label for _, label in filler()]).dictionary_encode()), TWO, "data.parquet"),
    Passes("other files beside", {"raw/train.csv": GOOD, "raw/notes.csv": b"", "raw/readme.md": b"", "raw/test.csv": csv(("new one", "red"))},
           {"new one": "red"}, "raw"),
    Passes("one file by another name", {"raw/messages.csv": GOOD, "raw/readme.md": b""}, TWO, "raw"),
]  # fmt: skip


@pytest.mark.parametrize("case", PASSES, ids=lambda case: case.name)
def test_comes_through_right(case: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "stages.corpora.picture.draw", lambda profiles, labels, file: file.touch()
    )  # it has its own tests
    put(case.files)
    run(case.path, **case.params)
    assert case.holds.items() <= everything().items()


def test_ragged_rows_name_the_line_they_begin_on() -> None:
    put({"data.csv": b'text,label\n"two\nlines",red\nshort\n'})
    with pytest.raises(UserError, match=r"data\.csv:4: expected 2 fields, found 1"):
        run()


def test_a_byte_that_is_wrong_far_behind() -> None:
    # Beyond the first block that is decoded, with a character that two blocks share.
    before = b"text,label\n" + "é".encode() * 600_000 + b"\n"
    put({"data.csv": before + b"\xff,red\n"})
    with pytest.raises(UserError, match=rf"data\.csv:3: byte 0xff at position {len(before):,} "):
        run()


def test_unlabelled_records_need_no_label() -> None:
    put(
        {
            "raw/train.csv": GOOD,
            "raw/unlabeled.csv": b"text\nwho knows\n",
            "raw/shifted.csv": csv(("another way", "blue")),
        }
    )
    run("raw")
    assert split("unlabelled") == [{"id": "unlabelled-2", "text": "who knows", "label": None}]
    assert split("shifted")[0]["label"] == "blue"


def test_hub_data_set_that_cannot_be_reached() -> None:
    put({"a.hub.yaml": f"dataset: nobody/nothing\nrevision: '{PIN}'\n".encode()})
    with pytest.raises(UserError, match=r"nobody/nothing cannot be loaded.*without one, download its files"):
        run("a.hub.yaml")


@pytest.mark.real
def test_naughty_strings_come_through(shared_data: Path) -> None:
    texts = json.loads((shared_data / "naughty_strings" / "blns.json").read_text(encoding="utf-8"))
    put({"data.jsonl": jsonl(*({"text": f"{text} {i}", "label": i % 2} for i, text in enumerate(texts)))})
    record = run("data.jsonl", cleaning={"duplicates": "keep", "leakage": "keep"})
    assert sum(len(split(name)) for name in ("train", "validation", "test")) == len(texts)
    assert {one["label"] for one in split("train")} == {"0", "1"}
    assert ("artifact", {"path": Path("reports/data/profile.png")}) in record.events


@pytest.mark.real
def test_naughty_strings_as_labels_and_as_they_are(shared_data: Path) -> None:
    texts = json.loads((shared_data / "naughty_strings" / "blns.json").read_text(encoding="utf-8"))
    rows = [{"text": text, "label": text or "empty"} for text in texts]
    more = [{"text": f"{text} again {i}", "label": text or "empty"} for text in texts for i in range(3)]
    put({"data.jsonl": jsonl(*rows, *more)})
    run("data.jsonl", cleaning={"unlabelled": "drop", "conflicts": "drop", "unknown_labels": "drop"})
    schema = artifacts.Schema.read()
    assert len(schema.labels) > 400
    for one in split("train"):
        assert one["text"] == one["text"].strip()
        assert one["text"]
        assert one["label"] in schema.labels


COMMAND = [
    "0-byte CSV", "Latin-1", "semicolons", "one JSON array", "missing column", "NaN labels", "one class", "no revision",
]  # fmt: skip


@pytest.mark.parametrize("name", COMMAND)
def test_the_command_ends_with_code_2_and_one_message(name: str, project: Path) -> None:
    case = next(case for case in REFUSED if case.name == name)
    put(case.files)
    put(
        {
            "params.yaml": json.dumps(
                {"data": {"path": case.path, **case.params}, "tracking": {"enabled": False}}
            ).encode()
        }
    )
    done = prepare_command(project)
    assert done.returncode == 2
    assert done.stderr.count("prepare: ") == 1
    assert "Traceback" not in done.stderr
    for piece in case.says:
        assert piece in done.stderr


def test_the_command_refuses_a_misspelt_key(project: Path) -> None:
    put({"data.csv": GOOD, "params.yaml": b"data: {path: data.csv, colums: {}}\ntracking: {enabled: false}\n"})
    done = prepare_command(project)
    assert done.returncode == 2
    assert "data.colums: unknown key; did you mean 'columns'?" in done.stderr
    assert "Traceback" not in done.stderr


def prepare_command(project: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(project)}
    return subprocess.run(
        [sys.executable, "-m", "stages.prepare"], capture_output=True, text=True, env=environment, check=False
    )
