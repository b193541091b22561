"""The gate between two real commits: outs of the old one come from DVC's cache, none of it is checked out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from stages import artifacts
from stages.gate import __main__ as gate
from stages.gate import sources

pytestmark = [pytest.mark.pipeline, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
LABELS = ["billing", "delivery", "退货"]
N = 600


def run(folder: Path, *words: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def evaluated(folder: Path, wrong: float, **schema: Any) -> None:
    """Write what evaluate leaves behind, of a model that is wrong on a share of records."""
    generator = np.random.default_rng(0)
    gold = generator.integers(0, 3, N)
    predicted = np.where(generator.random(N) < wrong, (gold + 1) % 3, gold)
    likely = np.full((N, 3), 0.1)
    likely[np.arange(N), predicted] = 0.8
    ids = [f"t{i}" for i in range(N)]
    table = pa.table(
        {
            "id": ids,
            "gold": [LABELS[i] for i in gold],
            "predicted": [LABELS[i] for i in predicted],
            "probabilities": pa.array(likely.astype(np.float32).tolist(), pa.list_(pa.float32())),
        }
    )
    for file in (artifacts.predictions("test"), artifacts.SCHEMA, artifacts.METRICS, artifacts.ALIGNMENT_METRICS):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / artifacts.predictions("test"))
    pq.write_table(
        pa.table({"id": ids, "text": [f"text | <b>{i}</b>" for i in ids]}), folder / artifacts.prepared("test")
    )
    about = {"task": "classification", "labels": LABELS, "rows": {"test": N}, "fingerprint": {"test": "abc"}, **schema}
    (folder / artifacts.SCHEMA).write_text(json.dumps(about), encoding="utf-8")
    metrics = {"test": {"accuracy": 1 - wrong}, "calibration": {"ece_calibrated": 0.03}}
    (folder / artifacts.METRICS).write_text(json.dumps(metrics), encoding="utf-8")
    scalars = {
        "verdicts": {"task": "ALIGNED", "retention": "WATCH"},
        "retention": {"worst": 0.6},
        "robustness": {"upper case": {"drop": 0.02}},
    }
    (folder / artifacts.ALIGNMENT_METRICS).write_text(json.dumps(scalars), encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    shutil.copy(project / "tests/params.yaml", folder)
    run(folder, "git", "init", "-q", "-b", "main")
    run(folder, "git", "config", "user.email", "a@example.org")
    run(folder, "git", "config", "user.name", "A")
    run(folder, "dvc", "init", "-q")
    evaluated(folder, 0.10)
    run(folder, "dvc", "add", "-q", "reports/evaluation/predictions", "data/prepared")
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "one")
    monkeypatch.chdir(folder)
    return folder


def set_gate(folder: Path, **values: Any) -> None:
    yaml = YAML()
    content = yaml.load(folder / "params.yaml")
    content["gate"].update(values)
    yaml.dump(content, folder / "params.yaml")


def judged(folder: Path, words: Sequence[str] = ()) -> tuple[int, str]:
    code = gate.main([*words, "--out", str(folder / "gate.md")])
    return code, (folder / "gate.md").read_text(encoding="utf-8") if (folder / "gate.md").is_file() else ""


def test_the_same_model_passes(repository: Path) -> None:
    code, said = judged(repository)
    assert code == 0
    assert said.startswith("# PASS: the candidate may replace main\n")


def test_a_worse_model_fails_and_the_report_says_where(repository: Path) -> None:
    evaluated(repository, 0.25)
    set_gate(repository, seed=18)
    code, said = judged(repository)
    assert code == 1
    assert "`margins.accuracy`" in said
    assert "| `gate.seed` | `17` | `18` |" in said
    assert "退货" in said
    assert "`text \\| <b>" in said
    assert "Examples that broke against main: " in said
    for line in (line for line in said.splitlines() if line.startswith("|")):
        assert line.endswith("|")


def test_a_better_model_passes_unless_a_floor_is_missed(repository: Path) -> None:
    evaluated(repository, 0.02)
    assert judged(repository)[0] == 0
    floors = {"accuracy": 0.9, "worst_class_recall": 0.5, "retention": 0.5, "ece": 0.1, "robustness": 0.1}
    set_gate(repository, floors=floors)
    assert judged(repository)[0] == 0
    set_gate(repository, floors={**floors, "slice_accuracy": 0.8})
    code, said = judged(repository)
    assert code == 3, "texts of one length and no kept column have no slices"
    assert "| `floors.slice_accuracy` | — | INCONCLUSIVE | no slice has 10 test records |" in said
    set_gate(repository, floors={**floors, "retention": 0.7})
    code, said = judged(repository)
    assert code == 1
    assert "| `floors.retention` | — | FAIL | 0.6000, at least 0.7 asked |" in said
    for unmeasured in ("release_megabytes", "latency_ms"):
        set_gate(repository, floors={unmeasured: 100})
        code, said = judged(repository)
        assert code == 3
        assert f"| `floors.{unmeasured}` | — | INCONCLUSIVE | was not measured |" in said


def test_a_champion_besides_the_baseline_has_to_be_held_against_too(repository: Path) -> None:
    run(repository, "git", "tag", "champion")
    evaluated(repository, 0.30)
    run(repository, "dvc", "add", "-q", "reports/evaluation/predictions", "data/prepared")
    run(repository, "git", "commit", "-qam", "two")
    assert judged(repository)[0] == 0
    assert judged(repository, ["--champion", "main"])[0] == 0
    code, said = judged(repository, ["--champion", "champion"])
    assert code == 1
    assert "Decided by margins.accuracy against champion champion, " in said
    place = repository / "reports" / "gate"
    assert gate.main(["--champion", "champion", "--out", str(place)]) == 1
    assert {"report.html", "report.md", "comment.md", "differences.png"} <= {file.name for file in place.iterdir()}
    assert gate.main(["--champion", "nowhere", "--out", str(place)]) == 2


def test_models_that_answered_other_questions_are_not_compared(
    repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    evaluated(repository, 0.10, fingerprint={"test": "other"})
    assert judged(repository)[0] == 2
    assert "the test split differs" in caplog.text
    evaluated(repository, 0.10, fingerprint={"test": "records-abc"})
    assert judged(repository)[0] == 0, "fingerprints of two kinds: the labels decide"
    assert "ids and labels are compared" in caplog.text
    evaluated(repository, 0.10, labels=[*LABELS, "new"])
    assert judged(repository)[0] == 2
    assert "the classes of main and candidate differ" in caplog.text


@pytest.mark.parametrize(
    ("words", "values", "says"),
    [
        (["--baseline", "nowhere"], {}, "nowhere"),
        ([], {"margins": {"f1": 0.1}}, "'f1' is no gated metric"),
        ([], {"level": 2.0}, "gate.level"),
    ],
)
def test_what_cannot_be_judged_says_why(
    repository: Path, words: list[str], values: dict[str, Any], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    if values:
        set_gate(repository, **values)
    assert judged(repository, words)[0] == 2
    assert says in caplog.text


def prepared(folder: Path, labels: Sequence[str]) -> None:
    table = pa.table({"text": [f"{label} {i}" for i, label in enumerate(labels)], "label": list(labels)})
    pq.write_table(table, folder / artifacts.prepared("train"))


def test_new_data_are_told_and_stop_a_retraining_where_params_say_so(
    repository: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert gate.main(["data"]) == 2
    assert "train.parquet" in caplog.text
    prepared(repository, ["billing", "退货"] * 40)
    run(repository, "dvc", "add", "-q", "data/prepared")
    run(repository, "git", "commit", "-qam", "two")
    assert gate.main(["data"]) == 0
    assert "train since main: 0 records came, 0 went" in capsys.readouterr().out
    prepared(repository, [*["billing", "退货"] * 40, "你好"])
    assert gate.main(["data"]) == 0
    assert "labels that are new: 你好" in capsys.readouterr().out
    set_gate(repository, data={"new_labels": "stop", "label_distance": None, "text_auc": None})
    assert gate.main(["data"]) == 1
    assert "STOP: gate.data.new_labels: 你好" in capsys.readouterr().out


def test_another_kind_of_task_than_before_stops_no_retraining(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = json.loads((repository / artifacts.SCHEMA).read_text(encoding="utf-8"))
    (repository / artifacts.SCHEMA).write_text(json.dumps({**schema, "task": "tagging"}), encoding="utf-8")
    run(repository, "dvc", "add", "-q", "data/prepared")
    run(repository, "git", "commit", "-qam", "tagging")
    (repository / artifacts.SCHEMA).write_text(json.dumps(schema), encoding="utf-8")
    assert gate.main(["data"]) == 0
    assert "of task.kind classification where tagging was nothing is compared" in capsys.readouterr().out


def test_what_breaks_is_no_verdict(repository: Path, caplog: pytest.LogCaptureFixture) -> None:
    (repository / artifacts.METRICS).write_text("<<<<<<< HEAD\n", encoding="utf-8")
    assert gate.main(["--baseline", "main"]) == 2
    assert "nothing was judged" in caplog.text


def test_floors_alone_are_judged_and_nothing_at_all_is_not(repository: Path) -> None:
    set_gate(repository, margins={})
    assert gate.main(["--out", "report"]) == 3
    set_gate(repository, margins={}, floors={"accuracy": 0.5})
    assert gate.main(["--out", "report"]) == 0
    assert (repository / "report/report.html").is_file()


def test_a_candidate_that_was_not_evaluated_says_so(repository: Path) -> None:
    (repository / artifacts.METRICS).unlink()
    with pytest.raises(sources.CannotJudgeError, match="dvc repro"):
        sources.candidate()
    assert sources.params_changed({"a": {"b": 1}, "c": 2}, {"a": {"b": 1}}) == [("c", "2", "—")]
