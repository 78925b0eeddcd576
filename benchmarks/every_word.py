"""The second definition: every word of the grammar, every kind of window and condition, and every rule of a cohort."""

from __future__ import annotations

from benchmarks.borough_at_scale import DETAILS
from benchmarks.definition import OUTCOME, SIGNALS
from features.grammar import (
    Cohort,
    Definition,
    Expression,
    Feature,
    active_days,
    age_of_youngest,
    any_of,
    category,
    change,
    children,
    count,
    days,
    days_since,
    days_since_change,
    distinct,
    known_to,
    latest,
    maximum,
    mean,
    members,
    minimum,
    months,
    open_at,
    per_member,
    ratio,
    signal,
    since_start,
    total,
    weeks,
    years,
)

__all__ = ["DEFINITION", "FEATURES"]

arrears, absence, episode = signal("housing.arrears_stage"), signal("education.unauthorised_absence"), signal(
    "early_help.episode"
)  # fmt: skip


def _of_service(name: str) -> dict[str, Expression]:
    """Return the columns that every service has."""
    events = signal(name)
    return {
        "count": count(events, last=months(6)),
        "large": count(events.where(amount_at_least=100), last=years(2)),
        "any": any_of(events, last=weeks(6)),
        "days_since": days_since(events, last=years(3)),
        "total": total(events, last=months(12)),
        "small_total": total(events.where(amount_below=500), last=since_start),
        "mean": mean(events, last=months(12)),
        "maximum": maximum(events, last=days(400)),
        "latest": latest(events, last=years(1)),
        "kinds": distinct(events, of="detail", last=months(9)),
        "people": distinct(events, of="person", last=years(1)),
        "active_days": active_days(events, last=months(6)),
        "change": change(count(events, last=months(3))),
        "change_total": change(total(events, last=months(2))),
        "minimum": minimum(events, last=months(12)),
        "days_since_change": days_since_change(events, last=years(2)),
        "category": category(events, last=years(1), details=DETAILS[name][:2]),
        "large_share": ratio(count(events.where(amount_at_least=100), last=years(1)), count(events, last=years(1))),
        "for_each": per_member(count(events, last=months(6))),
        "for_each_child": per_member(total(events, last=years(1)), age=(0, 17)),
    }


def _features() -> list[Feature]:
    found: dict[str, Expression] = {
        f"{service}_{ending}": expression
        for service, name in SIGNALS.items()
        for ending, expression in _of_service(name).items()
    }
    found |= {
        "rent_step": latest(
            arrears, details=["letter", "second_letter", "pre_notice", "notice", "court"], last=years(1)
        ),
        "rent_court": any_of(arrears.where(detail=["notice", "court"]), last=years(2)),
        "help_now": open_at(episode),
        "services": distinct(*(signal(name) for name in SIGNALS.values()), of="signal", last=years(1)),
        "bills_days": active_days(arrears, signal("council_tax.arrears"), last=months(12)),
        "people_at_home": members(),
        "children_at_home": children(0, 17),
        "age_of_youngest": age_of_youngest(),
    }
    return [Feature(name, word, "Said: {value}", "Every word is said at least once.") for name, word in found.items()]


FEATURES = _features()
DEFINITION = Definition(
    "every_word",
    Cohort(
        # Every rule there is, none of which puts many out: so that the work is as large as the first definition's.
        "Households resident a month, ever known to schools or in arrears, without a plan",
        entity="household",
        with_age=(0, 90),
        resident=months(1),
        given=[count(*(signal(name) for name in SIGNALS.values()), last=since_start)],
        unless=[open_at(signal("social_care.child_in_need").where(detail="plan"))],
        known_to=[known_to("education", last=since_start)],
    ),
    OUTCOME,
    tuple(FEATURES),
)
