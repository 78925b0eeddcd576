"""What is known of a new council before its folder is written: a few answers, and what its extracts look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from charter.council.register import Signal, Source
from charter.errors import UsageError
from charter.purposes import PURPOSES

__all__ = ["Answers", "ProposedSource", "name_id", "propose_example"]


def name_id(title: str) -> str:
    """Return small letters, digits and underscores for a title, as ids have them; empty where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")


@dataclass(frozen=True)
class Answers:
    """What somebody says of a new council. Raises UsageError for teams or a programme that have no id."""

    name: str
    time_zone: str
    contact: str
    teams: tuple[str, ...]
    programme: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.programme):
            raise UsageError(
                f"{self.programme!r} is no name for a programme.", "Use small letters, digits and underscores."
            )
        ids = [name_id(team) for team in self.teams]
        if not ids or not all(ids) or len(set(ids)) != len(ids):
            raise UsageError(
                "the teams need names that differ, each with a letter or digit.", "Name each with --team NAME."
            )


@dataclass(frozen=True)
class ProposedSource:
    """A row for the register, every guess in it for a person to confirm, and what to say of its files and signals."""

    source: Source
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def propose_example() -> ProposedSource:
    """Return one source to overwrite, for a council that has no extracts yet: dated events, in the canonical form."""
    service = "example_service"
    signal = Signal(name=f"{service}.visit", title="A visit", example=True)
    source = Source(
        service=service,
        title="An example of a service",
        format="canonical",
        basis="public task",
        conditions=("UK GDPR article 6(1)(e)",),
        purposes=frozenset(PURPOSES) - {"residence_check"},
        retention_years=7,
        signals=(signal,),
        example=True,
    )
    remark = "An example to overwrite: a folder with a table `events` (docs/reference/contracts.md) is such a source."
    return ProposedSource(source, {service: (remark,)})
