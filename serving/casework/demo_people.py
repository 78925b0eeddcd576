"""The demonstration's sign-in: made-up workers, for made-up data, on this computer alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from charter.council.council import Team
from serving.identity import Identity

__all__ = ["DemoPerson", "list_people", "refuse_connection"]

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


@dataclass(frozen=True)
class DemoPerson:
    """Somebody to be in the demonstration."""

    id: str
    title: str
    identity: Identity


def list_people(teams: Sequence[Team]) -> Mapping[str, DemoPerson]:
    """Return whom the demonstration offers, by id: a worker and a manager of each team, and the council's roles."""
    people = []
    for team in teams:
        scope = frozenset({team.id})
        for role, words in (("lead_practitioner", "lead practitioner"), ("team_manager", "team manager")):
            name = f"demo-{team.id}-{role}"
            people.append(DemoPerson(name, f"{team.title}: {words}", Identity(name, role, scope)))
    everywhere = frozenset(team.id for team in teams)
    for role, words, teams_of_role in (
        ("front_door", "Front door, all teams", everywhere),
        ("board", "Member of the governance board", frozenset[str]()),
        ("sro", "Senior responsible owner", frozenset[str]()),
        ("cdo", "Chief data officer", frozenset[str]()),
        ("dpo", "Data protection officer", frozenset[str]()),
        ("analyst", "Analyst", frozenset[str]()),
        ("operator", "Operator", frozenset[str]()),
    ):
        people.append(DemoPerson(f"demo-{role}", words, Identity(f"demo-{role}", role, teams_of_role)))
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
