"""The contest's projects, records and answers, and runs that are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.contest import exports, projects, said
from benchmarks.contest.jobs import HEADS, JOBS
from benchmarks.contest.rounds import OURS, PEER, Machine, Rounds
from stages import artifacts
from stages.artifacts import Schema
from stages.params import whole

LABELS = {"tagging": ["LOC", "PER"], "multilabel": ["joy", "love", "never", "rare"]}


def test_tags_become_spans_of_characters() -> None:
    words = [{"start": s, "end": e} for s, e in ((0, 3), (4, 7), (7, 8), (9, 12))]
    assert said.spans(["B-PER", "O", "I-LOC", "I-LOC"], words) == [[0, 3, "PER"], [7, 12, "LOC"]]
    assert said.spans(["O", "B-X", "B-X", "I-X"], words) == [[4, 7, "X"], [7, 12, "X"]]
    assert [said.malformed(tags) for tags in (["O", "I-X"], ["B-X", "I-X"], [])] == [True, False, False]


def test_thresholds_separate_what_validation_separates() -> None:
    probabilities = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.2], [0.05, 0.1]])
    gold = np.array([[1, 1], [1, 0], [1, 0], [0, 0]], dtype=bool)
    found = said.thresholds(probabilities, gold)
    assert ((probabilities > found) == gold).all()


WROTE: dict[str, tuple[dict[str, Any], Any]] = {
    "tagging": ({"tags": ["B-PER", "O", "I-LOC"]}, [[0, 1, "PER"], [4, 5, "LOC"]]),
    "relation": ({"label": "Other"}, "Other"),
    "multilabel": ({"probabilities": {"joy": 0.6, "love": 0.5, "rare": 0.2}}, ["joy"]),
    "pair_regression": ({"score": 2.5}, 2.5),
    "question_answering": ({"text": "a car"}, "a car"),
}


@pytest.mark.parametrize("kind", sorted(WROTE))
def test_what_a_peer_wrote_becomes_answers(kind: str, tmp_path: Path) -> None:
    wrote, expected = WROTE[kind]
    words = [{"start": s, "end": s + 1} for s in (0, 2, 4)]
    table = pa.table({"id": ["1"], "text": ["a b c"], "words": [words], "labels": [["love"]]})
    for split in ("validation", "test"):
        artifacts.write_table(tmp_path / artifacts.prepared(split), table)
        row = json.dumps({"id": "1", **wrote})
        (tmp_path / f"{split}.jsonl").write_text(row + "\n", encoding="utf-8")
    found = said.peers(tmp_path, tmp_path, Schema(kind, LABELS.get(kind, []), {}))
    assert (found["ids"], found["predicted"]) == (["1"], [expected])
    # Validation has love at .5 and nothing else: its own threshold is lower, the others' stay one half.
    assert found.get("chosen") == ([["joy", "love"]] if kind == "multilabel" else None)
    assert found.get("malformed") == ([True] if kind == "tagging" else None)


def test_the_peer_reads_words_and_tags_and_no_target_of_test(tmp_path: Path) -> None:
    place = [{"start": 0, "end": 3}, {"start": 4, "end": 7}, {"start": 7, "end": 9}]
    marks = [
        {"start": 0, "end": 3, "label": "PER"},
        {"start": 7, "end": 9, "label": "LOC"},
        {"start": 5, "end": 7, "label": "LOC"},
    ]
    table = pa.table({"id": ["1"], "text": ["Ana saw北京"], "spans": [marks], "words": [place]})
    for split in exports.SPLITS:
        artifacts.write_table(tmp_path / artifacts.prepared(split), table)
    Schema("tagging", ["LOC", "PER"], dict.fromkeys(exports.SPLITS, 1)).write(tmp_path / artifacts.SCHEMA)
    exports.write(tmp_path, tmp_path / "out")
    words = {"id": "1", "words": ["Ana", "saw", "北京"]}
    assert said.read(tmp_path / "out/test.jsonl") == [words]
    assert said.read(tmp_path / "out/train.jsonl") == [{**words, "tags": ["B-PER", "O", "B-LOC"]}]


@pytest.mark.parametrize("name", sorted(JOBS))
def test_every_recipe_stays_valid_with_what_the_contest_changes(name: str, tmp_path: Path) -> None:
    changed: dict[str, Any] = {"training.epochs": 1.0, "training.seed": 3, "data.limit": 100}
    if projects.settings(JOBS[name], tmp_path, {})["task"]["kind"] == "tagging":
        changed["task.tagging.head"] = HEADS[2]
    projects.begin(tmp_path, projects.settings(JOBS[name], tmp_path, changed))
    checked = whole.check(tmp_path / "params.yaml")
    assert checked["training"].model_dump()["epochs"] == 1
    assert checked["training"].model_dump()["early_stopping"]["patience"] is None
    assert checked["data"].model_dump()["path"] == str(tmp_path / JOBS[name].folder)


@pytest.mark.parametrize("path", ["training.epoch", "trainig.epochs", "training.epochs.more"])
def test_a_key_that_no_recipe_has_is_refused(path: str) -> None:
    with pytest.raises(SystemExit, match="has no such key"):
        projects.settings(JOBS["wnut17"], Path(), {path: 1})


SENTENCE = "Ana\tB-person\nsaw\tO\nthe\tO\nRhine\tB-location\n\n"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Rounds:
    """A data set of three splits, prepared."""
    root = tmp_path_factory.mktemp("contest")
    folder = root / "data/wnut17"
    folder.mkdir(parents=True)
    for split, name in (("train", "Ana"), ("dev", "Bo"), ("test", "Cy")):
        (folder / f"{split}.conll").write_text(SENTENCE.replace("Ana", name), encoding="utf-8")
    return Rounds("wnut17", JOBS["wnut17"], root / "data", root / "work", {}, Machine(root, 512, bf16=False))


@pytest.fixture
def played(prepared: Rounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Rounds, list[str]]:
    """Rounds without kept runs, whose runs say what they were asked, and the list of runs that took place."""
    made = prepared
    monkeypatch.setattr(made, "kept", tmp_path)
    took: list[str] = []

    def answer(side: str) -> Any:
        def play(folder: Path, params: dict[str, Any]) -> dict[str, Any]:
            folder.mkdir(parents=True)
            took.append(f"{side} {params['training']['seed']} {params['training']['epochs']:g}")
            return {"seconds": {"train": 1.0, "whole": 2.0}, "answers": {"ids": ["test-1"], "predicted": [[]]}}

        return play

    monkeypatch.setattr(made, "_ours", answer(OURS))
    monkeypatch.setattr(made, "_peer", answer(PEER))
    return made, took


def test_a_finished_run_is_kept_until_its_settings_change(played: tuple[Rounds, list[str]]) -> None:
    made, took = played
    for _ in range(2):
        for who in (OURS, PEER):
            assert made.run(who, 1)[0]["answers"]["ids"] == ["test-1"]
    assert took == ["ours 1 10", "peer 1 10"]
    assert not made.run(OURS, 1)[1]
    made.run(OURS, 1, {"training.epochs": 2.0})
    made.run(OURS, 2)
    assert took[2:] == ["ours 1 2", "ours 2 10"]
    # What the peer does not have leaves its runs alone; what it has does not.
    assert not made.run(PEER, 1, {"training.head_learning_rate": 3e-3})[1]
    assert made.run(PEER, 1, {"training.learning_rate": 3e-3})[1]
    assert not list(made.scratch.glob("ours*"))


def test_a_kept_run_with_other_records_is_refused(played: tuple[Rounds, list[str]]) -> None:
    made, _ = played
    made.run(OURS, 1)
    file = made.kept / "wnut17-ours-1.json"
    kept = json.loads(file.read_text(encoding="utf-8"))
    kept["answers"]["ids"] = ["test-2"]
    file.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(SystemExit, match="other test records"):
        made.run(OURS, 1)


def test_the_peer_is_told_what_the_recipe_says(played: tuple[Rounds, list[str]]) -> None:
    made, _ = played
    words = made._options(projects.settings(JOBS["xquad"], Path(), {"training.seed": 4}))
    told = dict(zip(words[::2], words[1::2], strict=True))
    assert {"--epochs": "6", "--batch-size": "16", "--learning-rate": "0.0001", "--seed": "4"}.items() <= told.items()
    assert (told["--max-length"], told["--stride"]) == ("384", "128")
    assert made._options(made.params)[-4:] == ["--max-length", "512", "--stride", "128"]
