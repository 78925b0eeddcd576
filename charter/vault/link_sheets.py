"""What a reviewer of links reads: two records side by side, as `link` leaves them in the vault for the pages.

    link sheet         a pair that a person must decide, with how alike its fields are
    link blind sheet   a pair drawn by lot to be read blind: each side without the other, and nothing of how alike

A sheet is a paper of the vault, named by its pair. It is sealed like all that says who people are, names every
reference that stands on it, and goes with any of them at an erasure. An address that is protected is not on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from charter.vault.link_judgements import name_pair
from charter.vault.vault import Log, Vault

__all__ = ["BLIND_SHEET", "LINK_SHEET", "LinkSheet", "SaidOfPerson", "open_sheet", "read_sheets", "replace_sheets"]

LINK_SHEET, BLIND_SHEET = "link sheet", "link blind sheet"


@dataclass(frozen=True)
class SaidOfPerson:
    """What one record says of who somebody is; '' where it says nothing."""

    service: str
    name: str = ""
    birth_date: str = ""
    sex: str = ""
    home: str = ""


@dataclass(frozen=True)
class LinkSheet:
    """A pair: its two references, all references and people of both sides, what these say, and how alike they are.

    `agreement` has each field's words and bits (one more doubles the odds that both are one person), `weight` their
    sum, None where the pair was not weighed; `rule` is what left it for a person.
    """

    pair: tuple[str, str]
    refs: tuple[str, ...]
    people: tuple[str, ...]
    sides: tuple[tuple[SaidOfPerson, ...], tuple[SaidOfPerson, ...]]
    agreement: tuple[tuple[str, float], ...] = ()
    weight: float | None = None
    rule: str = ""

    @property
    def name(self) -> str:
        """What the pair is called."""
        return name_pair(*self.pair)

    @property
    def services(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The services that each side's records are of."""
        first, other = (tuple(sorted({line.service for line in side})) for side in self.sides)
        return first, other


def replace_sheets(vault: Vault, kind: str, sheets: Iterable[LinkSheet]) -> None:
    """Make these all sheets of a kind."""
    vault.replace_papers(kind, {sheet.name: json.dumps(asdict(sheet)).encode() for sheet in sheets})


def read_sheets(vault: Vault, kind: str) -> Sequence[LinkSheet]:
    """Return the sheets of a kind, the likeliest pairs first: for lists, which show no name of anybody."""
    sheets = [_read_sheet(json.loads(paper)) for paper in vault.papers(kind).values()]
    return sorted(sheets, key=lambda sheet: (-(sheet.weight or 0.0), sheet.pair))


def open_sheet(vault: Vault, kind: str, name: str, *, log: Log) -> LinkSheet | None:
    """Return one sheet, after `log` has that it is read; None where there is none of that name."""
    paper = vault.paper(kind, name)
    if paper is None:
        return None
    sheet = _read_sheet(json.loads(paper))
    log({"action": "identify", "subjects": list(sheet.people), "count": len(sheet.people), "pair": sheet.name})
    return sheet


def _read_sheet(raw: dict[str, Any]) -> LinkSheet:
    side, other_side = (tuple(SaidOfPerson(**line) for line in lines) for lines in raw["sides"])
    first, second = raw["pair"]
    agreement = tuple((words, bits) for words, bits in raw["agreement"])
    return LinkSheet(
        (first, second),
        tuple(raw["refs"]),
        tuple(raw["people"]),
        (side, other_side),
        agreement,
        raw["weight"],
        raw["rule"],
    )
