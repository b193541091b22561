"""What the report says: with everything there, with parts missing, and against two baselines of which one fails."""

from __future__ import annotations

from typing import Any

import pytest

from stages.artifacts import Schema
from stages.errors import UserError
from stages.gate import comparing, rules, sources
from stages.gate.content import Report, Section, legible
from stages.tracking.registry import Version
from tests.unit.gate.made_up import PARAMS, N, composed, decisions, side


def section(report: Report, title: str) -> Section:
    return next(one for one in report.sections if one.title.startswith(title))


def rows(report: Report, title: str) -> list[list[str]]:
    table = section(report, title).table
    assert table is not None
    return [list(row) for row in table.rows]


def test_a_worse_candidate_fails_and_the_lead_names_the_rule() -> None:
    report = composed(side("main", 0.05), candidate=side("candidate", 0.25))
    assert report.outcome == "FAIL"
    assert report.title == "the candidate must not replace main"
    assert "margins.accuracy against main" in report.lead
    assert f"{N} test records" in report.lead
    metrics = rows(report, "Metrics")
    assert metrics[0][:2] == ["accuracy", str(N)]
    assert metrics[0][2].endswith("(0.1000 to 0.9900)")
    assert metrics[0][4].startswith("-0.")


def test_of_two_baselines_the_one_that_it_fails_against_decides() -> None:
    champion = side("champion", 0.02)
    same = side("main", 0.20)
    candidate = side("candidate", 0.20)
    assert composed(same, candidate=candidate).outcome == "PASS"
    report = composed(same, champion, candidate=candidate)
    assert report.outcome == "FAIL"
    assert "against champion" in report.lead
    assert "against main" not in report.lead
    outcomes = {(row[0], row[1]): row[2] for row in rows(report, "Rules")}
    assert outcomes["margins.accuracy", "main"] == "PASS"
    assert outcomes["margins.accuracy", "champion"] == "FAIL"
    assert section(report, "Classes that changed against champion").folded
    assert not section(report, "Classes that changed against main").folded
    assert report.again[-1].endswith(f"--baseline {same.commit} --champion {champion.commit}")


def test_holm_goes_over_the_metrics_of_all_baselines() -> None:
    candidate = side("candidate", 0.08)
    one = comparing.differences(candidate, [side("main", 0.05)], PARAMS)
    three = comparing.differences(candidate, [side(name, 0.05) for name in ("main", "champion", "older")], PARAMS)
    said = {len(found): rules.judge(found, PARAMS)[0].why for found in (one, three)}
    assert len(three) == 3 * len(one)
    p = {count: float(why.partition("p = ")[2].split()[0]) for count, why in said.items() if "p = " in why}
    assert p[len(three)] > p[len(one)]


def test_what_the_models_come_from() -> None:
    report = composed(side("main", 0.05), side("old", 0.06), candidate=side("candidate", 0.05))
    assert [row[0] for row in rows(report, "What was set differently")] == ["training.learning_rate"]
    stages = {row[0]: row[1:] for row in rows(report, "Stages")}
    assert stages["prepare"][:2] == ["skipped, nothing changed"] * 2
    assert stages["prepare"][-1] == "restored, skipped or run earlier"
    assert stages["finetune"][1] == "other outs"
    assert stages["finetune"][-1] == "ran, 263 s"
    hashes = {row[0]: row[1:] for row in rows(report, "Data and model")}
    assert hashes["data/raw (md5)"] == ["r" * 12] * 3
    assert hashes["models/finetuned (md5)"] == ["m" * 12, "o" * 12, "c" * 12]
    assert hashes["test split (sha256)"] == ["f" * 12] * 3
    drawings = section(report, "Learning curves").drawings
    assert [one.name for one in drawings] == ["loss", "validation_accuracy"]
    assert "Seeds: training.seed 42." in section(report, "Runtime").notes
    assert rows(report, "Runtime")[0][:3] == ["finetune", "finished", "263.1"]


