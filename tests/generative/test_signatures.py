"""What `python -m features.engines.compiled` compiles beforehand is what a build calls, with the same types."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from features.engines.compiled import horizon, kernel, sums, tallies
from features.engines.compiled.signatures import SIGNATURES

CALLED_BY_LOOPS_ALONE = {"find_first_after", "find_day"}


def loops(module: ModuleType) -> dict[str, Any]:
    """Return the compiled functions of a module that others may call."""
    made = {name: loop for name, loop in vars(module).items() if hasattr(loop, "nopython_signatures")}
    return {name: loop for name, loop in made.items() if loop.__module__ == module.__name__ and name[0] != "_"}


def test_a_build_calls_each_loop_with_the_types_it_was_compiled_for(
    world: Callable[..., Any], answers: Callable[..., Any]
) -> None:
    answers(*world(0))
    called = {loop: [signature.args for signature in loop.nopython_signatures] for loop in SIGNATURES}
    assert [loop.__name__ for loop, types in SIGNATURES.items() if types not in called[loop]] == []


def test_every_loop_that_a_build_calls_is_compiled_beforehand() -> None:
    there = {name for module in (kernel, sums, tallies, horizon) for name in loops(module)}
    assert there - CALLED_BY_LOOPS_ALONE == {loop.__name__ for loop in SIGNATURES}
