"""Who may be sent something, by which channel, and who is told when a case is stepped up: `receivers.toml`.

No secret stands in it: `secret_from = "CASE_SYSTEM_SECRET"` names the environment variable that holds it, or, with
`_FILE` after it, the file outside council folder and workspace that does. Nothing is sent to a host that `hosts` does
not name, to an address of a domain that `mail_domains` does not name, or to a row that is still marked as an example.
A council without the file sends nothing, and its pages say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from charter.council.connections import Variable, require_address
from charter.council.reading import File, Listed, MarkedRow, OneOf, RefersTo, Text, broken

__all__ = [
    "ALERT",
    "REFERRAL",
    "STEP_UP",
    "Alerts",
    "Directory",
    "MailReceiver",
    "MailServer",
    "Receiver",
    "Receivers",
    "StepUp",
    "WebReceiver",
]

REFERRAL, STEP_UP, ALERT = "referral", "step_up", "alert"
"""What a receiver can be sent: what a family agreed to share (and its being called back), that a case was stepped up
and nobody took it, and alerts of the service."""

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_Id = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="Its id, in files and the API.", examples=["case_system"])
]
_Title = Annotated[Text, Field(max_length=120, description="What pages call it.", examples=["Family support system"])]
_Gets = Annotated[
    Listed[Annotated[str, OneOf((REFERRAL, STEP_UP, ALERT))]],
    Field(min_length=1, description="What it is sent.", examples=[["referral"]]),
]


def _mail_address(text: str) -> str:
    name, _, domain = text.rpartition("@")
    if not name or "." not in domain or not text.isascii() or any(sign in text for sign in ' <>,;:"\r\n'):
        raise broken("is no address of a mailbox", 'Write one like "early-help@fernhill.example".')
    return text


_Address = Annotated[str, AfterValidator(_mail_address)]


class WebReceiver(MarkedRow):
    """A system that takes signed webhooks (Standard Webhooks), and may report back what became of a referral."""

    identity = "id"

    id: _Id
    title: _Title
    kind: Annotated[Literal["webhook"], Field(description="How it is reached.", examples=["webhook"])]
    gets: _Gets
    url: Annotated[
        str,
        AfterValidator(require_address),
        Field(description="Where it takes them, without secrets.", examples=["https://cases.fernhill.example/sooner"]),
    ]
    secret_from: Annotated[
        Variable,
        Field(description="The environment variable that holds the shared secret.", examples=["CASE_SYSTEM_SECRET"]),
    ]

    @property
    def host(self) -> str:
        """The host that is reached."""
        return urlsplit(self.url).hostname or ""


class MailReceiver(MarkedRow):
    """A mailbox. A mail holds a case number, and nothing else about anybody."""

    identity = "id"

    id: _Id
    title: _Title
    kind: Annotated[Literal["email"], Field(description="How it is reached.", examples=["email"])]
    gets: _Gets
    address: Annotated[
        _Address, Field(description="The mailbox, a team's own.", examples=["north-family-help@fernhill.example"])
    ]

    @property
    def domain(self) -> str:
        """The domain of the mailbox."""
        return self.address.rpartition("@")[2].lower()


Receiver = WebReceiver | MailReceiver
"""Any of the kinds; a row's `kind` says which."""


class MailServer(MarkedRow):
    """The council's mail server, and who mails are from."""

    host: Annotated[Text, Field(description="The server.", examples=["mail.fernhill.example"])]
    port: Annotated[int, Field(ge=1, le=65535, description="Its port.", examples=[587])] = 587
    tls: Annotated[
        str,
        OneOf(("starttls", "tls", "none")),
        Field(description="How the connection is sealed; none: on this machine alone.", examples=["starttls"]),
    ] = "starttls"
    sender: Annotated[_Address, Field(description="Whom mails are from.", examples=["sooner@fernhill.example"])]
    user_from: Annotated[
        Variable | None,
        Field(description="The environment variable that holds the user's name; none: no sign-in.",
              examples=["MAIL_USER"]),
    ] = None  # fmt: skip
    password_from: Annotated[
        Variable | None,
        Field(description="The environment variable that holds the password.", examples=["MAIL_PASSWORD"]),
    ] = None

    @model_validator(mode="after")
    def _sealed(self) -> Self:
        if self.tls == "none" and self.host not in ("127.0.0.1", "localhost", "::1"):
            raise broken("sends mail over an open line", 'Write tls = "starttls".', key="tls")
        if (self.user_from is None) != (self.password_from is None):
            missing = "user_from" if self.user_from is None else "password_from"
            raise broken("is not there, and the other of user and password is", "Name both, or neither.", key=missing)
        return self


