"""Threads: one for small linear algebra, so that sums are the same anywhere; several for work that stands apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["one_thread", "work_side_by_side"]

Result = TypeVar("Result")


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


def work_side_by_side(calls: Sequence[Callable[[], Result]], threads: int) -> list[Result]:
    """Return what each of the calls returns, in their order, with so many of them at work at a time.

    For calls that know nothing of each other and spend their time in NumPy or LightGBM, which let other threads run:
    what they return is the same on any number of threads. The first error is raised, by the calls' order.
    """
    if threads < 2 or len(calls) < 2:
        return [call() for call in calls]
    # Held over all of them: a call that held it alone would give it back while another still counts on it.
    with one_thread(), ThreadPoolExecutor(max_workers=threads) as pool:
        return list(pool.map(lambda call: call(), calls))
