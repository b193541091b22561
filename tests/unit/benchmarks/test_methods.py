"""Sweeps on public data: rows that params take, figures that are means over seeds and paired, tables in documents."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from benchmarks import clones, methods
from benchmarks import method_readings as readings
from benchmarks.method_readings import CHANGED, KEPT, Line
from stages.metrics.intervals import Bootstrap
from stages.sweep import plan, writing
from stages.sweep.harvest import Run

HOW = Bootstrap(400, 0.95, 3)
N = 300


@pytest.mark.parametrize("task", sorted(clones.TASKS))
def test_params_take_every_row(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str) -> None:
    monkeypatch.chdir(project)
    params = tmp_path / "params.yaml"
    YAML().dump(clones.settings(clones.TASKS[task], {}), params)
    trials = plan.trials(project / f"benchmarks/sweeps/{task}.yaml", params)
    assert {one.params["data"]["path"] for one in trials} == {clones.OWN}
    rows = {one.row for one in trials}
    assert {*readings.REFERENCE.values(), *readings.CHANGED_ROWS} <= rows
    assert len(trials) == 3 * len(rows)


def test_both_sweeps_have_the_same_rows(project: Path) -> None:
    rows = [list(plan.read(project / f"benchmarks/sweeps/{task}.yaml").rows) for task in clones.TASKS]
    assert rows[0] == rows[1]


def test_what_is_asked_about_is_no_record_of_the_task() -> None:
    for name, task in clones.TASKS.items():
        assert task.other != name
        assert clones.TASKS[task.other].folder != task.folder


def test_a_clone_of_another_task_is_refused(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    YAML().dump(clones.settings(clones.TASKS["snips"], {}), clone / "params.yaml")
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "a"]):
        subprocess.run(["git", *words], cwd=clone, check=True)
    clones.prepared(tmp_path, clone, clones.TASKS["snips"], {})
    with pytest.raises(SystemExit, match="not that of banking77"):
        clones.prepared(tmp_path, clone, clones.TASKS["banking77"], {})


def credit(share: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(N) < share).astype(float)


def test_shares_are_means_over_seeds_with_paired_differences() -> None:
    base, floor = {f"{KEPT}/pairs": credit(0.9, 1)}, {f"{KEPT}/pairs": credit(0.3, 2)}
    rows = {
        "plain": [{f"{KEPT}/pairs": credit(0.5, seed)} for seed in (3, 4)],
        "replay": [{f"{KEPT}/pairs": credit(0.8, seed)} for seed in (5, 6)],
    }
    plain, replay = readings.figures(rows, base, floor, HOW)
    low, high = floor[f"{KEPT}/pairs"].mean(), base[f"{KEPT}/pairs"].mean()
    shares = [(one[f"{KEPT}/pairs"].mean() - low) / (high - low) for one in rows["replay"]]
    assert replay.value == pytest.approx(np.mean(shares))
    assert replay.std == pytest.approx(np.std(shares, ddof=1))
    assert replay.gap == pytest.approx(replay.value - plain.value)
    assert replay.low < replay.value < replay.high
    assert 0 < replay.gap_low < replay.gap < replay.gap_high
    assert (plain.gap, plain.gap_low, plain.gap_high) == (0.0, 0.0, 0.0)
    assert (replay.seeds, replay.records) == (2, N)


def test_what_the_base_model_cannot_do_is_left_out() -> None:
    nothing = {f"{KEPT}/order": credit(0.5, 1)}
    assert not readings.figures({"plain": [nothing]}, nothing, {f"{KEPT}/order": credit(0.5, 2)}, HOW)


def test_accuracy_on_changed_messages_is_paired_with_the_reference_row() -> None:
    right = credit(0.9, 1)
    worse = right.copy()
    worse[np.flatnonzero(right)[:30]] = 0
    rows = {"full": [{f"{CHANGED}/typos": right}], "full-fgm": [{f"{CHANGED}/typos": worse}]}
    full, other = readings.figures(rows, {}, {}, HOW)
    assert full.value == pytest.approx(right.mean())
    assert other.gap == pytest.approx(-0.1)
    # Thirty of three hundred records differ, all in one direction: the standard error is that of a share of a tenth.
    assert other.gap_high - other.gap_low == pytest.approx(2 * 1.96 * np.sqrt(0.1 * 0.9 / N), rel=0.2)
    assert other.std == 0


LINES = [
    Line("plain", KEPT, "pairs", 3, 400, 0.5, 0.02, 0.4, 0.6, 0.0, 0.0, 0.0),
    Line("replay", KEPT, "pairs", 3, 400, 0.9, 0.01, 0.8, 1.0, 0.4, 0.3, 0.5),
    Line("full", CHANGED, "typos", 3, 3080, 0.9, 0.01, 0.89, 0.91, 0.0, 0.0, 0.0),
    Line("full-fgm", CHANGED, "typos", 3, 3080, 0.91, 0.01, 0.9, 0.92, 0.01, -0.002, 0.022),
]


def test_figures_that_were_written_are_read_again(tmp_path: Path) -> None:
    readings.write(tmp_path / "figures.csv", LINES)
    assert readings.read(tmp_path / "figures.csv") == LINES


def test_tables_tell_records_spreads_and_intervals() -> None:
    kept = readings.table(LINES, KEPT).splitlines()
    assert kept[0] == "| row | pairs (n = 400) |"
    assert kept[3] == "| `replay` | 0.90 ± 0.01 (0.80 to 1.00) |"
    changed = readings.table(LINES, CHANGED).splitlines()
    assert changed[2] == "| `full` | 0.9000 ± 0.0100 |"
    assert changed[3] == "| `full-fgm` | 0.9100 ± 0.0100; +0.0100 (-0.0020 to +0.0220) |"


@pytest.mark.parametrize("task", sorted(clones.TASKS))
def test_the_documents_tables_are_those_of_the_committed_figures(project: Path, task: str) -> None:
    for name, said in methods.tables(task).items():
        assert writing.held(project / "docs/adaptation.md", name) == said


def test_what_one_clone_lacks_comes_from_another(tmp_path: Path) -> None:
    first = [Run("full", 1, "full-1", "aaaa", target=0.9), Run("prefix", 1, "prefix-1", error="removed")]
    later = [Run("full", 1, "full-1b", "bbbb", target=0.8), Run("prefix", 1, "prefix-1b", "cccc", target=0.7)]
    for name, runs in (("first", first), ("later", later)):
        (tmp_path / name / "reports").mkdir(parents=True)
        writing.write_runs(tmp_path / name / "reports/pareto_runs.csv", runs)
    assert methods.together([tmp_path / "first", tmp_path / "later"]) == [first[0], later[1]]
