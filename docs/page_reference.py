"""The reference of the casework pages and the API, made from their tables and from the list of what may be wanting."""

from __future__ import annotations

from collections.abc import Sequence

from charter.acts import ACTS, ROLES
from serving.casework.page_table import PAGES
from serving.casework.visit import ANYBODY, SIGNED_IN, Page
from serving.casework.wanting import CHECKS
from serving.web.api import ENDPOINTS, Endpoint

_INTRODUCTION = """# Pages, acts and the API

Every page and act of the casework service, and every endpoint of its API, with the act that a role must be allowed.
Where a path names a team or a case, the role must be allowed it for that team. A new page for a role is a row of
`serving/casework/page_table.py` and its handler; routes, navigation and the guard read the row, and so does this page.
"""

_WANTING = """## What may be wanting

Before a case is opened or decided on, pages and API ask the same list, in this order; what is wanting is said in the
same words, with the same status.

| id | what must be so | status | asked of | field |
|---|---|--:|---|---|
"""


def page_reference() -> str:
    """Return the page."""
    lines = [_INTRODUCTION, "## Pages\n", "| path | | what | act | roles | navigation |", "|---|---|---|---|---|---|"]
    lines += [f"{_row(page)} {page.link.words if page.link else ''} |".replace("  |", " |") for page in PAGES]
    lines += ["", "## API\n", "The contract is at `/v1/openapi.json`.\n"]
    lines += ["| path | | what | act | roles |", "|---|---|---|---|---|"]
    lines += [_row(endpoint) for endpoint in ENDPOINTS]
    lines += ["", _WANTING + "\n".join(_check_rows())]
    return "\n".join(lines) + "\n"


def _row(row: Page | Endpoint) -> str:
    act = row.act if row.act in (ANYBODY, SIGNED_IN) else f"`{row.act}`"
    return f"| `{row.path}` | {row.method} | {row.title} | {act} | {_roles(row.act)} |"


def _roles(act: str) -> str:
    return ", ".join(title for role, title in ROLES.items() if role in ACTS.get(act, frozenset()))


def _check_rows() -> Sequence[str]:
    rows = []
    for check in CHECKS:
        steps = [("opening", check.opens), ("deciding", True), ("stepping up", check.steps_up)]
        asked = ", ".join(words for words, is_asked in steps if is_asked)
        field = f"`{check.field}`" if check.field else ""
        rows.append(f"| `{check.id}` | {check.title} | {check.status} | {asked} | {field} |")
    return rows
