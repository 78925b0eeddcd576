from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_info

from charter.machine.threads import one_thread


def blas_threads() -> set[int]:
    np.ones((4, 4)) @ np.ones((4, 4))
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_small_linear_algebra_is_held_to_one_thread_and_let_go_again() -> None:
    before = blas_threads()
    with one_thread():
        assert blas_threads() == {1}
    assert before <= blas_threads()
