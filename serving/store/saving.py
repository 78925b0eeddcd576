"""What one request has saved, so that whoever was answered before it ended is told the truth about that.

A request that takes too long is answered (504) while its thread goes on: from that moment on nothing of it is committed
any more. Whether something was before is known: nothing, or perhaps (a commit had begun), or it was.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from charter.errors import DataError

__all__ = ["SAVING", "GivenUpError", "Saving", "commit_if_awaited"]

NOTHING, PERHAPS, SAVED = "nothing", "perhaps", "saved"


class GivenUpError(DataError):
    """Nobody waits for this any more: they were told that it is not saved, so it isn't."""


class Saving:
    """What one request has saved until now; shared by its thread and whoever answers it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = NOTHING
        self._given_up = False

    @property
    def state(self) -> str:
        """`nothing`, `perhaps` while or after a commit that did not come back, or `saved`."""
        return self._state

    def begin(self, *, noted: bool = True) -> None:
        """Note that a commit begins; raise GivenUpError where the request was answered already."""
        with self._lock:
            if self._given_up:
                raise GivenUpError("the answer took too long, so nothing was saved.", "Send it again.")
            self._state = PERHAPS if noted else self._state

    def end(self) -> None:
        """Note that a commit came back."""
        with self._lock:
            self._state = SAVED

    def give_up(self) -> str:
        """Let nothing be committed any more; return what was until now."""
        with self._lock:
            self._given_up = True
            return self._state


SAVING: ContextVar[Saving | None] = ContextVar("saving", default=None)
"""Of the request that is being answered; None elsewhere."""


@contextmanager
def commit_if_awaited(*, noted: bool = True) -> Iterator[None]:
    """Surround a commit: it is not begun where nobody waits for it, and noted where it came back.

    A draft of what somebody types is not `noted`: it is nothing that they were told is saved.
    """
    saving = SAVING.get()
    if saving is not None:
        saving.begin(noted=noted)
    yield
    if saving is not None and noted:
        saving.end()
