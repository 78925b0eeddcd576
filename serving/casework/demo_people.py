"""The demonstration's sign-in: made-up workers, for made-up data, on this computer alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from charter.acts import TEAM_ACTS
from charter.council.council import Team
from charter.rules.roles import Roles
from serving.identity import Identity

__all__ = ["DemoPerson", "list_people", "refuse_connection"]

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


@dataclass(frozen=True)
class DemoPerson:
    """Somebody to be in the demonstration."""

    id: str
    title: str
    identity: Identity


def list_people(teams: Sequence[Team], roles: Roles) -> Mapping[str, DemoPerson]:
    """Return whom the demonstration offers, by id: of each team whoever works its cases, then the council's others.

    Nobody is offered in a role that may do nothing here.
    """
    acting = [role for role in roles if role.acts]
    of_team = [role for role in acting if role.acts & TEAM_ACTS and not role.every_team]
    people = []
    for team in teams:
        for role in of_team:
            name = f"demo-{team.id}-{role.id}"
            words = f"{team.title}: {role.title[:1].lower()}{role.title[1:]}"
            people.append(DemoPerson(name, words, Identity.of(name, role, frozenset({team.id}))))
    everywhere = frozenset(team.id for team in teams)
    for role in acting:
        if role not in of_team:
            words = f"{role.title}, all teams" if role.every_team else role.title
            scope = everywhere if role.every_team else frozenset[str]()
            people.append(DemoPerson(f"demo-{role.id}", words, Identity.of(f"demo-{role.id}", role, scope)))
    return {person.id: person for person in people}


def refuse_connection(connection: HTTPConnection) -> str:
    """Return why the demonstration's sign-in refuses this connection, or '' where it is from this computer itself.

    A name that only points to this computer, and a proxy in between, are refused too: others may be behind them.
    """
    client = connection.client.host if connection.client else ""
    if not _is_loopback(client):
        return "The demonstration’s sign-in works on the computer that serves it, and nowhere else."
    if any(name in connection.headers for name in _FORWARDED):
        return "The demonstration’s sign-in does not work through a proxy."
    host = connection.url.hostname or ""
    if host != "localhost" and not _is_loopback(host):
        return "Open the demonstration by its own address, 127.0.0.1 or localhost."
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