_Time = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Hours(MarkedRow):
    """Days on which, and from when until when (local time), somebody answers for what is stepped up."""

    days: Annotated[
        Listed[Annotated[str, OneOf(_DAYS)]], Field(min_length=1, description="The days.", examples=[["monday"]])
    ]
    opens: Annotated[_Time, Field(description="From when.", examples=["09:00"])]
    closes: Annotated[_Time, Field(description="Until when.", examples=["17:00"])]

    @model_validator(mode="after")
    def _open_for_a_while(self) -> Self:
        if not self.opens < self.closes:
            raise broken("closes before it opens", "Write a `closes` after its `opens`, on the same day.", key="closes")
        return self


class StepUp(MarkedRow):
    """Who is told when somebody steps a case up, and what is said where nobody takes it. It is no emergency line."""

    to: Annotated[
        Listed[Annotated[str, RefersTo("receiver", "receivers.toml")]],
        Field(description="Who is told at once, within the hours; none named: the page says whom to ring.",
              examples=[["duty_desk"]]),
    ] = ()  # fmt: skip
    then_to: Annotated[
        Listed[Annotated[str, RefersTo("receiver", "receivers.toml")]],
        Field(description="Who is told besides where nobody took it in time.", examples=[["duty_desk"]]),
    ] = ()
    minutes: Annotated[
        int, Field(ge=1, le=240, description="After so many minutes pages say that nobody took it.", examples=[15])
    ] = 15
    phone: Annotated[str, Field(description="Whom a worker rings within the hours.", examples=["01632 960200"])] = ""
    out_of_hours_phone: Annotated[
        str, Field(description="Whom a worker rings outside them; nothing is sent then.", examples=["01632 960201"])
    ] = ""
    hours: Annotated[Listed[Hours], Field(description="When somebody answers; none named: never.")] = ()

    def is_open(self, moment: datetime) -> bool:
        """Whether somebody answers at a local moment."""
        clock = f"{moment:%H:%M}"
        day = _DAYS[moment.weekday()]
        return any(day in hours.days and hours.opens <= clock < hours.closes for hours in self.hours)


class Alerts(MarkedRow):
    """When something is an alarm; who hears of it are the receivers whose `gets` names "alert"."""

    list_by: Annotated[
        _Time, Field(description="By when (local time) each team has a list that holds.", examples=["07:30"])
    ] = "07:30"
    days: Annotated[
        Listed[Annotated[str, OneOf(_DAYS)]],
        Field(description="On which days.", examples=[["monday", "tuesday", "wednesday", "thursday", "friday"]]),
    ] = _DAYS[:5]
    backup_days: Annotated[
        int, Field(ge=1, le=31, description="The last whole backup is at most so many days old.", examples=[2])
    ] = 2

    def wants_list(self, moment: datetime) -> bool:
        """Whether each team should have a list at a local moment."""
        return _DAYS[moment.weekday()] in self.days and f"{moment:%H:%M}" >= self.list_by


class Directory(MarkedRow):
    """A directory of help on offer in Open Referral UK's form (HSDS-UK 3.0): a file, or a server's API."""

    file: Annotated[str, Field(description="A file below the council's folder.", examples=["help_on_offer.json"])] = ""
    url: Annotated[
        str,
        Field(description="The address below which the API has `/services`; its host is in `hosts`.",
              examples=["https://directory.fernhill.example/api"]),
    ] = ""  # fmt: skip
    stale_after_days: Annotated[
        int, Field(ge=1, le=3660, description="An entry changed longer ago is said to be old.", examples=[365])
    ] = 365

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.file) == bool(self.url):
            raise broken("names no place, or two", "Write `file` or `url`.", key="file")
        if self.file and (self.file.startswith("/") or ".." in self.file.split("/")):
            raise broken("is not below the council's folder", "Write its name alone.", key="file")
        if self.url:
            require_address(self.url)
        return self

    @property
    def host(self) -> str:
        """The host that is asked; '' for a file."""
        return urlsplit(self.url).hostname or ""


