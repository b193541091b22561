"""Fixtures for all tests: where the project and the public data sets lie, and a process that never asks a network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Test models are tiny and tests run side by side: threads that wait for each other would cost more than they do.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says how busy the machine is.
settings.register_profile("whetstone", deadline=None)
settings.load_profile("whetstone")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout that these tests belong to."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of public data sets beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("WHETSTONE_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"public data sets are not at {folder}")
    return folder
