"""Memory that was freed is there for the next step, without the operating system."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

COUNT = """
import resource, sys
from stages.training import memory
if sys.argv[1] == "keep":
    assert memory.keep()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(b"x") * (48 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print([faults() for _ in range(3)][-1])
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="no glibc")
def test_pages_are_mapped_once() -> None:
    found = {}
    for mode in ("usual", "keep"):
        done = subprocess.run([sys.executable, "-c", COUNT, mode], capture_output=True, text=True, check=True)
        found[mode] = int(done.stdout)
    assert found["keep"] < 50
    assert found["usual"] > 5 * found["keep"] + 50
