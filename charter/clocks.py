"""The clocks that a council is held to, and the days they end on.

a complaint about data      acknowledged within 30 days     `complaints` of law.toml
any right over one's data   answered within one month       `rights_in_a_month`
data that is asked for      answered in 20 working days     `information_requests`
a panel's question          answered in 10 working days     the council's own word
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta

__all__ = ["ACKNOWLEDGE_DAYS", "INFORMATION_DAYS", "PANEL_DAYS", "add_month", "add_working_days"]

ACKNOWLEDGE_DAYS = 30
"""Days within which a complaint is acknowledged."""
INFORMATION_DAYS = 20
"""Working days within which a request for information is answered."""
PANEL_DAYS = 10
"""Working days within which a panel's question is answered in public."""

_SATURDAY = 5


def add_working_days(day: date, number: int) -> date:
    """Return the day so many working days later, Saturdays and Sundays left out; bank holidays count as days.

    So it is never later than the law's own day, which leaves bank holidays out too.
    """
    while number:
        day += timedelta(days=1)
        number -= day.weekday() < _SATURDAY
    return day


def add_month(day: date) -> date:
    """Return the same day of the next month, or its last where there is none: of 31 January 28 or 29 February."""
    year, month = divmod(day.year * 12 + day.month, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
