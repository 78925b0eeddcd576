"""One thread for small linear algebra: the same sums in the same order on any machine, and no waiting for helpers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS to one thread; LightGBM's own threads are not touched.

    Vectors here are short. Handing them to several threads changes the order of sums with the number of cores, and
    costs ten times the work on a machine that is busy.
    """
    import scipy.linalg.blas  # type: ignore[import-untyped]  # noqa: F401  # loads the library that is then limited
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

    with threadpool_limits(limits=1, user_api="blas"):
        yield
