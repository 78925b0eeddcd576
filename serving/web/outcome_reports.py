"""What a receiver reports back of what it was sent: `POST /v1/outcomes`, signed with the secret that the two share.

No bearer token: whoever knows the receiver's secret is the receiver, and can say nothing but what became of messages
that it was sent itself. A report counts once for its webhook-id.
"""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.datastructures import Headers

from charter.council.receivers import WebReceiver
from charter.errors import CharterError, SoonerError, UsageError
from charter.machine.secret import read_secret
from serving.desk import Desk
from serving.sending.signing import SignatureError, parse_secret, verify_webhook
from serving.store.leaving.outbox import Outcome
from serving.store.store import write_moment

__all__ = ["UnknownMessageError", "keep_report"]

_REFUSED = ("The call is not signed by a receiver of this council.", "Sign it with the secret that was agreed on.")


class UnknownMessageError(UsageError):
    """A report of a message that this receiver was not sent."""


def keep_report(
    desk: Desk, headers: Headers, content: bytes, *, receiver_id: str, message: str, status: str, reference: str
) -> bool:
    """Keep what a receiver reports of a message; return whether it is new.

    Raises CharterError where the call is not that receiver's, UnknownMessageError for a message that it was not sent.
    """
    receiver = desk.receivers.find(receiver_id)
    now = datetime.now(UTC)
    if not isinstance(receiver, WebReceiver) or desk.receivers.is_example(receiver):
        raise CharterError(*_REFUSED)
    try:
        name = verify_webhook(parse_secret(read_secret(receiver.secret_from)), headers, content, now)
    except SignatureError:
        raise CharterError(*_REFUSED) from None
    except SoonerError:
        # The secret is not there: whose fault that is is nobody's business but the operator's.
        raise CharterError(*_REFUSED) from None
    sent = [each for each in desk.store.messages(name=message) if each.receiver == receiver.id and each.attempts]
    if not sent:
        raise UnknownMessageError("That message was not sent to this receiver.", "Name the message as it was sent.")
    outcome = Outcome(message, sent[0].referral, receiver.id, status, reference, write_moment(now))
    return desk.store.keep_outcome(f"{receiver.id}:{name}"[:128], outcome)
