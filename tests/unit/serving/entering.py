"""A small world whose council has a sign-in table, and people who sign in to it by a real provider."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from sqlalchemy import create_engine, update

from serving.desk import Desk
from serving.ranking.worklist import rank_households
from serving.store.store import write_moment
from serving.store.tables import sessions
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, World, make_world
from tests.unit.serving.signing_provider import Provider

__all__ = ["Entering", "form_token_of", "open_entering", "token_of", "write_table"]

TABLE = """
[sessions]
idle_minutes = 30
longest_hours = 8
asked_again_seconds = 5
unreachable_minutes = 10

[[provider]]
id = "staff"
title = "your council account"
issuer = "{issuer}"
client_id = "sooner"
audience = "sooner-api"

[[provider]]
id = "other"
title = "the other account"
issuer = "{issuer}"
client_id = "sooner-guests"
second_factor = ["mfa"]

[[group]]
provider = "staff"
name = "workers-north"
role = "lead_practitioner"
teams = ["north"]

[[group]]
provider = "staff"
name = "workers-east"
role = "lead_practitioner"
teams = ["east"]

[[group]]
provider = "staff"
name = "managers-north"
role = "team_manager"
teams = ["north"]

[[group]]
provider = "staff"
name = "security"
role = "security_officer"

[[client]]
id = "parking"
title = "Parking permits"
provider = "staff"
role = "partner"
may = ["residence.check"]
services = ["parking"]
a_minute = 5

[[client]]
id = "case-system"
title = "The case system"
provider = "staff"
role = "lead_practitioner"
teams = ["north"]
may = ["worklist.read", "referral.read"]
for_people = true

[proxy]
header = "X-Signed-By"
issuer = "{issuer}"
audience = "sooner-proxy"
keys = "{issuer}/jwks"
provider = "staff"

[guests]
roles = ["board"]
longest_days = 30

[emergency]
roles = ["team_manager"]
longest_minutes = 60
"""


def write_table(folder: Path, provider: Provider, **changes: str) -> None:
    """Write the council's sign-in table; `changes` replaces one text by another."""
    text = TABLE.format(issuer=provider.issuer)
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "sign_in.toml").write_text(text, encoding="utf-8")


@contextmanager
def open_entering(folder: Path, provider: Provider) -> Iterator[Entering]:
    """Give a world with lists and a sign-in table, below `folder`, until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOONER_KEY", "5f" * 32)
        patch.delenv("SOONER_DATABASE", raising=False)
        for name in ("STAFF", "OTHER"):
            patch.setenv(f"SOONER_SECRET_{name}", "a secret of the tests")
        world = make_world(folder)
        write_table(world.invocation.council.folder, provider)
        rank_households(world.invocation, world.matrix, AS_OF)
        yield Entering(world, Desk.open(world.invocation, demo=False), provider)


@dataclass(frozen=True)
class Entering:
    """The world, its desk and its provider."""

    world: World
    desk: Desk
    provider: Provider

    def browser(self) -> Client:
        """Return a browser that knows nothing yet."""
        return Client(guarded(self.desk))

    def go(self, client: Client, way: str = "staff", **query: str) -> str:
        """Follow the sign-in page's button; return the provider's address."""
        answer = client.get(f"/sign-in/with/{way}", params=query)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def come_back(self, client: Client, address: str, **changes: str | None) -> httpx.Response:
        """Let the provider's answer come back, with parameters of it changed or left out."""
        parts = urlsplit(address)
        query: dict[str, Any] = {**dict(parse_qsl(parts.query)), **changes}
        return client.get(parts.path, params={name: value for name, value in query.items() if value is not None})

    def sign_in(self, user: str, way: str = "staff", client: Client | None = None) -> tuple[Client, httpx.Response]:
        """Sign somebody in, as a browser does; return their browser and the page that they come back to."""
        client = client or self.browser()
        return client, self.come_back(client, self.provider.let_in(self.go(client, way), user))

    def let_time_pass(self, **columns: Any) -> None:
        """Set times of every session, as if it had passed."""
        told = {name: write_moment(value) for name, value in columns.items()}
        with create_engine(f"sqlite:///{self.world.workspace.casework}").begin() as connection:
            connection.execute(update(sessions).values(told))

    def whys(self) -> list[str]:
        """Return why sessions ended, as the log says, the first first."""
        return [str(entry.detail["why"]) for entry in self.desk.store.done("session.ended")]

    def with_desk(self, **changes: Any) -> Entering:
        """Return the same with another desk on the same world."""
        return replace(self, desk=replace(self.desk, **changes))


def token_of(client: Client) -> str:
    """Return the token in a browser's cookie."""
    return client.cookies.get("sooner_session") or ""


def form_token_of(client: Client, path: str) -> str:
    """Return the secret that the forms of a page carry."""
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', client.get(path).text)
    assert found, path
    return found[1]
