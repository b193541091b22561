"""Known answers with the packaged model: what is damaged on purpose is read as damaged, more for more damage."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.alignment import abilities, readers, retention
from stages.alignment.readers import Reader
from stages.encoding import base_model, tokenizer
from stages.metrics import two_sample
from stages.metrics.intervals import Bootstrap
from stages.params.model import ModelParams
from stages.training import assembly

pytestmark = pytest.mark.slow
BOOTSTRAP = Bootstrap(300, 0.95, 1)


@pytest.fixture(scope="module")
def base() -> Reader:
    params = ModelParams()
    folder = base_model.locate(params)
    encoder = assembly.load_encoder(folder, params, torch.device("cpu")).eval()
    return Reader(encoder, tokenizer.load(folder), "mean", 64, 0)


@pytest.fixture(scope="module")
def general(project: Path) -> list[str]:
    return (project / "data/raw/helpdesk/general.txt").read_text(encoding="utf-8").splitlines()


def damaged(base: Reader, random: Reader, layers: int) -> Reader:
    """The base model with its last layers replaced by untrained ones."""
    encoder = copy.deepcopy(base.encoder)
    for i in range(1, layers + 1):
        encoder.encoder.layer[-i].load_state_dict(random.encoder.encoder.layer[-i].state_dict())  # type: ignore[union-attr, index]
    return Reader(encoder, base.words, base.pooling, base.max_length, base.pad_id)


def test_retention_falls_with_the_number_of_layers_that_lost_their_weights(base: Reader, general: list[str]) -> None:
    random = readers.of_random(base, 1)
    asked = abilities.of_text("general", general, 1)[:1]
    kept = []
    for layers in (0, 1, 3, 6):
        found = retention.measure(base, damaged(base, random, layers), random, asked, general[:200], BOOTSTRAP)
        one = found.readings[0].retained
        assert one is not None
        kept.append(one.value)
        if layers == 0:
            assert one.low is not None
            assert one.high is not None
            assert one.low <= 1 <= one.high
            assert found.cka[-1] == pytest.approx(1, abs=1e-6)
    assert kept == sorted(kept, reverse=True)
    assert kept[0] == pytest.approx(1)
    assert kept[-1] < 0.5


def test_foreign_messages_are_seen_in_proportion(base: Reader, general: list[str], project: Path) -> None:
    lines = (project / "data/raw/helpdesk/train.jsonl").read_text(encoding="utf-8").splitlines()
    own = [json.loads(line)["text"] for line in lines]
    train, rest, other = base.vectors(own[:300]), base.vectors(own[300:500]), base.vectors(general[:100])
    usual = two_sample.nearest_distances(rest, train, 5).mean()
    ratios = []
    for share in (0.0, 0.05, 0.2, 0.5):
        count = int(200 * share)
        split = np.concatenate([rest[: 200 - count], other[:count]])
        ratios.append(two_sample.nearest_distances(split, train, 5).mean() / usual)
    assert ratios == sorted(ratios)
    assert ratios[0] == pytest.approx(1)
    assert ratios[-1] > 1.05
