"""Which figures people compare, with which digits; what is missing is left out and not invented."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stages.analysis import summary
from stages.analysis.comparison import Comparison
from stages.metrics.intervals import Estimate
from stages.tasks.classification import FIGURES

HEADLINE = {
    "accuracy": Estimate(0.87654, 0.81234, 0.92345, 200),
    "balanced_accuracy": Estimate(0.86, 0.8, 0.9, 200),
    "macro_f1": Estimate(0.85555, 0.79999, 0.90001, 200),
    "micro_f1": Estimate(0.87654, 0.81234, 0.92345, 200),
    "log_loss": Estimate(0.54321, 0.4, 0.6, 200),
    "ece": Estimate(0.04567, None, None, 200),
}
COMPARISON = Comparison(
    scores={
        "majority": {"accuracy": Estimate(0.1, 0.05, 0.15, 200), "macro_f1": Estimate(0.01, 0.0, 0.02, 200)},
        "tfidf": {"accuracy": Estimate(0.8, 0.74, 0.85, 200), "macro_f1": Estimate(0.7777, 0.7, 0.8, 200)},
    },
    gain=Estimate(0.07654, 0.0123, 0.1345, 200),
    tests={"mcnemar_p": 0.000123456789},
    right=np.ones(200, dtype=bool),
)


def test_test_shows_all_figures_but_the_one_that_is_accuracy_again() -> None:
    assert summary.scalars({"test": HEADLINE}, {}, 3, FIGURES)["test"] == {
        "n": 200,
        "accuracy": 0.877,
        "accuracy_low": 0.812,
        "accuracy_high": 0.923,
        "balanced_accuracy": 0.86,
        "macro_f1": 0.856,
        "macro_f1_low": 0.8,
        "macro_f1_high": 0.9,
        "log_loss": 0.543,
        "ece": 0.046,
    }


def test_shifted_shows_fewer_figures() -> None:
    found = summary.scalars({"test": HEADLINE, "shifted": HEADLINE}, {}, 4, FIGURES)
    assert set(found["test"]) - set(found["shifted"]) == {"balanced_accuracy"}
    assert found["shifted"]["log_loss"] == 0.5432


def test_baselines_and_the_gain_over_them_are_those_of_test() -> None:
    found = summary.scalars({"test": HEADLINE}, {"test": COMPARISON}, 2, FIGURES)
    assert found["baselines"] == {
        "majority": {"accuracy": 0.1},
        "tfidf": {"accuracy": 0.8, "accuracy_low": 0.74, "accuracy_high": 0.85, "macro_f1": 0.78},
    }
    assert found["gain_over_tfidf"] == {"accuracy": 0.08, "accuracy_low": 0.01, "accuracy_high": 0.13}


@pytest.mark.parametrize("baselines", [{}, {"shifted": COMPARISON}], ids=["none", "of another split"])
def test_without_baselines_of_test_there_is_no_gain(baselines: dict[str, Comparison]) -> None:
    assert set(summary.scalars({"test": HEADLINE}, baselines, 4, FIGURES)) == {"test"}


def test_details_keep_every_estimate_with_its_interval_and_the_tables() -> None:
    tables = {"per_class": [{"label": "退货", "f1": 0.123456, "support": 7}], "nested": {"share": 1 / 3, "none": None}}
    found = summary.details(
        {"test": HEADLINE, "shifted": HEADLINE}, {"test": COMPARISON}, {"test": tables, "shifted": {}}, 3
    )
    assert set(found["test"]["estimates"]) == set(HEADLINE)
    assert found["test"]["estimates"]["accuracy"] == {"value": 0.877, "low": 0.812, "high": 0.923, "n": 200}
    assert found["test"]["estimates"]["ece"] == {"value": 0.046, "low": None, "high": None, "n": 200}
    assert found["test"]["per_class"] == [{"label": "退货", "f1": 0.123, "support": 7}]
    assert found["test"]["nested"] == {"share": 0.333, "none": None}
    assert found["test"]["baselines"]["majority"]["accuracy"] == {"value": 0.1, "low": 0.05, "high": 0.15, "n": 200}
    assert found["test"]["gain_over_tfidf"]["value"] == 0.077
    assert set(found["shifted"]) == {"estimates"}
    json.dumps(found, allow_nan=False)


def test_a_small_p_keeps_more_digits_than_the_rest() -> None:
    found = summary.details({"test": HEADLINE}, {"test": COMPARISON}, {"test": {}}, 2)
    assert found["test"]["gain_over_tfidf"]["mcnemar_p"] == 0.000123


def test_whole_numbers_and_booleans_stay_what_they_are() -> None:
    more = {"test": {"count": 3, "right": True, "name": "0.123456"}}
    found = summary.details({"test": {}}, {}, more, 2)["test"]
    assert (found["count"], found["right"], found["name"]) == (3, True, "0.123456")
    assert [type(found[key]) for key in ("count", "right")] == [int, bool]


def test_the_result_in_words() -> None:
    assert list(summary.lines({"test": HEADLINE, "shifted": HEADLINE}, {"test": COMPARISON}, FIGURES)) == [
        "test: accuracy 0.877 (0.812 to 0.923), macro F1 0.856 (0.800 to 0.900)",
        "  majority 0.100, TF-IDF 0.800 (0.740 to 0.850), gain over it 0.077 (0.012 to 0.135)",
        "shifted: accuracy 0.877 (0.812 to 0.923), macro F1 0.856 (0.800 to 0.900)",
    ]


def test_a_figure_without_an_interval_is_shown_bare() -> None:
    assert summary.shown(HEADLINE["ece"]) == "0.046"
