"""Each rule of each verdict, on measurements made up to meet it; the page says what the verdicts say."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from stages.alignment import page, publishing, references
from stages.alignment.asking import Words
from stages.alignment.budget import Sizes
from stages.alignment.distribution_shift import Shift
from stages.alignment.interpolation import Mixture
from stages.alignment.result import Alignment
from stages.alignment.retention import Reading, Retention, Spoken
from stages.alignment.surroundings import Surroundings
from stages.alignment.task_gap import TaskGap
from stages.alignment.verdict import all_of, on_retention, on_shift, on_task
from stages.analysis.behaviour import Behaviour
from stages.analysis.calibrating import Band, Calibration
from stages.analysis.explanation import Explanation
from stages.analysis.out_of_scope import Detection
from stages.analysis.robustness import Change
from stages.analysis.slices import Slice, Slices
from stages.artifacts import ALIGNMENT
from stages.errors import DataError
from stages.metrics.intervals import Estimate
from stages.metrics.two_sample import Discrepancy, Separation
from stages.params.alignment import AlignmentParams, Thresholds

LIMITS = Thresholds()


def about(value: float, half: float, n: int = 500) -> Estimate:
    return Estimate(value, value - half, value + half, n)


def task(gain: Estimate, gap: Estimate, poolings: dict[str, float] | None = None) -> TaskGap:
    floors = {"random weights": about(0.4, 0.02), "TF-IDF": about(0.7, 0.02)}
    return TaskGap(
        about(0.8, 0.02), floors, gain, gap, about(0.7, 0.02), [0.3, 0.8], poolings or {"mean": 0.8}, 1, "mean", 900
    )


def shift(area: float, half: float, ratio: float, spread: float, n: int = 200, p: float = 0.5) -> Shift:
    test = Separation(area, area - half, area + half, p, n, np.zeros(n))
    return Shift(
        raw=test,
        normalised=test,
        discrepancy=Discrepancy(0.01, 0.2, n),
        distance_ratio=about(ratio, spread, n),
        new_words=(0.1, 0.05),
        label_shares=np.array([0.5, 0.5]),
        label_distance=0.1,
        expected_accuracy=0.8,
        true_accuracy=0.79,
        leaked=0.0,
        nearly_leaked=0.01,
        foreign=[(0, 1.5)],
        n=n,
    )


def reading(kept: Estimate | None, name: str = "halves") -> Reading:
    return Reading(name, True, about(0.8, 0.02), about(0.6, 0.02), about(0.1, 0.02), about(-0.2, 0.02), kept)


@pytest.mark.parametrize(
    ("gain", "gap", "state", "says"),
    [
        (about(0.10, 0.03), about(0.05, 0.02), "ALIGNED", ""),
        (about(0.02, 0.03), about(0.05, 0.02), "INCONCLUSIVE", "Label more test records"),
        (about(-0.10, 0.03), about(0.05, 0.02), "MISALIGNED", "model.base"),
        (about(0.10, 0.03), about(-0.05, 0.02), "WATCH", "training.learning_rate"),
    ],
)
def test_task(gain: Estimate, gap: Estimate, state: str, says: str) -> None:
    found = on_task(task(gain, gap), LIMITS)
    assert found.state == state
    assert says in found.remedy
    assert "TF-IDF" in found.evidence


def test_a_better_pooling_is_named() -> None:
    found = on_task(task(about(0.1, 0.03), about(0.05, 0.02), {"mean": 0.8, "cls": 0.85}), LIMITS)
    assert "model.pooling: cls" in found.remedy


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (shift(0.52, 0.03, 1.02, 0.03), "ALIGNED"),
        (shift(0.54, 0.08, 1.05, 0.10), "ALIGNED"),
        (shift(0.58, 0.05, 1.02, 0.03, p=0.01), "INCONCLUSIVE"),
        (shift(0.75, 0.03, 1.02, 0.03), "WATCH"),
        (shift(0.52, 0.03, 1.30, 0.05), "WATCH"),
        (shift(0.75, 0.03, 1.30, 0.05), "MISALIGNED"),
        (shift(0.75, 0.03, 1.30, 0.05, n=30), "INCONCLUSIVE"),
    ],
)
def test_shift(found: Shift, state: str) -> None:
    assert on_shift("shifted", found, LIMITS).state == state


@pytest.mark.parametrize(
    ("kept", "state"),
    [
        (about(0.95, 0.05), "ALIGNED"),
        (about(0.60, 0.05), "MISALIGNED"),
        (about(0.83, 0.05), "WATCH"),
        (about(0.88, 0.05), "INCONCLUSIVE"),
        (None, "INCONCLUSIVE"),
    ],
)
def test_retention(kept: Estimate | None, state: str) -> None:
    good = reading(about(0.99, 0.005), "other")
    readings = [reading(kept), good] if kept else [reading(None)]
    assert on_retention(Retention(readings, [1.0, 0.8], 100), LIMITS).state == state


def test_a_certain_loss_is_not_hidden_by_an_uncertain_one() -> None:
    readings = [reading(about(0.80, 0.2), "unsure"), reading(about(0.82, 0.02), "lost")]
    found = on_retention(Retention(readings, [1.0, 0.8], 100), LIMITS)
    assert found.state == "MISALIGNED"
    assert "“lost”" in found.evidence
    readings = [reading(about(0.95, 0.02), "least"), reading(about(0.96, 0.26), "unsure")]
    found = on_retention(Retention(readings, [1.0, 0.8], 100), LIMITS)
    assert found.state == "INCONCLUSIVE"
    assert "“unsure”" in found.evidence


@pytest.fixture
def alignment() -> Alignment:
    gaps = task(about(0.1, 0.03), about(0.05, 0.02))
    shifts = {"test": shift(0.52, 0.03, 1.02, 0.03), "shifted": shift(0.75, 0.03, 1.3, 0.05)}
    said = {"base": 183.0, "tuned": 502.0, "random": 9000.0}
    kept = Retention(
        [reading(about(0.6, 0.05)), reading(None, "<b>order</b>")],
        [1.0, 0.8],
        100,
        backward=about(-0.2, 0.02),
        language=Spoken("causal", said, {name: value / 400 for name, value in said.items()}, 100),
    )
    texts = {"test": ["a"], "shifted": ["<script>alert(1)</script> 你好"]}
    around = Surroundings(
        calibration=Calibration(0.05, 0.01, 0.03, 1.4, 0.02, 0.01, 0.03, 0.5, 0.4),
        reliability=[Band(0.6, 0.5, 250, 0.55, 0.65), Band(0.9, 0.9, 250, 0.87, 0.93)],
        robustness=[
            Change("upper case", about(0.02, 0.01), about(0.05, 0.02), 1.0),
            Change("own pairs: phone", None, about(0.05, 0.02), 1.0),
        ],
        out_of_scope=[Detection("energy", about(0.9, 0.02), about(0.4, 0.05))],
        slices=Slices([Slice("class: x", about(0.5, 0.1), remarkable=True)], 0.6),
        behaviour=[Behaviour("negation", about(0.7, 0.1), ["not <b>good</b>"])],
        unjudged=3,
        explanations=[Explanation("a text", 0, [("a", 0.5), ("text", -0.1)], 0.6, 0.1)],
        overfit={"accuracy": about(0.99, 0.01), "log_loss": about(0.1, 0.01)},
        validation={"accuracy": about(0.8, 0.01), "log_loss": about(0.9, 0.01)},
    )
    way = [Mixture(share, about(0.8, 0.01), about(0.4, 0.01)) for share in (0.0, 1.0)]
    verdicts = all_of(gaps, shifts, kept, LIMITS)
    words, sizes = Words(1.3, 1.1, 0.05, 900), Sizes(640, 4000, 58.0, capped=True)
    return Alignment(gaps, words, shifts, kept, way, 0.1, around, verdicts, texts, ["x", "y"], "packaged:m", sizes)


class Page(HTMLParser):
    """Collects tags and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert name not in {"src", "href"}, f"{tag} {name}={value} comes from elsewhere"

    def handle_data(self, data: str) -> None:
        self.said += data


