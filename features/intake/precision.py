"""A date has the precision it was written with: recorded on the day it happened is no contradiction.

happened 1 February 10:30, recorded 1 February     known 1 February 10:30, when it happened
happened 1 February 10:30, recorded 31 January     known 31 January: before it happened, which a rule refuses
happened 1 February 10:30, recorded 2 February     known 2 February
"""

from __future__ import annotations

from features.intake.database import quote_text

__all__ = ["not_before"]


def not_before(valid_at: str, midnight: str, time_zone: str) -> str:
    """Return SQL for the time of something known, or over, on a day: `midnight`, or the event's own time on that day.

    `valid_at` and `midnight` are SQL timestamps in UTC; the day is the council's, in `time_zone`.
    """
    zone = quote_text(time_zone)
    day = f"timezone({zone}, ({midnight})::timestamptz)::date"
    happened = f"timezone({zone}, ({valid_at})::timestamptz)::date"
    return f"case when {happened} = {day} then greatest({valid_at}, {midnight}) else {midnight} end"
