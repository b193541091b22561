"""How regressions on features are solved: by one thread of linear algebra.

numpy and scipy bring a library of their own each, and each library a pool of threads that wait in a loop for their next piece.
An optimizer of scipy's whose products are numpy's keeps both pools awake, and on two cores they take the processor from each
other: four times slower than one thread (docs/experiment_log.md). One thread also adds in one order, whatever the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def by_one_thread(solve: Callable[P, R]) -> Callable[P, R]:
    """Hold linear algebra to one thread while a function runs."""

    @wraps(solve)
    def held(*args: P.args, **kwargs: P.kwargs) -> R:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, user_api="blas"):
            return solve(*args, **kwargs)

    return held
