"""The retrain drill: a repository, a remote and a registry shared by several clones, and what goes wrong among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drill import scenes, workshop
from tests.drill.scenes import Verdict
from tests.drill.workshop import Workshop

pytestmark = [pytest.mark.pipeline, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with workshop.opened(tmp_path_factory.mktemp("drill").resolve(), CHECKOUT) as opened:
        scenes.opening(opened)
        yield opened


@pytest.mark.parametrize("scene", scenes.SCENES, ids=lambda scene: scene.__name__)
def test_scene(place: Workshop, scene: Callable[[Workshop], Verdict]) -> None:
    verdict = scene(place)
    assert verdict.good, "\n".join([verdict.said, *verdict.output])
