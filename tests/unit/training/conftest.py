"""What tests of training share."""

from __future__ import annotations

from typing import Any

import pytest

from stages.training import layer_passes, layers


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each time that a layer ran as one node."""
    return _counted(monkeypatch, layers.Layer, "forward")


@pytest.fixture
def read_at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each time that a layer was read without anything kept."""
    return _counted(monkeypatch, layer_passes, "read")


def _counted(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> list[int]:
    seen: list[int] = []
    own = getattr(where, name)

    def counted(*arguments: Any) -> Any:
        seen.append(1)
        return own(*arguments)

    monkeypatch.setattr(where, name, staticmethod(counted))
    return seen
