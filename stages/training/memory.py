"""Memory that a step gives back stays with the process.

The C library takes large pieces of memory from the operating system and gives them back at once, so that each tensor of a step
is mapped page by page, and each page cleared, again and again: a tenth to a fifth of a step (docs/benchmarks.md). Told to keep
them, it finds the tensors of the last step when the next one asks, and after an epoch no page is mapped any more.
"""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Names of `mallopt` in malloc.h."""
LARGEST = 2**30
"""Bytes of a piece that still comes from memory that is kept."""
FREE = 2**31 - 1
"""Bytes at the end of the heap that are kept, all that an int can say."""


def keep() -> bool:
    """Have the C library keep what is freed; see `mallopt(3)`.

    Returns:
        Whether there is such a library: glibc, elsewhere nothing changes.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    return bool(library.mallopt(MMAP_THRESHOLD, LARGEST) and library.mallopt(TRIM_THRESHOLD, FREE))
