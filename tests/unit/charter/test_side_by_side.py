"""Work that stands apart, on several threads: in its order, the same as on one, and an error is not lost."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from charter.machine.threads import work_side_by_side


def test_results_come_in_the_order_of_the_calls_from_as_many_threads_as_there_may_be() -> None:
    """Broken by handing back whatever is done first."""
    at_work: set[int] = set()
    meet = threading.Barrier(2)

    def work(number: int) -> int:
        at_work.add(threading.get_ident())
        if number < 2:
            meet.wait(timeout=10)
        time.sleep(0.02 * (4 - number))
        return number

    assert work_side_by_side([lambda number=number: work(number) for number in range(4)], 2) == [0, 1, 2, 3]
    assert len(at_work) == 2
    assert threading.get_ident() not in at_work


@pytest.mark.parametrize("threads", [1, 3])
def test_sums_are_the_same_on_any_number_of_threads(threads: int) -> None:
    """BLAS stays at one thread until all are done: else sums are made in another order."""
    table = np.random.default_rng(1).normal(size=(300, 300))
    sums = work_side_by_side([lambda: table @ table] * 4, threads)
    assert len({one.tobytes() for one in sums}) == 1


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_error_by_the_calls_order_is_raised(threads: int) -> None:
    def fail(what: str) -> int:
        raise ValueError(what)

    with pytest.raises(ValueError, match="the second"):
        work_side_by_side([lambda: 1, lambda: fail("the second"), lambda: fail("the third")], threads)