class Receivers(File):
    """All of receivers.toml; an absent file is one without a row."""

    heading = "Where a referral goes once a family said yes, and who is told when a case is stepped up"
    signed_by = "Nobody signs it: whoever answers for each receiving service keeps its row true."

    hosts: Annotated[
        Listed[Text],
        Field(
            description="Every host that anything may be sent to, the mail server's among them.",
            examples=[["cases.fernhill.example", "mail.fernhill.example"]],
        ),
    ] = ()
    mail_domains: Annotated[
        Listed[Text],
        Field(description="Every domain that a mail may go to.", examples=[["fernhill.example"]]),
    ] = ()
    mail: Annotated[MailServer | None, Field(description="The mail server.")] = None
    receivers: Annotated[
        Listed[Annotated[Receiver, Field(discriminator="kind")]],
        Field(validation_alias="receiver", description="Whom something can be sent to."),
    ] = ()
    step_up: Annotated[StepUp, Field(description="Who is told when a case is stepped up.")] = StepUp()
    alerts: Annotated[Alerts, Field(description="When `sooner watch` raises an alarm.")] = Alerts()
    directory: Annotated[Directory | None, Field(description="Where help on offer is listed.")] = None

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        if self.mail is not None and self.mail.host not in self.hosts:
            raise broken(f"names {self.mail.host!r}, which `hosts` does not allow", "Add it to `hosts`.", key="mail")
        if self.directory is not None and self.directory.host and self.directory.host not in self.hosts:
            raise broken(
                f"asks {self.directory.host!r}, which `hosts` does not allow", "Add it to `hosts`.", key="directory"
            )
        for receiver in self.receivers:
            self._require_allowed(receiver)
        for name in (*self.step_up.to, *self.step_up.then_to):
            listener = self.find(name)
            if listener is not None and STEP_UP not in listener.gets:
                raise broken(
                    f"tells {name!r}, which is not sent step-ups", f'Add "{STEP_UP}" to its `gets`.', key="step_up"
                )
        return self

    def _require_allowed(self, receiver: Receiver) -> None:
        if isinstance(receiver, WebReceiver):
            if receiver.host not in self.hosts:
                raise broken(
                    f"sends {receiver.id!r} to {receiver.host!r}, which `hosts` does not allow",
                    "Add it to `hosts`.",
                    key="receiver",
                )
            return
        if self.mail is None:
            raise broken(f"mails {receiver.id!r} without a mail server", "Add [mail].", key="receiver")
        if receiver.domain not in {domain.lower() for domain in self.mail_domains}:
            raise broken(
                f"mails {receiver.id!r} at {receiver.domain!r}, which `mail_domains` does not allow",
                "Add it to `mail_domains`.",
                key="receiver",
            )

    @classmethod
    def load(cls, folder: Path) -> Receivers:
        """Read the receivers.toml of a council's folder, if there is one; raise DataError with every slip in it."""
        path = folder / "receivers.toml"
        return cls.read(path) if path.exists() else cls()

    @property
    def _by_id(self) -> Mapping[str, Receiver]:
        return {receiver.id: receiver for receiver in self.receivers}

    def find(self, name: str) -> Receiver | None:
        """Return the receiver of an id, or None."""
        return self._by_id.get(name)

    def sent(self, kind: str) -> tuple[Receiver, ...]:
        """Return who is sent things of a kind now; an example is sent nothing."""
        return tuple(receiver for receiver in self.receivers if kind in receiver.gets and not self.is_example(receiver))

    def is_example(self, receiver: Receiver) -> bool:
        """Whether a receiver, its server or the whole file is still an example."""
        server = self.mail is not None and self.mail.example and isinstance(receiver, MailReceiver)
        return self.example or receiver.example or server

    def told(self, names: tuple[str, ...]) -> tuple[Receiver, ...]:
        """Return those of some receivers (ids) that are sent step-ups now."""
        return tuple(receiver for receiver in self.sent(STEP_UP) if receiver.id in names)
