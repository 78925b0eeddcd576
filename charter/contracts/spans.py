"""Stretches of time that deliveries cover: coverage is the clock of every figure, for yes and no alike.

    deliveries   January to March, March to June, August to October
    merged       January to June, August to October

A year from January on is not covered, though deliveries began before it and went on after it: what happened in July
nobody knows. Spans are half-open, in UTC microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["Span", "is_covered", "meet_spans", "merge_spans"]

Span = tuple[int, int]


def merge_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans as few as can be, in order: those that touch or overlap become one."""
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return tuple(merged)


def meet_spans(first: Sequence[Span], second: Sequence[Span]) -> tuple[Span, ...]:
    """Return what two sets of merged spans both cover."""
    pairs = ((max(a, c), min(b, d)) for a, b in first for c, d in second)
    return merge_spans((begin, end) for begin, end in pairs if begin < end)


def is_covered(spans: Sequence[Span], begin: int, end: int) -> bool:
    """Whether merged spans cover all of `[begin, end)`."""
    return any(a <= begin and end <= b for a, b in spans)
