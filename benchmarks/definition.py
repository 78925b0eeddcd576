"""The columns that every contender makes: 8 services x 22 columns = 176, for every household.

Per service: count, total, mean, maximum and different details over 30 days, 90 days, 365 days and since the start;
days since the last event; and the change between two windows of 90 days. As-of dates are 24 mornings, a month apart.
"""

from __future__ import annotations

from datetime import date

from features.grammar import (
    Cohort,
    Definition,
    Feature,
    Outcome,
    Period,
    Window,
    any_of,
    change,
    count,
    days,
    days_since,
    distinct,
    maximum,
    mean,
    months,
    signal,
    since_start,
    total,
)

__all__ = ["COHORT", "DEFINITION", "FEATURES", "OUTCOME", "SIGNALS", "WINDOWS", "as_of_dates"]

SIGNALS = {
    "housing": "housing.arrears_stage",
    "council_tax": "council_tax.arrears",
    "homelessness": "homelessness.approach",
    "education": "education.unauthorised_absence",
    "social_care": "social_care.contact",
    "early_help": "early_help.episode",
    "youth_justice": "youth_justice.antisocial_behaviour",
    "health_visiting": "health_visiting.contact",
}
"""The one signal of each service that features read."""

WINDOWS: dict[str, Period | Window] = {"30d": days(30), "90d": days(90), "365d": days(365), "all": since_start}
"""The windows by the ending of a column's name."""

_WORDS = {"count": count, "total": total, "mean": mean, "maximum": maximum}
_TITLES = {"count": "Events", "total": "Sum", "mean": "Mean", "maximum": "Largest amount"}


def _features() -> list[Feature]:
    made = []
    for service, name in SIGNALS.items():
        events = signal(name)
        for ending, window in WINDOWS.items():
            for word, make in _WORDS.items():
                made.append((f"{service}_{word}_{ending}", make(events, last=window), _TITLES[word]))
            made.append((f"{service}_kinds_{ending}", distinct(events, of="detail", last=window), "Different details"))
        made.append((f"{service}_days_since", days_since(events, last=since_start), "Days since the last event"))
        made.append((f"{service}_change_90d", change(count(events, last=days(90))), "Change in events"))
    return [Feature(name, word, f"{title}: {{value}}", "Every contender makes it.") for name, word, title in made]


COHORT = Cohort("Every household with an address", entity="household")
OUTCOME = Outcome(
    "A duty owed or a plan",
    any_of(signal("homelessness.duty_owed"), signal("social_care.child_in_need"), next=months(12)),
)
FEATURES = _features()
DEFINITION = Definition("benchmarks", COHORT, OUTCOME, tuple(FEATURES))


def as_of_dates(count: int = 24) -> tuple[date, ...]:
    """Return the last `count` of the monthly as-of dates that end on 1 September 2025, ascending."""
    last = date(2025, 9, 1)
    return tuple(Period(n, "months").before(last) if n else last for n in reversed(range(count)))
