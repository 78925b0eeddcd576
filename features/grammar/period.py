"""Lengths of time by the calendar, and the windows they make around an as-of date."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from charter.errors import DefinitionError

__all__ = ["Period", "Window", "days", "months", "since_start", "weeks", "years"]

Unit = Literal["days", "weeks", "months", "years"]
_UNITS: tuple[Unit, ...] = ("days", "weeks", "months", "years")
_DAYS = {"days": 1, "weeks": 7}
_MONTHS = {"months": 1, "years": 12}


@dataclass(frozen=True)
class Period:
    """`n` days, weeks, months or years, by the calendar.

    A month before 31 March is 28 or 29 February: the same day of the month, or the month's last.
    """

    n: int
    unit: Unit

    def __post_init__(self) -> None:
        if self.unit not in _UNITS:
            raise DefinitionError(f"a period has the unit {self.unit!r}.", f"Use one of: {', '.join(_UNITS)}.")
        if isinstance(self.n, bool) or not isinstance(self.n, int) or not 1 <= self.n <= 36500:
            raise DefinitionError(
                f"a period is {self.n!r} {self.unit} long.", "Use a whole number from 1, like months(6)."
            )

    def before(self, day: date) -> date:
        """Return the day that is this period before `day`."""
        return self._move_day(day, -1)

    def after(self, day: date) -> date:
        """Return the day that is this period after `day`."""
        return self._move_day(day, 1)

    def times(self, factor: int) -> Period:
        """Return a period `factor` times as long, in the same unit."""
        return Period(self.n * factor, self.unit)

    def _move_day(self, day: date, sign: int) -> date:
        try:
            if self.unit in _DAYS:
                return day + timedelta(days=sign * self.n * _DAYS[self.unit])
            months_since_zero = day.year * 12 + day.month - 1 + sign * self.n * _MONTHS[self.unit]
            year, month = divmod(months_since_zero, 12)
            return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
        except (OverflowError, ValueError):
            raise DefinitionError(
                f"{self} from {day} leaves the calendar.", "Use a shorter period, or since_start."
            ) from None

    def document(self) -> dict[str, Any]:
        """Return the period as the contract `definition` writes it."""
        return {"n": self.n, "unit": self.unit}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Period:
        """Read a period from its document; raise DefinitionError for one that is not."""
        try:
            return cls(document["n"], document["unit"])
        except (KeyError, TypeError):
            raise DefinitionError(f"{document!r} is no period.", 'Write it like { n = 6, unit = "months" }.') from None

    def __str__(self) -> str:
        return f"{self.n} {self.unit if self.n != 1 else self.unit[:-1]}"


def days(n: int) -> Period:
    """Return a period of `n` days: midnights of the council's time zone, so a clock change moves nothing."""
    return Period(n, "days")


def weeks(n: int) -> Period:
    """Return a period of `n` weeks."""
    return Period(n, "weeks")


def months(n: int) -> Period:
    """Return a period of `n` calendar months."""
    return Period(n, "months")


def years(n: int) -> Period:
    """Return a period of `n` calendar years."""
    return Period(n, "years")


@dataclass(frozen=True)
class Window:
    """Where an expression looks: back over `last`, forward over `next`, or at all that was recorded.

    `last`: valid_at in `[as_of - last, as_of)`; `next`: `[as_of, as_of + next)`; neither: since the feed's start, up
    to as_of. `now` (for what is open at the as-of date) asks nothing of the past but that the feed is live.
    """

    last: Period | None = None
    next: Period | None = None
    now: bool = False

    def __post_init__(self) -> None:
        if (self.last is not None) + (self.next is not None) + self.now > 1:
            raise DefinitionError("a window looks back, forward, or at now; not two of these.", "Keep one of them.")
        for period in (self.last, self.next):
            if period is not None and not isinstance(period, Period):
                raise DefinitionError(f"a window is {period!r} long.", "Write it like last=months(6).")

    @property
    def name(self) -> str:
        """The window's part of a seen column's name: `6_months`, `start`, `now`."""
        if self.now:
            return "now"
        period = self.last or self.next
        return f"{period.n}_{period.unit}" if period else "start"

    def document(self) -> dict[str, Any]:
        """Return the window as the contract `definition` writes it."""
        if self.now:
            return {"now": True}
        if self.last:
            return {"last": self.last.document()}
        if self.next:
            return {"next": self.next.document()}
        return {"since_start": True}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Window:
        """Read a window from its document; raise DefinitionError for one that is not."""
        if document == {"now": True}:
            return cls(now=True)
        if document == {"since_start": True}:
            return cls()
        if set(document) == {"last"}:
            return cls(last=Period.of(document["last"]))
        if set(document) == {"next"}:
            return cls(next=Period.of(document["next"]))
        raise DefinitionError(f"{dict(document)!r} is no window.", "Use last, next, since_start or now.")

    def __str__(self) -> str:
        if self.now:
            return "at the as-of date"
        if self.last:
            return f"in the last {self.last}"
        if self.next:
            return f"in the next {self.next}"
        return "since records began"


since_start = Window()
"""All that was recorded before the as-of date, back to the feed's start."""
