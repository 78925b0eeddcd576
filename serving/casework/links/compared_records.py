"""Two records side by side, field by field: what a sheet of the vault says, in the words of a page.

Name     ADA MARSH (Schools)      A. MARSH (Housing)        a field of both sides, each value once, with whose it is
Born     1 February 1980          not said
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from charter.vault.link_judgements import CANNOT_TELL, DIFFERENT, SAME
from charter.vault.link_sheets import LinkSheet, SaidOfPerson
from serving.casework.view import write_name
from serving.ranking.reasons import write_day

__all__ = ["SAYINGS", "FieldLine", "list_agreement", "list_fields", "name_services"]

SAYINGS: Mapping[str, str] = {
    SAME: "One person",
    DIFFERENT: "Two people",
    CANNOT_TELL: "I can’t tell",
}
"""What can be said of a pair, in words."""

_FIELDS: tuple[tuple[str, Callable[[SaidOfPerson], str]], ...] = (
    ("Name", lambda record: write_name(record.name)),
    ("Born", lambda record: _write_date(record.birth_date)),
    ("Sex", lambda record: record.sex.capitalize()),
    ("Home", lambda record: record.home),
)
_STRONG, _WEAK = 4.0, 1.0
"""Bits from which a field speaks strongly, and from which it speaks at all: odds of 16 to 1, and of 2 to 1."""


@dataclass(frozen=True)
class FieldLine:
    """A field: of each side its values, each with the services that say so."""

    title: str
    one: Sequence[tuple[str, str]]
    other: Sequence[tuple[str, str]]


def list_fields(sheet: LinkSheet, manifest: Mapping[str, Any]) -> list[FieldLine]:
    """Return the fields of a sheet that either side says anything of."""
    one, other = sheet.sides
    lines = [
        FieldLine(title, _group_values(one, reader, manifest), _group_values(other, reader, manifest))
        for title, reader in _FIELDS
    ]
    return [line for line in lines if line.one or line.other]


def _group_values(
    side: Sequence[SaidOfPerson], reader: Callable[[SaidOfPerson], str], manifest: Mapping[str, Any]
) -> list[tuple[str, str]]:
    services: dict[str, list[str]] = {}
    for record in side:
        if value := reader(record):
            services.setdefault(value, []).append(record.service)
    return [(value, name_services(sorted(set(names)), manifest)) for value, names in services.items()]


def name_services(names: Sequence[str], manifest: Mapping[str, Any]) -> str:
    """Return services as a page calls them, one after the other."""
    services = manifest.get("services", {})
    return ", ".join(str(services.get(name, {}).get("title", name.replace("_", " ").capitalize())) for name in names)


def list_agreement(sheet: LinkSheet) -> list[tuple[str, str, float]]:
    """Return what is alike or differs, in which direction it speaks, and its bits."""
    return [(words, _weigh_words(bits), bits) for words, bits in sheet.agreement]


def _weigh_words(bits: float) -> str:
    if abs(bits) < _WEAK:
        return "says little"
    strength = "strongly " if abs(bits) >= _STRONG else ""
    return f"speaks {strength}{'for' if bits > 0 else 'against'} one person"


def _write_date(text: str) -> str:
    try:
        return write_day(date.fromisoformat(text))
    except ValueError:
        return text
