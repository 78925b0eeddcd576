"""Places whose next inspections are likely to fail: an event history with nothing else, as anybody may have one."""

from __future__ import annotations

from features.grammar import Cohort, Feature, Outcome, any_of, count, days_since, months, signal

inspection = signal("triage_food_inspections.food_inspections_subset")
failed = inspection.where(detail="Fail")

COHORT = Cohort("Every place that was inspected", entity="person")

OUTCOME = Outcome("Within twelve months: an inspection failed", any_of(failed, next=months(12)))

FEATURES = [
    Feature(
        "failed_24m",
        count(failed, last=months(24)),
        better="lower",
        reason="Inspections failed in two years: {value}",
        because="A place that failed often fails again.",
    ),
    Feature(
        "inspected_24m",
        count(inspection, last=months(24)),
        reason="Inspections in two years: {value}",
        because="Who is looked at often has been found wanting.",
    ),
    Feature(
        "since_inspection",
        days_since(inspection, last=months(36)),
        reason="Days since the last inspection: {value}",
        because="What was not looked at for long may have slipped.",
    ),
    Feature(
        "since_failed",
        days_since(failed, last=months(36)),
        reason="Days since one failed: {value}",
        because="A fresh failure says more than an old one.",
    ),
]
