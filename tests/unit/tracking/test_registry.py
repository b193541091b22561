"""The registry on a database file and on a real server: moves, refusals, kills between moves, and races."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stages.params.tracking import TrackingParams
from stages.tracking import exclusion
from stages.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    INTENT,
    PREVIOUS,
    RefusedError,
    Registry,
    RegistryError,
    Version,
)
from tests import postgres_server
from tests.mlflow_server import serving

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """On PostgreSQL where it is installed, as teams run it; else on an sqlite file."""
    with ExitStack() as running:
        store = running.enter_context(postgres_server.database()) if postgres_server.available() else None
        yield running.enter_context(serving(tmp_path_factory.mktemp("server"), store))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone on its model, a test needs no long wait; the race runs in processes of its own, which keep the real one."""
    monkeypatch.setattr(exclusion, "WAIT", 0.02)


@pytest.fixture(params=["file", "server"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> TrackingParams:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}" if request.param == "file" else request.getfixturevalue("server")
    return TrackingParams(uri=uri, registered_model=tmp_path.name)


def version(i: int, accuracy: float = 0.5) -> Version:
    return Version("", f"{i:040x}", f"{i:032x}.dir", "test-hash", {"test.accuracy": accuracy, "test.n": 300.0})


def held(registry: Registry) -> dict[str, str]:
    return registry._aliases()


def test_a_model_goes_from_challenger_to_champion_and_back(settings: TrackingParams) -> None:
    registry = Registry(settings)
    assert registry.holder(CHAMPION) is None
    first, new = registry.register(version(1, 0.7))
    assert (first.number, new, first.aliases) == ("1", True, (CHALLENGER,))
    assert registry.promote("1", "none") is not None
    assert held(registry) == {CHAMPION: "1"}
    registry.register(version(2, 0.8))
    assert held(registry) == {CHAMPION: "1", CHALLENGER: "2"}
    done = registry.promote("2", "1")
    assert done is not None
    assert (done[0].number, done[1].number if done[1] else None) == ("2", "1")
    assert held(registry) == {CHAMPION: "2", PREVIOUS: "1"}
    champion = registry.holder(CHAMPION)
    assert champion is not None
    assert champion.metrics == {"test.accuracy": 0.8, "test.n": 300.0}
    assert (champion.commit, champion.release, champion.test) == (version(2).commit, version(2).release, "test-hash")
    now, before = registry.rollback()
    assert (now.number, before.number) == ("1", "2")
    assert held(registry) == {CHAMPION: "1", CHALLENGER: "2"}
    with pytest.raises(RefusedError, match="no previous champion"):
        registry.rollback()


def test_doing_it_twice_changes_nothing(settings: TrackingParams) -> None:
    registry = Registry(settings)
    assert [registry.register(version(1)) for _ in range(2)] == [
        (Version("1", *_facts(1), (CHALLENGER,)), True),
        (Version("1", *_facts(1), (CHALLENGER,)), False),
    ]
    assert registry.promote("1", "none") is not None
    assert registry.promote("1", "none") is None
    assert registry.register(version(1))[0].aliases == (CHAMPION,)
    assert held(registry) == {CHAMPION: "1"}


def _facts(i: int) -> tuple[str, str, str, dict[str, float]]:
    one = version(i)
    return one.commit, one.release, one.test, one.metrics


def test_a_champion_that_is_not_the_expected_one_stays(settings: TrackingParams) -> None:
    registry = Registry(settings)
    for i in (1, 2, 3):
        registry.register(version(i))
    registry.promote("1", None)
    registry.promote("2", "1")
    with pytest.raises(RefusedError, match=r"the champion is version 2 .* not version 1") as refused:
        registry.promote("3", "1")
    assert refused.value.exit_code == 1
    assert held(registry) == {CHAMPION: "2", PREVIOUS: "1", CHALLENGER: "3"}


@pytest.mark.parametrize("survived", [0, 1, 2])
def test_a_kill_between_two_moves_is_finished_by_whoever_comes_next(settings: TrackingParams, survived: int) -> None:
    registry = Registry(settings)
    registry.register(version(1))
    registry.promote("1", None)
    registry.register(version(2))
    moved = 0
    original = {
        name: getattr(registry.mlflow, name) for name in ("set_registered_model_alias", "delete_registered_model_alias")
    }

    def move(name: str, *words: Any) -> Any:
        nonlocal moved
        if moved == survived:
            raise KeyboardInterrupt
        moved += 1
        return original[name](*words)

    for name in original:
        setattr(registry.mlflow, name, lambda *words, name=name: move(name, *words))
    with pytest.raises(KeyboardInterrupt):
        registry.promote("2", "1")
    assert INTENT in registry.mlflow.get_registered_model(registry.name).tags
    again = Registry(settings)
    assert again.promote("2", "1") is None
    assert held(again) == {CHAMPION: "2", PREVIOUS: "1"}
    assert INTENT not in again.mlflow.get_registered_model(again.name).tags


def _promote(settings: TrackingParams, number: str, gate: Any, told: Any) -> None:
    registry = Registry(settings)
    gate.wait(60)
    try:
        registry.promote(number, "1")
        told.put((number, "won"))
    except RefusedError as error:
        told.put((number, str(error)))


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told_who(settings: TrackingParams) -> None:
    registry = Registry(settings)
    for i in (1, 2, 3):
        registry.register(version(i))
    registry.promote("1", None)
    context = multiprocessing.get_context("spawn")
    gate, told = context.Barrier(2), context.Queue()
    racers = [context.Process(target=_promote, args=(settings, number, gate, told)) for number in ("2", "3")]
    for racer in racers:
        racer.start()
    said = dict(told.get(timeout=120) for _ in racers)
    for racer in racers:
        racer.join(60)
    (winner,) = [number for number, outcome in said.items() if outcome == "won"]
    (loser,) = set(said) - {winner}
    assert f"the champion is version {winner} " in said[loser]
    assert held(registry)[CHAMPION] == winner
    assert held(registry)[PREVIOUS] == "1"


def test_a_name_that_its_owner_left_behind_is_taken_over(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusion, "STALE", 0.5)
    registry = Registry(TrackingParams(uri=server, registered_model="left-behind"))
    registry.register(version(1))
    registry.mlflow.set_registered_model_tag("left-behind", exclusion.TAG, "somebody who is gone")
    assert registry.promote("1", "none") is not None
    assert exclusion.TAG not in registry.mlflow.get_registered_model("left-behind").tags


def test_who_writes_a_name_a_moment_too_late_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.exceptions import MlflowException

    monkeypatch.setattr(exclusion, "WAIT", 0.0)
    monkeypatch.setattr(exclusion, "POLL", 0.0)

    class Contested:
        """Another one's name arrives between looking and writing, and is gone after three looks."""

        def __init__(self) -> None:
            self.tags: dict[str, str] = {}
            self.asked = self.refused = 0

        def get_registered_model(self, _: str) -> Contested:
            self.asked += 1
            if self.refused and self.asked == 4:
                self.tags = {}
            return self

        def set_registered_model_tag(self, _: str, key: str, value: str) -> None:
            if not self.refused:
                self.refused, self.tags = 1, {key: "another"}
                raise MlflowException(
                    "(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint"
                )
            self.tags[key] = value

        def delete_registered_model_tag(self, _: str, key: str) -> None:
            del self.tags[key]

    client = Contested()
    with exclusion.alone(client, "model", "http://server"):
        assert client.refused == 1
        assert client.tags[exclusion.TAG] != "another"
    assert client.tags == {}


def test_who_finds_it_busy_all_the_time_gives_up(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusion, "PATIENCE", 0.5)
    registry = Registry(TrackingParams(uri=server, registered_model="busy"))
    registry.mlflow.create_registered_model("busy")
    registry.mlflow.set_registered_model_tag("busy", exclusion.TAG, "somebody at work")
    with pytest.raises(exclusion.BusyError, match="busy"):
        registry.register(version(1))


def test_a_server_that_does_not_answer_is_one_message() -> None:
    registry = Registry(TrackingParams(uri="http://127.0.0.1:9", registered_model="nobody"))
    with pytest.raises(RegistryError, match=r"http://127\.0\.0\.1:9 does not answer") as failed:
        registry.holder(CHAMPION)
    assert failed.value.exit_code == 2
