"""Twenty people who decide while things break, and what they were told: the key of each decision that was acknowledged.

Each decision is sent with a key of its own and again with the same key until there is an answer, as a case system does.
Its note is its key, so that the database says afterwards which are there and how often.
"""

from __future__ import annotations

import json
import random
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CLIENTS", "Crowd", "Losses", "count_losses"]

CLIENTS = 20
_PAUSE = 0.15
"""Seconds between two acts of a client: together they ask some hundred times a second."""
_AGAIN = 0.2
_SECONDS = 30.0


@dataclass
class Crowd:
    """Clients who decide on the same cases until they are told to stop."""

    address: str
    tokens: Sequence[Mapping[str, str]]
    cases: Sequence[str]
    acknowledged: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    troubles: list[BaseException] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Let them begin."""
        self._threads = [threading.Thread(target=self._decide, args=(n,), daemon=True) for n in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each finish what it sent, and end."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=120)
        if self.troubles:
            raise self.troubles[0]

    def _decide(self, number: int) -> None:
        try:
            chance, turn = random.Random(number), 0  # noqa: S311  # which case is no secret
            while not self._stopped.wait(_PAUSE):
                turn += 1
                self._decide_once(number, chance.choice(self.cases), f"client-{number}-turn-{turn}")
        except BaseException as error:
            self.troubles.append(error)
            raise

    def _decide_once(self, number: int, case: str, key: str) -> None:
        status, shown = self._send(number, f"/v1/referrals/{case}", None, {})
        if status != 200:
            self._stopped.wait(_AGAIN)
            return
        body = {"version": shown["version"], "disposition": "deferred", "reason": "capacity", "note": key}
        while True:
            status, _ = self._send(number, f"/v1/referrals/{case}/decisions", body, {"idempotency-key": key})
            if 0 < status < 500:
                break
            # No answer, or a fault of the service: nobody knows, so it is sent again under its key.
            threading.Event().wait(_AGAIN)
        with self._lock:
            (self.acknowledged if status == 201 else self.refused).append(key)

    def _send(self, number: int, path: str, body: object, headers: Mapping[str, str]) -> tuple[int, Any]:
        content = None if body is None else json.dumps(body).encode()
        headers = {**self.tokens[number % len(self.tokens)], "content-type": "application/json", **headers}
        request = urllib.request.Request(f"{self.address}{path}", content, headers)  # noqa: S310  # loopback
        status, answer = 0, None
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310  # as above
                status, answer = response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except (OSError, ValueError, EOFError):
            status = 0
        except Exception as error:
            # http.client's own: a server that was killed in the middle of an answer.
            if type(error).__module__ != "http.client":
                raise
        with self._lock:
            self.answers[status] += 1
        return status, answer


@dataclass(frozen=True)
class Losses:
    """What the database says of what clients were told."""

    acknowledged: int
    lost: int
    doubled: int
    refused_and_kept: int
    gaps: int


def count_losses(crowd: Crowd, kept: Iterable[tuple[str, str, int]]) -> Losses:
    """Compare what clients were told with the decisions that are kept: (case, note, version) of each."""
    rows = list(kept)
    notes = Counter(note for _, note, _ in rows)
    versions: dict[str, list[int]] = {}
    for case, _, version in rows:
        versions.setdefault(case, []).append(version)
    return Losses(
        acknowledged=len(crowd.acknowledged),
        lost=sum(key not in notes for key in crowd.acknowledged),
        doubled=sum(count - 1 for count in notes.values()),
        refused_and_kept=sum(key in notes for key in crowd.refused),
        gaps=sum(sorted(each) != list(range(1, len(each) + 1)) for each in versions.values()),
    )
