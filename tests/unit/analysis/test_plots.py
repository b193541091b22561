"""Pictures have the same bytes for the same data, whatever the labels are, and the tables beside them hold the numbers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.axes import Axes

from stages import artifacts
from stages.analysis.plots import canvas, confusion_matrix, learning_curves, per_class, pictures, reliability
from stages.metrics import classification
from stages.metrics.intervals import Bootstrap
from stages.tasks.protocol import Scores

PLAIN = ["billing", "delivery", "returns"]
STRANGE = ["退货 $5 and $6", "🙂 _x^{2}$", "a\nb\\%s " + "long " * 20]
CURVES = (
    "step,epoch,train_loss,validation_loss,validation_accuracy,validation_macro_f1\n"
    "5,0.5,1.5,1.25,0.5,0.25\n10,1,0.5,0.75,0.75,0.625\n"
)
BINS = [
    {"low": 0.31234567, "high": 0.5, "count": 11, "confidence": 0.4123456, "accuracy": 0.454545},
    {"low": 0.5, "high": 0.98, "count": 10, "confidence": 0.75, "accuracy": 0.8},
]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows(labels: Sequence[str], f1: Sequence[float], support: Sequence[int]) -> list[dict[str, Any]]:
    return [
        {"label": label, "f1": value, "precision": 1 / 3, "recall": 0.5, "support": n, "predicted": 4}
        for label, value, n in zip(labels, f1, support, strict=True)
    ]


def table_of(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def size_of(file: Path) -> tuple[int, int]:
    """Width and height in pixels, as a PNG's header says."""
    raw = file.read_bytes()
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(raw[16:20], "big"), int.from_bytes(raw[20:24], "big")


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The names that the axes were given while drawing."""
    seen: dict[str, list[str]] = {}

    def watch(name: str) -> Callable[..., Any]:
        original = getattr(Axes, name)

        def watched(self: Axes, places: Sequence[float], labels: Sequence[str] | None = None, **more: Any) -> Any:
            seen[name] = list(labels or [])
            return original(self, places, labels, **more)

        return watched

    for name in ("set_xticks", "set_yticks"):
        monkeypatch.setattr(Axes, name, watch(name))
    return seen


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float, str, str]]:
    """Column, row, text and colour of what was written into the axes while drawing."""
    seen: list[tuple[float, float, str, str]] = []
    original = Axes.text

    def watched(self: Axes, x: float, y: float, s: str, **more: Any) -> Any:
        seen.append((int(x), int(y), s, more["color"]))
        return original(self, x, y, s, **more)

    monkeypatch.setattr(Axes, "text", watched)
    return seen


@pytest.fixture
def titles(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Title and name of the horizontal axis of everything drawn."""
    seen: list[tuple[str, str]] = []
    original = canvas.bare

    def watched(axes: Axes, title: str, x: str, y: str) -> None:
        seen.append((title, x))
        original(axes, title, x, y)

    monkeypatch.setattr(canvas, "bare", watched)
    return seen


def draw_confusion(labels: list[str], file: Path) -> None:
    size = len(labels)
    confusion_matrix.draw(np.arange(size * size).reshape(size, size), labels, file)


def draw_classes(labels: list[str], file: Path) -> None:
    per_class.draw(rows(labels, np.linspace(0, 1, len(labels)).tolist(), [3] * len(labels)), file)


