"""The access table: every route and verb that shows or touches a household, by role, whose case it is, and the state.

Made from the one function (charter.rules.showing) and the tables that name a way: `list_cells` says what each must
answer. A test asks each of them and holds that the answers are these; docs/reference/access.md is made from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from charter.acts import TEAM_ACTS
from charter.rules.roles import Roles
from charter.rules.showing import STATES, Asking, Standing, find_refusals
from serving.casework.page_table import PAGES
from serving.web.api import ENDPOINTS

__all__ = ["SCOPES", "VERB_ACTS", "Cell", "Door", "answer_cell", "list_cells", "list_doors"]

SCOPES = ("own team's", "another team's", "a family they know", "taken off the list")
"""Whose case it is, to whoever asks."""

VERB_ACTS = {
    "print-list": "worklist.read",
    "explain": "referral.read",
    "trace": "log.read",
    "reproduce": "log.read",
    "resident show": "rights.file",
    "resident export": "rights.file",
    "hand-over": "export.release",
}
"""The act that a role must be allowed for each verb that shows a household."""


@dataclass(frozen=True)
class Door:
    """A route or verb: how it is asked for (GET, POST, or `sooner`), its path or name, the act it needs, its way."""

    method: str
    path: str
    act: str
    way: str


@dataclass(frozen=True)
class Cell:
    """One door, one role, whose case it is, and the list's state; `answer` is `shown`, or the id of the refusal."""

    door: Door
    role: str
    scope: str
    state: str
    answer: str


def list_doors() -> tuple[Door, ...]:
    """Return every route that has a way, and every verb, in the order of their tables."""
    routes = [Door(page.method, page.path, page.act, page.way) for page in PAGES if page.way]
    routes += [
        Door(endpoint.method, endpoint.path, endpoint.act, endpoint.way) for endpoint in ENDPOINTS if endpoint.way
    ]
    ways = {"print-list": "paper", "explain": "rows", "trace": "trace", "reproduce": "sealed"}
    verbs = [Door("sooner", verb, act, ways.get(verb, "rights")) for verb, act in VERB_ACTS.items()]
    return (*routes, *verbs)


def answer_cell(door: Door, *, role_may: bool, scope: str, state: str) -> str:
    """Return what a door must answer: `shown`, or the id of the first refusal."""
    by_team = door.method != "sooner" and door.act in TEAM_ACTS
    asking = Asking(
        door.way,
        Standing(state, "why"),
        role_may=role_may,
        in_team=not (by_team and scope == SCOPES[1]),
        knows=scope == SCOPES[2],
        taken_off=scope == SCOPES[3],
    )
    return next((refusal.id for refusal in find_refusals(asking)), "shown")


def list_cells(roles: Roles) -> Iterator[Cell]:
    """Give every cell of the table, for the roles of one charter."""
    for door in list_doors():
        for role in roles:
            for scope in SCOPES:
                for state in STATES:
                    may = door.act in role.acts
                    yield Cell(door, role.id, scope, state, answer_cell(door, role_may=may, scope=scope, state=state))
