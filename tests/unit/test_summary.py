"""The last lines of a run say what came out and where it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages import summary

METRICS = {
    "test": {"accuracy": 0.8, "accuracy_low": 0.75, "accuracy_high": 0.85, "n": 200},
    "baselines": {"majority": {"accuracy": 0.1}},
    "gain_over_tfidf": {"accuracy": 0.1, "accuracy_low": 0.05, "accuracy_high": 0.15},
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def test_before_any_run_it_says_how_to_begin(root: Path) -> None:
    assert list(summary.lines()) == ["Nothing was evaluated yet: run `make repro`."]


def test_it_names_result_baselines_stages_and_places(root: Path) -> None:
    (root / "reports/evaluation").mkdir(parents=True)
    (root / "reports/evaluation/metrics.json").write_text(json.dumps(METRICS))
    (root / "reports/alignment").mkdir(parents=True)
    (root / "reports/alignment/metrics.json").write_text(
        json.dumps({"verdicts": {"task": "ALIGNED", "retention": "WATCH"}})
    )
    (root / "dvc.lock").write_text("stages:\n  prepare: {}\n  finetune: {}\n")
    (root / "models/release").mkdir(parents=True)
    (root / ".tracking/spool").mkdir(parents=True)
    begin = {"kind": "begin", "time": 1, "session": "a", "stage": "finetune", "pid": 1, "started": 0}
    (root / ".tracking/spool/a.jsonl").write_text(json.dumps(begin) + "\n")
    said = "\n".join(summary.lines())
    assert "0.800 (0.750 to 0.850) on 200 records" in said
    assert "majority" in said
    assert "last ran  finetune" in said
    assert "unchanged prepare" in said
    assert "task ALIGNED, retention WATCH" in said
    assert "models/release" in said


def test_a_trial_is_called_one(root: Path) -> None:
    (root / "reports/evaluation").mkdir(parents=True)
    (root / "data/prepared").mkdir(parents=True)
    (root / "reports/evaluation/metrics.json").write_text(json.dumps(METRICS))
    for limit, said in ((None, 0), (200, 1)):
        schema: dict[str, object] = {"task": "classification", "labels": [], "rows": {}, "limit": limit}
        (root / "data/prepared/schema.json").write_text(json.dumps(schema))
        assert "\n".join(summary.lines()).count("cut to 200 records") == said


def test_other_kinds_of_task_show_their_own_first_figure(root: Path) -> None:
    (root / "reports/evaluation").mkdir(parents=True)
    (root / "data/prepared").mkdir(parents=True)
    (root / "data/prepared/schema.json").write_text(json.dumps({"task": "pair_regression", "labels": [], "rows": {}}))
    values = {"spearman": 0.81, "spearman_low": 0.78, "spearman_high": 0.84, "pearson": 0.8}
    metrics = {
        "test": {**values, "n": 50},
        "baselines": {"mean": {"spearman": 0.0}},
        "gain_over_tfidf": {"spearman": 0.2},
    }
    (root / "reports/evaluation/metrics.json").write_text(json.dumps(metrics))
    said = list(summary.lines())
    assert said[0] == "test      spearman 0.810 (0.780 to 0.840) on 50 records"
    assert said[1] == "mean      spearman 0.000 (baseline)"
    assert said[2] == "gain      0.200 over TF-IDF"