@pytest.mark.parametrize("labels", [PLAIN, STRANGE, ["only"]], ids=["plain", "strange", "one"])
@pytest.mark.parametrize("draw", [draw_confusion, draw_classes])
def test_drawing_twice_gives_the_same_bytes(draw: Callable[[list[str], Path], None], labels: list[str]) -> None:
    files = [Path("one/a.png"), Path("two/a.png")]
    for file in files:
        draw(labels, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert min(size_of(files[0])) > 100


def test_pictures_name_neither_a_date_nor_a_program() -> None:
    draw_confusion(PLAIN, Path("a.png"))
    raw = Path("a.png").read_bytes()
    assert b"Software" not in raw
    assert b"tEXt" not in raw


def test_other_numbers_give_another_picture() -> None:
    draw_confusion(PLAIN, Path("a.png"))
    confusion_matrix.draw(np.eye(3, dtype=int), PLAIN, Path("b.png"))
    assert Path("a.png").read_bytes() != Path("b.png").read_bytes()


def test_labels_in_chinese_reach_no_font() -> None:
    """They are drawn as their codes would be, so that it does not matter which fonts a machine has."""
    confusion_matrix.draw(np.eye(2, dtype=int), ["退货", "b"], Path("a.png"))
    confusion_matrix.draw(np.eye(2, dtype=int), [r"\u9000\u8d27", "b"], Path("b.png"))
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("card arrival", "card arrival"),
        ("Größe", "Größe"),
        ("возврат", "возврат"),
        ("退货", r"\u9000\u8d27"),
        ("🙂", r"\u1f642"),
        ("a\nb", r"a\u000ab"),
        ("$x$", r"\$x\$"),
        ("a" * 33, "a" * 31 + "…"),
        ("a" * 32, "a" * 32),
        ("$" * 33, r"\$" * 31 + "…"),
    ],
)
def test_labels_are_spelt_so_that_every_machine_draws_them(label: str, shown: str) -> None:
    assert canvas.drawable(label) == shown


def test_a_label_may_be_cut_shorter() -> None:
    assert canvas.drawable("abcdefgh", longest=4) == "abc…"


def test_a_confusion_matrix_names_rows_and_columns_and_counts_what_occurred(
    ticks: dict[str, list[str]], written: list[tuple[int, int, str, str]]
) -> None:
    confusion_matrix.draw(np.array([[9, 1, 0], [0, 0, 0], [5, 0, 5]]), PLAIN, Path("a.png"))
    assert ticks == {"set_xticks": PLAIN, "set_yticks": PLAIN}
    assert written == [
        (0, 0, "9", "white"),
        (1, 0, "1", "black"),
        (0, 2, "5", "black"),
        (2, 2, "5", "black"),
    ]


@pytest.mark.parametrize(
    ("size", "named", "numbered"), [(30, True, True), (31, True, False), (90, True, False), (91, False, False)]
)
def test_large_confusion_matrices_drop_numbers_then_names(
    size: int,
    named: bool,
    numbered: bool,
    ticks: dict[str, list[str]],
    written: list[tuple[int, int, str, str]],
) -> None:
    confusion_matrix.draw(np.eye(size, dtype=int), [f"class {i}" for i in range(size)], Path("a.png"))
    assert bool(ticks) == named
    assert bool(written) == numbered
    assert max(size_of(Path("a.png"))) < 2000


def test_classes_are_drawn_worst_first_and_without_those_that_do_not_occur(ticks: dict[str, list[str]]) -> None:
    per_class.draw(rows(["c", "absent", "b", "a"], [0.5, 0.0, 0.5, 0.9], [3, 0, 4, 5]), Path("a.png"))
    assert ticks["set_yticks"] == ["b (4)", "c (3)", "a (5)"]


def test_of_many_classes_the_worst_are_drawn(ticks: dict[str, list[str]], titles: list[tuple[str, str]]) -> None:
    many = rows([f"{i:03}" for i in range(95)], [1 - i / 100 for i in range(95)], [2] * 95)
    per_class.draw(many, Path("a.png"))
    assert ticks["set_yticks"] == [f"{i:03} (2)" for i in range(94, 54, -1)]
    per_class.draw(many[:40], Path("b.png"))
    assert [title for title, _ in titles] == [
        "F1 of the 40 worst of 95 classes (test records)",
        "F1 by class (test records)",
    ]


def test_no_class_at_all_is_still_a_picture() -> None:
    per_class.draw(rows(["a"], [0.0], [0]), Path("a.png"))
    assert min(size_of(Path("a.png"))) > 100


def test_the_table_of_classes_holds_all_of_them_in_their_order() -> None:
    per_class.write(rows(["退货, $", "absent"], [0.123456, 0.0], [3, 0]), Path("new/a.csv"))
    assert table_of(Path("new/a.csv")) == [
        ["label", "f1", "precision", "recall", "support"],
        ["退货, $", "0.1235", "0.3333", "0.5", "3"],
        ["absent", "0.0", "0.3333", "0.5", "0"],
    ]
    assert b"\r" not in Path("new/a.csv").read_bytes()


