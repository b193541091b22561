"""Memory that a step gives back stays with the process.

The C library takes large pieces of memory from the operating system and gives them back at once, so that each tensor of a step
is mapped page by page, and each page cleared, again and again (docs/benchmarks.md). Told to keep
them, it finds the tensors of the last step when the next one asks, and after an epoch no page is mapped any more.
"""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Names of `mallopt` in malloc.h."""
LARGEST = (2**30, 2**25)
"""Bytes of a piece that still comes from memory that is kept; glibc before 2.35 takes no more than the second figure."""
FREE = 2**31 - 1
"""Bytes at the end of the heap that are kept, all that an int can say."""


def keep() -> bool:
    """Have the C library keep what is freed; see `mallopt(3)`.

    Returns:
        Whether it does; other libraries than glibc are left as they are.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    larger = any(library.mallopt(MMAP_THRESHOLD, size) for size in LARGEST)
    return bool(library.mallopt(TRIM_THRESHOLD, FREE)) and larger
