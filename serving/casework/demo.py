"""The demonstration's sign-in: made-up workers, for made-up data, on this computer alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from charter.council.council import Team
from serving.identity import Identity

__all__ = ["DemoPerson", "people", "refusal"]

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


@dataclass(frozen=True)
class DemoPerson:
    """Somebody to be in the demonstration."""

    id: str
    title: str
    identity: Identity


def people(teams: Sequence[Team]) -> Mapping[str, DemoPerson]:
    """Return whom the demonstration offers, by id: a worker and a manager of each team, and the council's roles."""
    found = []
    for team in teams:
        own = frozenset({team.id})
        for role, words in (("lead_practitioner", "lead practitioner"), ("team_manager", "team manager")):
            name = f"demo-{team.id}-{role}"
            found.append(DemoPerson(name, f"{team.title}: {words}", Identity(name, role, own)))
    everywhere = frozenset(team.id for team in teams)
    for role, words, scope in (
        ("front_door", "Front door, all teams", everywhere),
        ("board", "Member of the governance board", frozenset[str]()),
        ("sro", "Senior responsible owner", frozenset[str]()),
        ("cdo", "Chief data officer", frozenset[str]()),
        ("dpo", "Data protection officer", frozenset[str]()),
        ("analyst", "Analyst", frozenset[str]()),
        ("operator", "Operator", frozenset[str]()),
    ):
        found.append(DemoPerson(f"demo-{role}", words, Identity(f"demo-{role}", role, scope)))
    return {one.id: one for one in found}


def refusal(connection: HTTPConnection) -> str:
    """Return why the demonstration's sign-in refuses this connection, or '' where it is from this computer itself.

    A name that only points to this computer, and a proxy in between, are refused too: others may be behind them.
    """
    client = connection.client.host if connection.client else ""
    if not _loopback(client):
        return "The demonstration’s sign-in works on the computer that serves it, and nowhere else."
    if any(name in connection.headers for name in _FORWARDED):
        return "The demonstration’s sign-in does not work through a proxy."
    host = connection.url.hostname or ""
    if host != "localhost" and not _loopback(host):
        return "Open the demonstration by its own address, 127.0.0.1 or localhost."
    return ""


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
