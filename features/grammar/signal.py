"""A signal as a definition reads it: its name, and which of its events by detail and amount."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from charter.errors import CharterError, DefinitionError

__all__ = ["AMOUNT_SCALE", "Signal", "scale_amount", "signal"]

AMOUNT_SCALE = 10_000
"""Amounts are whole numbers of ten-thousandths (design: time)."""

_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


def scale_amount(amount: Decimal) -> int:
    """Return `amount` in ten-thousandths; raise DefinitionError if that is not a whole number of 18 digits."""
    if not amount.is_finite():
        raise DefinitionError(f"the amount {amount} is not a number.", "Use a finite decimal like 250.")
    value = amount * AMOUNT_SCALE
    if value != value.to_integral_value() or abs(value) >= 10**18:
        raise DefinitionError(
            f"the amount {amount} does not fit decimal(18,4).", "Use at most four decimal places and 14 digits before."
        )
    return int(value)


@dataclass(frozen=True)
class Signal:
    """Events of one kind of one service: all of them, or those with one of `details` and an amount in a range.

    `at_least` is inclusive and `below` exclusive; an event without an amount is in no range.
    """

    name: str
    details: tuple[str, ...] = ()
    at_least: Decimal | None = None
    below: Decimal | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise DefinitionError(
                f"{self.name!r} is no signal.",
                "Name it `service.kind`, as the register does: small letters, digits and _ alone.",
            )
        if self.service == "protected":
            raise CharterError(
                f"{self.name} is a protected characteristic: no cohort, outcome or feature may read it.",
                "Remove it; `sooner audit` measures every group without it.",
            )
        if len(set(self.details)) != len(self.details) or not all(isinstance(d, str) and d for d in self.details):
            raise DefinitionError(f"the details of {self.name} are not different texts.", "List each detail once.")
        bounds = [scale_amount(bound) for bound in (self.at_least, self.below) if bound is not None]
        if len(bounds) == 2 and bounds[0] >= bounds[1]:
            raise DefinitionError(f"no amount of {self.name} is in this range.", "Let amount_below be the larger.")

    @property
    def service(self) -> str:
        """The service that records it."""
        return self.name.split(".", 1)[0]

    @property
    def kind(self) -> str:
        """What is recorded."""
        return self.name.split(".", 1)[1]

    def where(
        self,
        *,
        detail: str | Sequence[str] = (),
        amount_at_least: Decimal | int | str | None = None,
        amount_below: Decimal | int | str | None = None,
    ) -> Signal:
        """Return only the events with one of these details and an amount in this range (lower bound included)."""
        details = (detail,) if isinstance(detail, str) else tuple(detail)
        if not details and amount_at_least is None and amount_below is None:
            raise DefinitionError(f"where() of {self.name} says nothing.", "Give it a detail or an amount.")
        return replace(
            self,
            details=details or self.details,
            at_least=self.at_least if amount_at_least is None else _read_decimal(self.name, amount_at_least),
            below=self.below if amount_below is None else _read_decimal(self.name, amount_below),
        )

    def document(self) -> dict[str, Any]:
        """Return the signal as the contract `definition` writes it."""
        document: dict[str, Any] = {"name": self.name}
        if self.details:
            document["details"] = list(self.details)
        if self.at_least is not None:
            document["at_least"] = _decimal_text(self.at_least)
        if self.below is not None:
            document["below"] = _decimal_text(self.below)
        return document

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Signal:
        """Read a signal from its document; raise DefinitionError for one that is not."""
        if unknown := set(document) - {"name", "details", "at_least", "below"} or "name" not in document:
            raise DefinitionError(f"{dict(document)!r} is no signal ({unknown}).", "Give its name.")
        return cls(
            document["name"],
            tuple(document.get("details", ())),
            _read_decimal(document["name"], document["at_least"]) if "at_least" in document else None,
            _read_decimal(document["name"], document["below"]) if "below" in document else None,
        )


def signal(name: str) -> Signal:
    """Return the signal `service.kind`, all its events."""
    return Signal(name)


def _read_decimal(name: str, value: Decimal | int | str) -> Decimal:
    if isinstance(value, bool | float):
        raise DefinitionError(
            f"an amount of {name} is {value!r}.", 'Write it as a whole number or a text like "12.50", never a float.'
        )
    try:
        return Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise DefinitionError(f"an amount of {name} is {value!r}.", 'Write it like 250 or "12.50".') from None


def _decimal_text(amount: Decimal) -> str:
    return format(Decimal(scale_amount(amount)) / AMOUNT_SCALE, "f")
