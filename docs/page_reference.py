"""The reference of the casework pages and the API, made from their tables and from the list of what may be wanting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from charter.acts import ACTS
from charter.rules.policy import Policy
from charter.rules.roles import Roles
from serving.casework.page_table import PAGES
from serving.casework.visit import ANYBODY, SIGNED_IN, Page
from serving.casework.wanting import CHECKS
from serving.web.api import ENDPOINTS, Endpoint

_INTRODUCTION = """# Pages, acts and the API

Every page and act of the casework service, and every endpoint of its API, with the act that a role must be allowed.
Where a path names a team or a case, the role must be allowed it for that team. A new page for a role is a row of
`serving/casework/page_table.py` and its handler; routes, navigation and the guard read the row, and so does this page.
"""

_ACTS = """## Acts

What a role can be allowed, by `may` of its [[role]] in charter.toml; `decision.sign` comes with `signs = ["decision"]`,
`suspend` with `may_suspend = true`, and `board.read` with either. The roles named here are the shipped council's. A
role without `may` has what a shipped role of its id may do, and any other nothing.

| act | what it is | roles |
|---|---|---|
"""

_WANTING = """## What may be wanting

Before a case is opened or decided on, pages and API ask the same list, in this order; what is wanting is said in the
same words, with the same status.

| id | what must be so | status | asked of | field |
|---|---|--:|---|---|
"""


def page_reference(council: Path) -> str:
    """Return the page, with the roles of a council's charter."""
    roles = Policy.read(council / "charter.toml").acting
    lines = [_INTRODUCTION, "## Pages\n", "| path | | what | act | roles | navigation |", "|---|---|---|---|---|---|"]
    lines += [f"{_row(page, roles)} {page.link.words if page.link else ''} |".replace("  |", " |") for page in PAGES]
    lines += ["", "## API\n", "The contract is at `/v1/openapi.json`.\n"]
    lines += ["| path | | what | act | roles |", "|---|---|---|---|---|"]
    lines += [_row(endpoint, roles) for endpoint in ENDPOINTS]
    lines += ["", _ACTS + "\n".join(_act_rows(roles))]
    lines += ["", _WANTING + "\n".join(_check_rows())]
    return "\n".join(lines) + "\n"


def _row(row: Page | Endpoint, roles: Roles) -> str:
    act = row.act if row.act in (ANYBODY, SIGNED_IN) else f"`{row.act}`"
    return f"| `{row.path}` | {row.method} | {row.title} | {act} | {_titles(roles, row.act)} |"


def _titles(roles: Roles, act: str) -> str:
    return ", ".join(role.title for role in roles.able(act))


def _act_rows(roles: Roles) -> Sequence[str]:
    return [f"| `{act}` | {title} | {_titles(roles, act)} |" for act, title in ACTS.items()]


def _check_rows() -> Sequence[str]:
    rows = []
    for check in CHECKS:
        steps = [("opening", check.opens), ("deciding", True), ("stepping up", check.steps_up)]
        asked = ", ".join(words for words, is_asked in steps if is_asked)
        field = f"`{check.field}`" if check.field else ""
        rows.append(f"| `{check.id}` | {check.title} | {check.status} | {asked} | {field} |")
    return rows
