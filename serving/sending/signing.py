"""Signatures of webhooks as Standard Webhooks has them: what we send is signed, and what comes back must be.

    webhook-id          the message's name, the same each time it is sent
    webhook-timestamp   seconds since 1970, when it was sent
    webhook-signature   v1,BASE64 of HMAC-SHA256(secret, "ID.TIMESTAMP.BODY")

Source: the Standard Webhooks specification 1.0. A secret is base64, with or without `whsec_` before it; a text that is
no base64 of 24 to 64 bytes is refused, so that nobody signs with a word.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import datetime

from charter.errors import UsageError

__all__ = ["SignatureError", "parse_secret", "sign_webhook", "verify_webhook"]

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64
_LATE = 300
"""Seconds that a call may be old, or ahead of our clock: after that it may have been caught and sent again."""


class SignatureError(UsageError):
    """A call that is not signed, wrongly or too long ago."""


def parse_secret(text: str) -> bytes:
    """Return a shared secret's bytes; raise UsageError for a text that is none, without the text."""
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not _SHORTEST <= len(secret) <= _LONGEST:
        raise UsageError(
            f"a webhook's secret is no base64 of {_SHORTEST} to {_LONGEST} bytes.",
            "Make one with: openssl rand -base64 32",
        )
    return secret


def sign_webhook(secret: bytes, name: str, body: bytes, now: datetime) -> Mapping[str, str]:
    """Return the headers that sign a body."""
    stamp = str(int(now.timestamp()))
    return {
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{_sign(secret, name, stamp, body)}",
    }


def verify_webhook(secret: bytes, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Return the id of a call that is signed with our shared secret, a short while ago; raise SignatureError."""
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signatures = [part.partition(",") for part in headers.get("webhook-signature", "").split()]
    expected = _sign(secret, name, stamp, body)
    signed = any(
        version == "v1" and hmac.compare_digest(text.encode("utf-8", "replace"), expected.encode())
        for version, _, text in signatures
    )
    fresh = stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 and abs(int(stamp) - now.timestamp()) <= _LATE
    if not (signed and fresh and 1 <= len(name) <= 128):
        raise SignatureError(
            "The call is not signed with the shared secret, or was signed too long ago.",
            "Sign webhook-id, webhook-timestamp and the body as Standard Webhooks says.",
        )
    return name


def _sign(secret: bytes, name: str, stamp: str, body: bytes) -> str:
    signed = f"{name}.{stamp}.".encode("utf-8", "replace") + body
    return base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
