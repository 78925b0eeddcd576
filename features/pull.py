"""`sooner pull`: every source of the register into a dated snapshot, and what residents asked honoured in it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from charter.invocation import Invocation
from features.intake.snapshot import PullResult, read_sources
from features.rights.asking import replay_requests

__all__ = ["pull_sources"]


def pull_sources(
    invocation: Invocation,
    *,
    taken_at: datetime | None = None,
    extracts: Path | None = None,
    threads: int | None = None,
    confirmed: frozenset[str] = frozenset(),
) -> PullResult:
    """Read every source into a snapshot, carry out every request it has not honoured yet, and say what was made.

    Arguments and errors are those of `features.intake.snapshot.read_sources`. A pull that was killed before requests
    were carried out finishes them when it is run again, even where there is nothing new to read.
    """
    result = read_sources(invocation, taken_at=taken_at, extracts=extracts, threads=threads, confirmed=confirmed)
    replay_requests(invocation)
    return result
