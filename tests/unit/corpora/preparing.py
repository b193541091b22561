"""Running prepare in a folder of its own: write files, run, look at what came out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages import artifacts, harness, prepare
from stages.params.data import DataParams
from stages.params.task import TaskParams
from stages.tracking import Record

CSV = b"id,text,label\n"


@dataclass
class Remembering(Record):
    """A record of a run that only remembers."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def artifact(self, path: Path, folder: str | None = None) -> None:
        self.events.append(("artifact", {"path": path}))

    def write(self, kind: str, **content: Any) -> None:
        self.events.append((kind, content))


def run(path: str = "data.csv", **data: Any) -> Remembering:
    """Run prepare's work in the current folder, with these keys of `data`."""
    params = DataParams.model_validate({"path": path, **data})
    record = Remembering()
    prepare.work(harness.Stage("prepare", {"data": params, "task": TaskParams()}, record))
    return record


def split(name: str) -> list[dict[str, str]]:
    """The records of a split that prepare wrote."""
    return artifacts.read_table(artifacts.prepared(name)).to_pylist()


def everything() -> dict[str, str]:
    """Text to label, of the records of all splits."""
    schema = artifacts.Schema.read()
    return {one["text"]: one["label"] for name in schema.splits for one in split(name)}


def csv(*records: tuple[str, str], header: str = "text,label") -> bytes:
    """A CSV file of plain texts and labels."""
    return "\n".join([header, *(f"{text},{label}" for text, label in records), ""]).encode()


def filler(count: int = 20, labels: tuple[str, ...] = ("red", "blue")) -> list[tuple[str, str]]:
    """Records that are fine: different texts, labels in turn."""
    return [(f"some plain text of number {i}", labels[i % len(labels)]) for i in range(count)]


def put(files: dict[str, bytes]) -> None:
    """Write files into the current folder, with their folders."""
    for name, content in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
