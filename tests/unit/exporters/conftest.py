"""One untrained release of each kind for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.unit.exporters import releases


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a kind's release, made when it is first asked for."""

    @cache
    def made(kind: str) -> Path:
        return releases.release(tmp_path_factory.mktemp("releases") / kind, kind, normalize="NFC")

    return made
