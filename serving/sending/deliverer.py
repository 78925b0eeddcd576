"""Delivers what waits in the outbox: each message until it is taken, refused, or nobody answered for DAYS.

    taken        its receipt is kept
    refused      kept and said on the case: somebody types it in
    not yet      again after 30 s, 1, 2, 4, ... minutes, at most every 2 hours; given up after DAYS

Any number of processes may deliver: the store lets one of them have a message at a time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from charter.council.receivers import Receivers
from serving.sending.channels import UndeliveredError, deliver_message
from serving.store.leaving.outbox import Message
from serving.store.store import Store

__all__ = ["DAYS", "deliver_due", "run_deliverer"]

_LOG = logging.getLogger("sooner.sending")
DAYS = 3
"""For so many days a message is tried: a week-end's outage of a case system ends before."""
_FIRST, _LONGEST = timedelta(seconds=30), timedelta(hours=2)
_EVERY = 5.0
"""Seconds between two looks at the outbox."""
_MOST = 50


def deliver_due(store: Store, receivers: Receivers, council: str, now: datetime | None = None) -> int:
    """Deliver what is due now, each message once; return how many were taken.

    What waits for somebody who is no receiver any more, or is marked as an example, waits on.
    """
    names = [receiver.id for receiver in receivers.receivers if not receivers.is_example(receiver)]
    taken = 0
    for _ in range(_MOST if names else 0):
        moment = now or datetime.now(UTC)
        message = store.claim_message(names, moment)
        if message is None:
            break
        taken += _deliver_one(store, receivers, council, message, moment)
    return taken


def _deliver_one(store: Store, receivers: Receivers, council: str, message: Message, moment: datetime) -> bool:
    receiver = receivers.find(message.receiver)
    if receiver is None or not store.may_leave(message):
        store.settle_message(message, "cancelled", trouble="the family’s yes does not stand")
        return False
    try:
        receipt = deliver_message(receivers, receiver, message, council, moment)
    except UndeliveredError as error:
        # The trouble names a status or the kind of an error, and nothing of a message.
        _LOG.warning("a message to %s was not taken: %s", receiver.id, error.trouble)
        if error.final:
            store.settle_message(message, "refused", trouble=error.trouble)
        elif moment - datetime.fromisoformat(message.at) > timedelta(days=DAYS):
            store.settle_message(message, "given_up", trouble=error.trouble)
        else:
            store.put_off(message, moment + _find_pause(message.attempts, error.pause), error.trouble)
        return False
    store.settle_message(message, "delivered", receipt=receipt)
    return True


def _find_pause(attempts: int, asked: float) -> timedelta:
    """Return how long to wait after so many attempts (from 1): twice as long each time, or as long as was asked."""
    doubled = _FIRST * int(2 ** min(attempts - 1, 20))
    return max(min(doubled, _LONGEST), timedelta(seconds=asked))


def run_deliverer(deliver: Callable[[], object], stop: threading.Event) -> None:
    """Deliver every few seconds until told to stop; an error is said in the log by its kind, and tried again."""
    while not stop.wait(_EVERY):
        try:
            deliver()
        except Exception as error:  # noqa: BLE001  # whatever it was, the next look may find it mended
            _LOG.error("the outbox can't be looked at: %s", type(error).__name__)
