"""Real servers on this machine that a receiver could be: HTTP with scripted failures, and SMTP."""

from __future__ import annotations

import email
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

__all__ = ["Mailbox", "WebSystem", "mailing", "read_mail", "web_system"]


@dataclass
class WebSystem:
    """What a case system got: every request; `script` says how the next ones are answered, then all with 202.

    A number is a status; "lost" is taken and the line broken before the answer; "drop" broken before it was read.
    """

    script: list[Any] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""

    @property
    def names(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.requests]

    @property
    def taken(self) -> list[str]:
        """The messages as a system has them that keeps their names: each once, in the order in which they came."""
        return list(dict.fromkeys(self.names))


@contextmanager
def web_system(system: WebSystem) -> Iterator[WebSystem]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is the library's
            step = system.script.pop(0) if system.script else 202
            if step == "drop":
                self.connection.close()
                return
            body = self.rfile.read(int(self.headers["content-length"]))
            if step == "lost" or int(step) < 300:
                system.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if step == "lost":
                self.connection.close()
                return
            self.send_response(int(step))
            for name, value in system.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b'{"reference": "FS-4711"}')

        def do_GET(self) -> None:  # as above: what followed a redirect would be one
            system.requests.append(({"webhook-id": "", "method": "GET"}, b""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    system.url = f"http://127.0.0.1:{server.server_port}/sooner"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield system
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Mailbox:
    """What a mail server got; `script` are the answers to the next mails, then all are taken."""

    script: list[str] = field(default_factory=list)
    mails: list[Message] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # the library's name
        answer = self.script.pop(0) if self.script else "250 OK queued as 77"
        if answer.startswith("2"):
            self.mails.append(email.message_from_bytes(envelope.content))
        return answer


def read_mail(mail: Message) -> str:
    """Return all of a mail as somebody reads it: headers, and the text as it was before it was packed."""
    content = mail.get_payload(decode=True)
    assert isinstance(content, bytes)
    return "\n".join([*(f"{name}: {value}" for name, value in mail.items()), content.decode()])


class _AnyPort(Controller):  # type: ignore[misc]  # aiosmtpd leaves it untyped
    """A controller that listens on a free port, and asks itself there whether it answers."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mailing(mailbox: Mailbox, **options: Any) -> Iterator[Mailbox]:
    controller = _AnyPort(mailbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    mailbox.port = controller.port
    try:
        yield mailbox
    finally:
        controller.stop()
