"""Retention has known answers: all kept is 1, all forgotten is 0, and its interval holds what it says."""

from __future__ import annotations

import numpy as np
import pytest

from stages.alignment import abilities, retention
from stages.alignment.abilities import Ability
from stages.alignment.retention import Retention
from stages.metrics.intervals import Bootstrap
from tests.unit.alignment.readers_made_up import MadeUp

BOOTSTRAP = Bootstrap(400, 0.95, 1)


def credit(base: float, tuned: float, floor: float, n: int, seed: int = 0) -> np.ndarray:
    """Correct or not, of three models whose successes are as correlated as those of real ones."""
    level = np.random.default_rng(seed).random(n)
    own = np.random.default_rng(seed + 1).random((3, n))
    return np.where(own < 0.5, level, np.random.default_rng(seed + 2).random((3, n))) < np.array(
        [[base], [tuned], [floor]]
    )


def test_a_model_against_itself_keeps_everything() -> None:
    rows = credit(0.8, 0.8, 0.1, 500).astype(float)
    rows[1] = rows[0]
    found = retention.reading("x", rows, BOOTSTRAP, access=True)
    assert found.retained is not None
    assert (found.retained.value, found.retained.low, found.retained.high) == (1.0, 1.0, 1.0)
    assert found.change.value == 0.0


def test_chance_is_taken_off() -> None:
    rows = credit(0.9, 0.5, 0.5, 20_000).astype(float)
    found = retention.reading("x", rows, BOOTSTRAP, access=True)
    assert found.retained is not None
    assert abs(found.retained.value) < 0.05
    assert found.tuned.value / found.base.value > 0.5


def test_what_the_base_model_did_not_know_is_uninformative() -> None:
    assert retention.reading("x", credit(0.52, 0.4, 0.5, 200).astype(float), BOOTSTRAP, access=False).retained is None


@pytest.mark.parametrize(("n", "draws"), [(300, 600), (1000, 600), (3000, 300)])
def test_the_interval_holds_what_it_says(n: int, draws: int) -> None:
    true = (0.6 - 0.1) / (0.8 - 0.1)
    covered = 0
    for draw in range(draws):
        one = retention.reading("x", credit(0.8, 0.6, 0.1, n, 10 * draw).astype(float), BOOTSTRAP, access=True).retained
        assert one is not None
        assert one.low is not None
        assert one.high is not None
        covered += one.low <= true <= one.high
    # 95 % of so many draws, give or take three standard errors.
    assert abs(covered / draws - 0.95) < 3 * (0.95 * 0.05 / draws) ** 0.5


def test_the_worst_is_named_and_layers_are_compared() -> None:
    def right(reader: object) -> np.ndarray:
        vectors = reader.vectors([f"word{i} common" for i in range(200)])  # type: ignore[attr-defined]
        return (vectors @ vectors.mean(axis=0)) > np.quantile(vectors @ vectors.mean(axis=0), 0.1)

    texts = [f"a sentence about word{i} and word{i * 7 % 31}" for i in range(60)]
    found = retention.measure(
        MadeUp(), MadeUp(forgets=0.7), MadeUp(forgets=1.0), [Ability("a", right, 200)], texts, BOOTSTRAP
    )
    assert len(found.cka) == 2
    assert found.by_layer == {}
    assert found.cka[0] == pytest.approx(1.0)
    assert found.cka[1] < 0.99
    readings = [
        retention.reading(name, credit(0.9, kept, 0.1, 400).astype(float), BOOTSTRAP, access=True)
        for name, kept in (("good", 0.85), ("bad", 0.3))
    ]
    worst = Retention(readings, [1.0], 4).worst
    assert worst is not None
    assert worst.ability == "bad"
    assert Retention([], [1.0], 4).worst is None
    assert worst.details(3)["kind"] == "access"


def test_probes_find_on_each_layer_what_is_there() -> None:
    sentences = [f"the word{i % 24} of number{i}" for i in range(600)]
    asked = [one for one in abilities.of_text("made up", sentences, 0) if one.layers is not None]
    found = retention.measure(MadeUp(), MadeUp(forgets=1.0), MadeUp(forgets=1.0, seed=3), asked, sentences, BOOTSTRAP)
    assert set(found.by_layer) == {one.name for one in asked}
    content = next(name for name in found.by_layer if name.endswith("word content"))
    before, after = found.by_layer[content]
    assert len(before) == len(after) == 2
    # The made-up reader's first layer is noise for everybody; its last one holds words until it forgets.
    assert before[1] > before[0] + 0.2
    assert before[1] > after[1] + 0.2


def test_backward_transfer_is_the_mean_change_with_its_interval() -> None:
    one, other = credit(0.8, 0.6, 0.1, 500).astype(float), credit(0.7, 0.6, 0.1, 300, seed=50).astype(float)
    found = retention.backward_transfer([one, other], BOOTSTRAP)
    assert found is not None
    changes = [rows[1].mean() - rows[0].mean() for rows in (one, other)]
    assert found.value == pytest.approx(np.mean(changes))
    # Abilities on different records are independent: variances add up.
    spread = np.sqrt(sum((rows[1] - rows[0]).var() / rows.shape[1] for rows in (one, other))) / 2
    assert found.low == pytest.approx(found.value - 1.96 * spread, abs=0.006)
    assert found.high == pytest.approx(found.value + 1.96 * spread, abs=0.006)
    assert retention.backward_transfer([], BOOTSTRAP) is None


def test_the_mean_share_hides_what_the_worst_one_shows() -> None:
    readings = [
        retention.reading(name, credit(0.9, kept, 0.1, 400).astype(float), BOOTSTRAP, access=True)
        for name, kept in (("good", 0.9), ("bad", 0.3))
    ]
    found = Retention(readings, [1.0], 4)
    assert found.mean is not None
    assert found.worst is not None
    assert found.worst.retained is not None
    assert found.mean > found.worst.retained.value + 0.2
    assert Retention([], [1.0], 4).mean is None
