"""What the papers say of the law: `law.toml`, dated, each statement with its status; a paper that quotes law asks here.

    in force     cited as it is
    announced, draft, unverified     cited with that word and the file's day, on whatever paper

So a law that begins, or that somebody has read, changes one line and every paper.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

__all__ = ["STATUSES", "LegalStatement", "cite_law", "read_law"]

STATUSES = ("in force", "announced", "draft", "unverified")


@dataclass(frozen=True)
class LegalStatement:
    """One statement of law: how it is cited, what it says, its status as of a day, and where that was read."""

    id: str
    cite: str
    says: str
    status: str
    read: str
    as_of: date
    since: date | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a status that is none."""
        if self.status not in STATUSES:
            raise ValueError(f"{self.id} has the status {self.status!r}, which is none of {', '.join(STATUSES)}")

    @property
    def citation(self) -> str:
        """The citation for a paper, with the status where it is not simply in force."""
        return self.cite if self.status == "in force" else f"{self.cite}; {self.status} as of {self._day}"

    @property
    def _day(self) -> str:
        return f"{self.as_of.day} {self.as_of:%B %Y}"


@cache
def read_law() -> Mapping[str, LegalStatement]:
    """Return every statement by its id."""
    document = tomllib.loads(files("charter").joinpath("law.toml").read_text(encoding="utf-8"))
    statements = [LegalStatement(as_of=document["as_of"], **row) for row in document["statement"]]
    return {statement.id: statement for statement in statements}


def cite_law(statement: str) -> str:
    """Return how a statement is cited on a paper, by its id."""
    return read_law()[statement].citation
