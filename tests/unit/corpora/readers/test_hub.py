"""Hub references, tried on a local folder in the hub's layout."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

from stages.corpora.readers import hub
from stages.corpora.shapes.label_set import LabelSet
from stages.errors import DataError
from stages.params.data import Columns
from tests.unit.corpora.preparing import everything, filler, put, run

PIN = "0" * 40


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def publish(folder: str, split: str, count: int = 20) -> None:
    """Write a split as the hub stores it: parquet, with classes by number and their names in the metadata."""
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["red", "blue"])}
    )
    records = [{"text": f"{split} {text}", "label": label} for text, label in filler(count)]
    Path(folder, "data").mkdir(parents=True, exist_ok=True)
    made = datasets.Dataset.from_list(records, features=features)
    pq.write_table(made.data.table, Path(folder, "data", f"{split}-00000-of-00001.parquet"))


def refer(**keys: object) -> str:
    put({"a.hub.yaml": json.dumps(keys).encode()})
    return "a.hub.yaml"


def test_a_data_set_comes_with_its_splits_and_the_names_of_its_classes() -> None:
    publish("colours", "train")
    publish("colours", "test", count=4)
    found = {name: list(blocks) for name, blocks in hub.read(Path(refer(dataset="./colours"))).items()}
    assert set(found) == {"train", "test"}
    [block] = found["test"]
    assert block.rows == [1, 2, 3, 4]
    assert block.values("label") == ["red", "blue", "red", "blue"]
    assert block.values("text")[0] == "test some plain text of number 0"


def test_prepare_takes_it_like_any_other() -> None:
    publish("colours", "train")
    publish("colours", "validation", count=4)
    run(refer(dataset="./colours", splits={"train": "train", "shifted": "validation"}))
    assert everything()["validation some plain text of number 1"] == "blue"


def test_lists_of_withheld_labels_are_absent() -> None:
    assert hub._each_named(datasets.table.pa.array([[-1], [0, -1], [], None]), ["joy"]) == [
        [None],
        ["joy", None],
        [],
        None,
    ]
    read = [LabelSet().convert("labels", one, Columns()) for one in ([None], ["joy", None], [], None)]
    assert read == [None, ["joy"], [], None]


def test_a_folder_that_dvc_does_not_watch_is_named(caplog: pytest.LogCaptureFixture) -> None:
    publish("colours", "train")
    hub.read(Path(refer(dataset="./colours")))
    assert "DVC does not watch the folder ./colours, so a change in it would not rerun anything" in caplog.text
    assert "`dvc repro -f prepare`" in caplog.text


def test_splits_by_their_usual_names_and_those_that_nothing_reads(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("train", "eval", "extra"):
        publish("colours", name)
    assert set(hub.read(Path(refer(dataset="./colours")))) == {"train", "validation"}
    assert "nothing reads extra of ./colours" in caplog.text


def test_lists_of_labels_get_the_names_of_their_classes() -> None:
    classes = datasets.ClassLabel(names=["joy", "fear"])
    features = datasets.Features({"text": datasets.Value("string"), "labels": datasets.List(classes)})
    records = [{"text": f"comment {i}", "labels": [[0], [], [1, 0]][i % 3]} for i in range(6)]
    Path("emotions/data").mkdir(parents=True)
    made = datasets.Dataset.from_list(records, features=features)
    pq.write_table(made.data.table, "emotions/data/train-00000-of-00001.parquet")
    [block] = hub.read(Path(refer(dataset="./emotions", splits={"train": "train"})))["train"]
    assert block.values("labels")[:3] == [["joy"], [], ["fear", "joy"]]


def test_a_withheld_label_is_missing() -> None:
    assert hub._named(datasets.table.pa.array([0, -1, None, 1]), ["red", "blue"]) == ["red", None, None, "blue"]


def test_tags_of_tokens_come_by_their_names_too() -> None:
    tags = datasets.List(datasets.ClassLabel(names=["O", "B-LOC"]))
    features = datasets.Features({"tokens": datasets.List(datasets.Value("string")), "ner_tags": tags})
    made = datasets.Dataset.from_list([{"tokens": ["in", "Oslo"], "ner_tags": [0, 1]}], features=features)
    Path("places", "data").mkdir(parents=True)
    pq.write_table(made.data.table, "places/data/train-00000-of-00001.parquet")
    [block] = hub.read(Path(refer(dataset="./places")))["train"]
    assert block.values("ner_tags") == [["O", "B-LOC"]]
    assert block.values("tokens") == [["in", "Oslo"]]


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"dataset": "./colours", "splits": {"train": "teach"}}, "has no split 'teach'; it has train"),
        ({"dataset": "./colours", "splits": {"test": "train"}}, "has no split that could be train"),
        ({"dataset": "./colours", "subset": "fr"}, "cannot be loaded"),
        ({"dataset": "./elsewhere"}, "revision is required: ./elsewhere is no folder"),
        ({"dataset": "a/b", "revision": "v1.0"}, "revision"),
        ({"dataset": "a/b", "revision": PIN, "trust_remote_code": True}, "trust_remote_code"),
        ({"dataset": "a/b", "revision": PIN}, "a/b cannot be loaded"),
    ],
)
def test_a_reference_that_leads_nowhere_is_explained(keys: dict[str, object], says: str) -> None:
    publish("colours", "train")
    with pytest.raises(DataError, match=r"a\.hub\.yaml") as caught:
        hub.read(Path(refer(**keys)))
    assert says in str(caught.value)


def test_whether_the_hub_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert hub._reachable()
    assert not hub._reachable()
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert hub._reachable(), "behind a proxy only the request itself can tell"
