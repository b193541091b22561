"""The reliability diagram beside what chance alone would draw; the temperature mends what it can."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from stages.analysis import calibrating
from stages.metrics import calibration

LABELS = ["a", "b", "c"]


def predictions(n: int, seed: int, sharpness: float = 1.0) -> pa.Table:
    """A model whose probabilities are right, or too sure by a factor of its logits."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, size=(n, 3))
    true = calibration.rescaled(logits, 1.0)
    gold = (true.cumsum(axis=1) > generator.random((n, 1))).argmax(axis=1)
    said = calibration.rescaled(logits, 1 / sharpness)
    return pa.table({"gold": [LABELS[i] for i in gold], "probabilities": said.tolist()})


def test_bins_of_a_calibrated_model_lie_in_their_bands_and_those_of_a_sure_one_below() -> None:
    calibrated = calibrating.bands(predictions(3000, 1), LABELS, 10, 0)
    assert sum(one.count for one in calibrated) == 3000
    assert sum(one.low <= one.accuracy <= one.high for one in calibrated) >= 8
    sure = calibrating.bands(predictions(3000, 1, sharpness=3.0), LABELS, 10, 0)
    assert sum(one.accuracy < one.low for one in sure) >= 7
    few = calibrating.bands(predictions(4, 2), LABELS, 10, 0)
    assert [one.count for one in few] == [1] * 4


def test_the_temperature_of_validation_mends_test_back_into_the_band() -> None:
    found = calibrating.measure(predictions(3000, 3, 3.0), predictions(3000, 4, 3.0), LABELS, 10, 0)
    assert found.temperature == pytest.approx(3.0, rel=0.1)
    assert found.ece > found.ece_null_high
    assert found.ece_calibrated <= found.ece_calibrated_null_high
    assert found.log_loss_calibrated < found.log_loss
