"""What a history of starts says, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["say_history"]

_HEADLINES = {
    "helps": "HELPS, if needs would otherwise have moved alike.",
    "harms": "HARMS, if needs would otherwise have moved alike: there were more where lists had begun.",
    "no effect": "NO EFFECT worth seeing, if needs would otherwise have moved alike.",
    "cannot be told": "CANNOT BE TOLD. That is no answer, and not a no.",
}


def say_history(document: Mapping[str, Any]) -> str:
    """Return what a history of starts says in sentences."""
    unit, periods = document["unit"], document["periods"]
    lines = [
        f"{_HEADLINES[document['verdict']]} {document['why']}".rstrip(),
        f"{document['begun']} of {document['units']} {unit}s have begun, at {document['starts']} moments; {periods}"
        f" periods of {document['period_months']} months are counted, {document['periods_before']} of them before"
        f" anybody began, of some {document['households']:,} households.",
    ]
    if document["undelivered"]:
        lines.append(
            f"{document['undelivered']} periods are left out: not all records of needs were delivered, so nobody knows"
            " who had none."
        )
    if document["empty"]:
        lines.append(f"{document['empty']} {unit}s are left out: in some period nobody lived there.")
    if document["interval"] is not None:
        low, high = document["interval"]
        lines.append(
            f"Of 1,000 households of a place {_say_per_thousand(document['estimate'])} had a need in a period once"
            f" lists had begun there ({_say_end(low)} to {_say_end(high)}), by {document['primary']}; of 1,000 where"
            f" they had not, {1000 * document['rate_before']:.1f} had one."
        )
        by_order, by_unit = document["by_order"], document["by_unit"]
        least, most = by_unit["interval"]
        lines.append(
            f"Of {by_order['orders']:,} orders in which they could have begun: p = {by_order['p_value']:.3f}. By the"
            f" error of each {unit}: {_say_per_thousand(least)} to {_say_per_thousand(most)}."
        )
        straight_low, straight_high = document["straight_on"]["interval"]
        lines.append(
            f"If each {unit} had gone straight on as it moved before anybody began: {_say_end(straight_low)} to"
            f" {_say_end(straight_high)}. What is said stands only where both intervals say it."
        )
    lines.append(
        "This assumes parallel trends: that without lists, needs would have moved alike in places that began and in"
        " those that had not, and that no list changed anything elsewhere. It is about all households of a place, most"
        " of whom were never listed. Nothing was fixed beforehand; a lot (`sooner trial plan`) assumes nothing."
    )
    return "\n".join(lines)


def _say_end(end: float | None) -> str:
    return "no bound" if end is None else _say_per_thousand(end)


def _say_per_thousand(difference: float) -> str:
    return f"{abs(1000 * difference):.1f} {'fewer' if difference < 0 else 'more'}"