def test_missing_parts_are_said_to_be_missing() -> None:
    bare: dict[str, Any] = {"alignment": {}, "curves": [], "stages": {}, "commit": None, "params": {}}
    report = composed(side("main", 0.05, **bare), candidate=side("candidate", 0.05, **bare), runs=())
    assert section(report, "Alignment").notes == ("The candidate has no alignment report.",)
    assert section(report, "Learning curves").notes == ("None were found.",)
    assert section(report, "Stages").notes == ("There is no dvc.lock to compare.",)
    assert "No record of a session" in section(report, "Runtime").notes[0]
    assert rows(report, "Classes that changed") == []
    assert report.again == ["dvc pull", "dvc repro --pull", "python -m stages.gate compare --baseline main"]


def test_a_baseline_without_curves_or_verdicts_leaves_the_candidates() -> None:
    report = composed(side("main", 0.05, curves=[], alignment={}), candidate=side("candidate", 0.05))
    assert len(section(report, "Learning curves").drawings) == 2
    assert rows(report, "Alignment") == [["task", "not measured", "ALIGNED"]]


def test_ten_of_each_kind_of_example_surest_first() -> None:
    report = composed(side("main", 0.25), candidate=side("candidate", 0.0))
    mended = rows(report, "Examples that were mended")
    assert len(mended) == 10
    confidence = [float(row[-1]) for row in mended]
    assert confidence == sorted(confidence, reverse=True)
    assert section(report, "Examples that were mended").title.endswith(str(int((~decisions(0.25).right).sum())))
    assert rows(report, "Examples that broke") == []


def test_a_champion_of_the_same_commit_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def baseline(revision: str, name: str) -> sources.Side:
        return side(name, 0.05, commit={"main": "1" * 40, "v1": "1" * 40}.get(revision, "2" * 40))

    monkeypatch.setattr(sources, "baseline", baseline)
    monkeypatch.setattr(sources, "commit_of", lambda revision: "1" * 40 if revision == "v1" else "2" * 40)
    main = comparing.named("main")
    assert [one.name for one in comparing.standing(main)] == ["main"]
    assert [one.name for one in comparing.standing(main, comparing.named("v1", "champion "))] == ["main"]
    assert [one.name for one in comparing.standing(main, comparing.named("v0", "champion "))] == ["main", "champion v0"]


def test_a_model_known_by_its_alias_is_called_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Registry:
        def holder(self, alias: str) -> Version | None:
            return Version("7", "a" * 40, "b" * 32, "", {}) if alias == "champion" else None

    monkeypatch.setattr(comparing, "registry", Registry)
    assert comparing.named("@champion", "champion ") == ("a" * 40, "champion (version 7)")
    with pytest.raises(sources.CannotJudgeError, match="no registered model has that alias"):
        comparing.named("@previous")


def test_kinds_without_one_right_label_are_named() -> None:
    sources.judged(Schema("pair_classification", ["a", "b"], {}))
    with pytest.raises(
        UserError, match=r"task\.kind: multilabel .* judges classification and pair_classification only"
    ):
        sources.judged(Schema("multilabel", ["a"], {}))


def test_sides_of_other_test_splits_are_refused() -> None:
    other = side("main", 0.05).schema
    fingerprint = {"test": "0" * 64}
    changed = type(other)(other.task, other.labels, other.rows, fingerprint=fingerprint)
    with pytest.raises(UserError, match="test split differs"):
        sources.check(side("main", 0.05, schema=changed), side("candidate", 0.05))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc", "a b c"),
        ("a\u202eb\u2066c\x00", "a\ufffdb\ufffdc\ufffd"),
        ("👩\u200d💻 退货", "👩\u200d💻 退货"),
        ("x" * 301, "x" * 299 + "…"),
    ],
)
def test_legible_texts_are_one_honest_line(text: str, shown: str) -> None:
    assert legible(text) == shown