def test_the_page_is_self_contained_and_says_every_verdict(alignment: Alignment) -> None:
    made = page.html(alignment, LIMITS)
    seen = Page()
    seen.feed(made)
    assert "script" not in seen.tags
    assert seen.tags.count("svg") >= 4
    for one in alignment.verdicts:
        assert one.state in seen.said
        assert one.evidence in seen.said
    assert "<script>alert(1)</script> 你好" in seen.said
    for figure in ("-0.200 (-0.220 to -0.180)", "502.0", "0.010 to 0.030", "1.30 pieces", "At most 640 records"):
        assert figure in seen.said, figure
    assert "3 records ask for a direction" in seen.said
    assert "smaller than asked for" in seen.said
    assert not re.search(r"nan|inf\b", seen.said)
    assert made == page.html(alignment, LIMITS)


def test_markdown_and_files_say_the_same(alignment: Alignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    publishing.write(alignment, AlignmentParams(), 4)
    said = (ALIGNMENT / "report.md").read_text(encoding="utf-8")
    assert said.count("**MISALIGNED**") == 2
    tables = [line for line in said.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)
    lines = (ALIGNMENT / "plots" / "retention.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "ability,kind,n,base,tuned,floor,retained,low,high"
    assert lines[2].endswith(",,,")
    assert alignment.scalars(4)["verdicts"]["retention"] == "MISALIGNED"
    publishing.write(None, AlignmentParams(), 4)
    assert "enabled" in (ALIGNMENT / "report.html").read_text(encoding="utf-8")


def test_scalars_are_flat_and_have_their_intervals_beside_them(alignment: Alignment) -> None:
    found = alignment.scalars(4)
    assert found["retention"]["backward_transfer_low"] == -0.22
    assert found["retention"]["mean"] == 0.6
    assert found["task"]["subwords_per_word"] == 1.3
    assert found["budget"] == {"records": 640, "probed": 4000, "counted_seconds": 58.0}
    assert found["robustness"]["own pairs: phone"] == {"flips": 0.05}
    assert found["overfitting"] == {"accuracy": 0.19, "log_loss": 0.8}, "what train has over validation"

    def leaves(value: object) -> list[object]:
        return [leaf for one in value.values() for leaf in leaves(one)] if isinstance(value, dict) else [value]

    assert all(isinstance(leaf, int | float | str) for leaf in leaves(found))


def test_references_are_text_or_labelled_sets(tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("one line\n\n第二行\n3\n4\n", encoding="utf-8")
    (tmp_path / "set.jsonl").write_text('{"text": "a", "intent": "x"}\n\n{"text": "b", "label": 3}\n', encoding="utf-8")
    (tmp_path / "table.csv").write_text("text,label\nhello,y\n", encoding="utf-8")
    (tmp_path / "pairs.csv").write_text("text_a,text_b,score\nhello,hi,4.5\n你好,再见,0\n", encoding="utf-8")
    (tmp_path / "own.jsonl").write_text('{"text": "你好", "text_b": "您好", "score": 5}\n', encoding="utf-8")
    (tmp_path / "nli.jsonl").write_text('{"text_a": "a cat", "text_b": "an animal", "label": "entails"}\n', "utf-8")
    (tmp_path / "names.jsonl").write_text('{"tokens": ["我", "在", "北京"], "tags": ["O", "O", "LOC"]}\n', "utf-8")
    (tmp_path / "phone.jsonl").write_text('{"text": "Where is it?", "changed": "wheres it", "label": "x"}\n', "utf-8")
    (tmp_path / "LICENCE").touch()
    found = references.read(tmp_path)
    assert found.relations == {"nli": (["a cat"], ["an animal"], ["entails"])}
    assert found.tagged == {"names": ([["我", "在", "北京"]], [["O", "O", "LOC"]])}
    assert found.changes == {"phone": (["Where is it?"], ["wheres it"], ["x"])}
    assert found.texts == {"news": ["one line", "第二行", "3", "4"]}
    assert found.probes == {"set": (["a", "b"], ["x", "3"]), "table": (["hello"], ["y"])}
    assert found.pairs == {
        "own": (["你好"], ["您好"], [5.0]),
        "pairs": (["hello", "你好"], ["hi", "再见"], [4.5, 0.0]),
    }
    assert references.read(tmp_path / "news.txt").probes == {}


def test_references_of_one_stem_stand_beside_each_other_and_long_fields_are_read(tmp_path: Path) -> None:
    long = "x" * 200_000
    (tmp_path / "set.jsonl").write_text('{"text": "a", "label": "x"}\n' * 4, encoding="utf-8")
    (tmp_path / "set.csv").write_text(f"text,label\n{long},y\n", encoding="utf-8")
    (tmp_path / "chat.txt").write_text("one\u2028message\nanother\x0cone\n", encoding="utf-8")
    found = references.read(tmp_path)
    assert found.probes == {"set.jsonl": (["a"] * 4, ["x"] * 4), "set.csv": ([long], ["y"])}
    assert found.texts == {"chat": ["one\u2028message", "another\x0cone"]}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", '{"text": "a"}\n{"label": "b"}', r"a\.jsonl:1: label[\s\S]*a\.jsonl:2: text"),
        ("a.csv", "text_a,text_b,score\na,b,many\n,b,1", r"a\.csv:2: score[\s\S]*a\.csv:3: text_a"),
        ("a.jsonl", '{"text_a": "a", "text_b": "b"}', r"a\.jsonl:1: text_a, text_b, label"),
        ("a.jsonl", '{"tokens": ["a"], "tags": ["O"]}\n{"tokens": ["a"], "tags": []}', r"a\.jsonl:2: tokens"),
        ("a.jsonl", '{"text": "a", "changed": "b"}\n{"text": "a"}', r"a\.jsonl:2: text, changed"),
        ("a.jsonl", "{", r"a\.jsonl:1: not JSON"),
        ("a.csv", 'text,label\n"a\nb",x\n"c,y\nd,z\n', r"a\.csv:4: the quoting is broken"),
        ("a.csv", "text,label\na,b\na,b,c\n", r"a\.csv:3: more fields"),
        ("a.csv", 'text,label\n"a\nb",x\nc,\n', r"a\.csv:4: label"),
        ("a.jsonl", "[1]", "expected an object"),
        ("a.txt", b"caf\xe9", "not UTF-8"),
        ("a.doc", "x", "holds no"),
    ],
)
def test_references_that_cannot_be_read_are_refused(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=says):
        references.read(tmp_path)
