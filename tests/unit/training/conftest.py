"""What tests of training share."""

from __future__ import annotations

from typing import Any

import pytest

from stages.training import layer_passes


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each time that a layer ran as one node."""
    seen: list[int] = []
    own = layer_passes.forward

    def counted(*arguments: Any) -> Any:
        seen.append(1)
        return own(*arguments)

    monkeypatch.setattr(layer_passes, "forward", counted)
    return seen
