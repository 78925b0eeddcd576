"""How a message reaches a receiver: as a signed webhook over HTTP, or as a mail that holds a case number alone.

    taken                                    a receipt: what they answered, and their reference
    400, 410, 413, 415, 422; 5xx of SMTP     refused: it would be refused again
    all else, silence and broken lines       not yet: tried again, after what it says in Retry-After

No redirect is followed: a host that `hosts` allows can't send us to one that it doesn't. No error holds a word of the
message, of an answer or of a secret.
"""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from charter.council.receivers import MailReceiver, MailServer, Receiver, Receivers, WebReceiver
from charter.errors import DataError, SoonerError
from charter.machine.secret import read_secret
from charter.plain_text import clean_line
from serving.sending.mail_words import write_mail
from serving.sending.signing import parse_secret, sign_webhook
from serving.store.leaving.outbox import Message

__all__ = ["UndeliveredError", "deliver_message", "fetch_json"]

_SECONDS = 20
_LARGEST_ANSWER = 10_000
_LARGEST_PAGE = 20_000_000
_FINAL = frozenset({400, 410, 413, 415, 422})
_LONGEST_PAUSE = 6 * 3600


@dataclass
class UndeliveredError(Exception):
    """A message that was not taken: why in words, whether it never will be, and how long to wait (seconds)."""

    trouble: str
    final: bool = False
    pause: float = 0.0


def deliver_message(receivers: Receivers, receiver: Receiver, message: Message, council: str, now: datetime) -> str:
    """Deliver a message once, and return the receipt; raise UndeliveredError where it was not taken."""
    try:
        if isinstance(receiver, WebReceiver):
            return _send_webhook(receiver, message, now)
        if receivers.mail is None:
            raise UndeliveredError("there is no mail server in receivers.toml")
        return _send_mail(receivers.mail, receiver, message, council, now)
    except SoonerError as error:
        raise UndeliveredError(error.message) from None
    except (OSError, http.client.HTTPException, smtplib.SMTPException) as error:
        raise UndeliveredError(f"it did not answer ({type(error).__name__})") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


# No proxy either: what the environment names was allowed by nobody.
_OPENER = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


def fetch_json(url: str) -> Any:
    """Return a server's answer as JSON; no redirect is followed. Raises DataError where it can't be had."""
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - as below
    try:
        with _OPENER.open(request, timeout=_SECONDS) as answer:
            # Cut where it is longer, and then no JSON any more.
            return json.loads(answer.read(_LARGEST_PAGE))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(
            f"the directory could not be read ({type(error).__name__}).",
            "Ask who runs it. What was there before stays.",
        ) from None


def _send_webhook(receiver: WebReceiver, message: Message, now: datetime) -> str:
    secret = parse_secret(read_secret(receiver.secret_from))
    headers = {"content-type": "application/json", **sign_webhook(secret, message.name, message.body, now)}
    request = urllib.request.Request(receiver.url, message.body, headers, method="POST")  # noqa: S310 - receivers.toml allows http(s) alone
    try:
        with _OPENER.open(request, timeout=_SECONDS) as answer:
            words = [f"{answer.status} {clean_line(answer.reason)}", _read_reference(answer.read(_LARGEST_ANSWER))]
    except urllib.error.HTTPError as error:
        error.close()
        pause = _read_pause(error.headers.get("Retry-After", "0"))
        raise UndeliveredError(f"it answered {error.code}", error.code in _FINAL, pause) from None
    return ", ".join(filter(None, words))


def _read_reference(content: bytes) -> str:
    """Return the receiver's own reference, where its answer is JSON with one."""
    try:
        answer = json.loads(content)
    except ValueError:
        return ""
    reference = answer.get("reference") if isinstance(answer, dict) else None
    return f"reference {clean_line(reference)[:120]}" if isinstance(reference, str) and reference else ""


def _read_pause(seconds: str) -> float:
    try:
        return max(0.0, min(float(seconds), _LONGEST_PAUSE))
    except ValueError:
        return 0.0


def _send_mail(server: MailServer, receiver: MailReceiver, message: Message, council: str, now: datetime) -> str:
    subject, text = write_mail(message, council)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = server.sender, receiver.address, subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message.name}@{server.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    with _connect(server) as smtp:
        for code, _ in (smtp.mail(server.sender), smtp.rcpt(receiver.address)):
            _require_taken(code)
        code, answer = smtp.data(mail.as_bytes())
        _require_taken(code)
        return f"{code} {clean_line(answer.decode('utf-8', 'replace'))[:200]}"


def _require_taken(code: int) -> None:
    if code >= 400:
        raise UndeliveredError(f"the mail server answered {code}", final=code >= 500)


def _connect(server: MailServer) -> smtplib.SMTP:
    sealed = ssl.create_default_context()
    smtp: smtplib.SMTP
    if server.tls == "tls":
        smtp = smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=sealed)
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
    try:
        smtp.ehlo_or_helo_if_needed()
        if server.tls == "starttls":
            smtp.starttls(context=sealed)
        if server.user_from and server.password_from:
            smtp.login(read_secret(server.user_from), read_secret(server.password_from))
    except BaseException:
        smtp.close()
        raise
    return smtp
