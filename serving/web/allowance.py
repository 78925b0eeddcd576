"""How many calls one person may make of one worker process in a minute, said in every answer.

    RateLimit-Policy: "minute";q=6000;w=60        RateLimit: "minute";r=5998;t=41

Source: the IETF's draft on RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-10). It is the
most that a program's own limit (`a_minute` of sign_in.toml, which counts first) may be: what asks more is a loop.
`/v1/score` is answered elsewhere, uncounted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["CALLS", "Allowance", "Left"]

CALLS, _SECONDS = 6_000, 60
_MOST_CALLERS = 10_000


@dataclass(frozen=True)
class Left:
    """What is left to a caller: whether this call is answered, how many more, and in how many seconds all are again."""

    allowed: bool
    calls: int
    seconds: int

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that say it."""
        return {
            "ratelimit-policy": f'"minute";q={CALLS};w={_SECONDS}',
            "ratelimit": f'"minute";r={self.calls};t={self.seconds}',
        }


class Allowance:
    """Counts calls by caller in minutes that begin with their first; safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: dict[str, tuple[float, int]] = {}

    def take_call(self, caller: str) -> Left:
        """Count one call of a caller, and return what is left to them."""
        now = self._clock()
        with self._lock:
            if len(self._minutes) >= _MOST_CALLERS:
                self._minutes = {name: kept for name, kept in self._minutes.items() if now - kept[0] < _SECONDS}
            begun, calls = self._minutes.get(caller, (now, 0))
            if now - begun >= _SECONDS:
                begun, calls = now, 0
            allowed = calls < CALLS
            calls += allowed
            self._minutes[caller] = (begun, calls)
        return Left(allowed, CALLS - calls, max(1, round(_SECONDS - (now - begun))))