def test_a_reliability_diagram_says_how_many_records_a_bin_holds(titles: list[tuple[str, str]]) -> None:
    reliability.draw(BINS, 0.0456, Path("a.png"))
    reliability.draw(BINS[:1], 0.1, Path("b.png"))
    assert titles == [
        ("reliability, ECE 0.046", "confidence (2 bins of 10 to 11 records)"),
        ("reliability, ECE 0.100", "confidence (1 bins of 11 records)"),
    ]
    reliability.draw(BINS, 0.0456, Path("c.png"))
    assert Path("a.png").read_bytes() == Path("c.png").read_bytes()


def test_the_table_of_bins_is_rounded() -> None:
    reliability.write(BINS, Path("a.csv"))
    assert table_of(Path("a.csv")) == [
        ["confidence", "accuracy", "count", "low", "high"],
        ["0.4123", "0.4545", "11", "0.3123", "0.5"],
        ["0.75", "0.8", "10", "0.5", "0.98"],
    ]


def test_learning_curves_show_both_losses_and_each_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: dict[str, list[tuple[float, float]]] = {}
    original = Axes.plot

    def watched(self: Axes, x: Sequence[float], y: Sequence[float], *words: Any, **more: Any) -> Any:
        lines[more["label"]] = list(zip(x, y, strict=True))
        return original(self, x, y, *words, **more)

    monkeypatch.setattr(Axes, "plot", watched)
    Path("curves.csv").write_text(CURVES, encoding="utf-8")
    learning_curves.draw(Path("curves.csv"), Path("a.png"))
    assert lines == {
        "train": [(0.5, 1.5), (1.0, 0.5)],
        "validation": [(0.5, 1.25), (1.0, 0.75)],
        "accuracy": [(0.5, 0.5), (1.0, 0.75)],
        "macro f1": [(0.5, 0.25), (1.0, 0.625)],
    }
    learning_curves.draw(Path("curves.csv"), Path("b.png"))
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_all_pictures_and_tables_of_a_split_lie_where_dvc_looks_for_them() -> None:
    labels = ["billing", "never", "退货 $"]
    gold, predicted = np.array([0, 0, 2, 2, 2]), np.array([0, 2, 2, 2, 0])
    probabilities = np.full((5, 3), 0.2)
    probabilities[np.arange(5), predicted] = 0.6
    said = pa.table(
        {
            "id": [f"r{i}" for i in range(5)],
            "gold": [labels[i] for i in gold],
            "predicted": [labels[i] for i in predicted],
            "probabilities": probabilities.tolist(),
        }
    )
    scores = Scores(
        *classification.evaluate(gold, predicted, probabilities, labels, Bootstrap(50, 0.95, 1), top_k=2, bins=2)
    )
    artifacts.CURVES.parent.mkdir(parents=True)
    artifacts.CURVES.write_text(CURVES, encoding="utf-8")
    before = None
    for _ in range(2):
        pictures.draw_all(said, scores, labels)
        digest = artifacts.tree_sha256(artifacts.plot(""))
        assert before in (None, digest)
        before = digest
    assert {file.name for file in artifacts.plot("").iterdir()} == {
        *("confusion.png", "reliability.png", "per_class_f1.png", "learning_curves.png"),
        *("confusion.csv", "reliability.csv", "per_class_f1.csv"),
    }
    pairs = table_of(artifacts.plot("confusion.csv"))
    assert pairs == [["gold", "predicted"], *([labels[g], labels[p]] for g, p in zip(gold, predicted, strict=True))]
    assert table_of(artifacts.plot("per_class_f1.csv"))[2] == ["never", "0.0", "0.0", "0.0", "0"]
    bins = table_of(artifacts.plot("reliability.csv"))[1:]
    assert sum(int(row[2]) for row in bins) == 5
    assert sum(int(row[2]) * float(row[1]) for row in bins) == pytest.approx(3, abs=1e-3)
