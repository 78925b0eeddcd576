"""Whose likelihood is not said: too little seen, or unlike anybody learned from."""

from __future__ import annotations

import numpy as np

from charter.rules.abstention import Sight

NAN = np.nan
LEARNED = [np.array([[0, 5, NAN, 1], [3, 9, NAN, 1]], dtype=np.float32), np.array([[1, 7, NAN, 4]], dtype=np.float32)]


def rule(not_seen: float = 0.5, outside: int = 0) -> Sight:
    extremes = [(np.fmin.reduce(part), np.fmax.reduce(part)) for part in LEARNED]
    return Sight.of(extremes, not_seen, outside)


def enough(row: list[float], how: Sight) -> bool:
    return bool(how.enough(np.array([row], dtype=np.float32))[0])


def test_a_row_like_those_learned_from_is_enough() -> None:
    assert enough([3, 5, NAN, 4], rule())


def test_more_not_seen_than_allowed_is_too_little() -> None:
    assert enough([3, NAN, NAN, 4], rule())
    assert not enough([NAN, NAN, NAN, 4], rule())
    assert enough([NAN, NAN, NAN, 4], rule(not_seen=0.75))


def test_a_value_beyond_the_range_learned_from_is_outside() -> None:
    assert not enough([4, 5, NAN, 1], rule())
    assert not enough([3, 4.9, NAN, 1], rule())
    assert enough([4, 5, NAN, 1], rule(outside=1))


def test_a_value_of_a_feature_never_seen_in_training_is_outside() -> None:
    assert not enough([3, 5, 1, 1], rule())


def test_the_rule_reads_back_as_it_was_written() -> None:
    made = rule(0.4, 2)
    again = Sight.read(made.as_document())
    assert again.as_document() == made.as_document()
    assert made.as_document()["lowest"] == [0.0, 5.0, None, 1.0]
