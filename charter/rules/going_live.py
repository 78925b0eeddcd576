"""How a promoted model goes live: `[live]` of `charter.toml`."""

from __future__ import annotations

from dataclasses import dataclass

from charter.council.reading import Table
from charter.errors import CharterError

__all__ = ["Live", "read_live"]


@dataclass(frozen=True)
class Live:
    """How a promoted model goes live: so many weeks of lists shown to nobody, then watched for as long as it runs.

    `false_alarms_a_year` is the chance that watching, over all its series together, ever cries wolf within a year in
    which nothing changed.
    """

    shadow_weeks: int = 8
    false_alarms_a_year: float = 0.05


def read_live(row: Table) -> Live:
    """Read [live]; raise CharterError where a list could be shown that nobody has watched."""
    live = Live(row.take("shadow_weeks", int), row.number("false_alarms_a_year"))
    row.done()
    if live.shadow_weeks < 1 or not 0 < live.false_alarms_a_year < 1:
        raise CharterError(
            "charter.toml: [live] lets a list be shown that nobody has watched.",
            "Write shadow_weeks of at least 1 and false_alarms_a_year between 0 and 1, such as 8 and 0.05.",
        )
    return live
