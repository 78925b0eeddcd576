"""Places whose next inspection is likely to fail: an event history with nothing else, as anybody may have one."""

from __future__ import annotations

from features.grammar import Cohort, Feature, Outcome, any_of, category, count, days_since, months, signal

inspection = signal("inspections.inspection")
failed = inspection.where(detail="Fail")
complaint = signal("inspections.complaint")

COHORT = Cohort("Every place that is to be inspected", entity="person", called=("place", "places"))

OUTCOME = Outcome("Within two months: an inspection failed", any_of(failed, next=months(2)))

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
        "newest_result",
        category(inspection, details=["Pass", "Pass w/ Conditions", "Fail"], last=months(36)),
        reason="The newest inspection ended with: {value}",
        because="What was found last is where the next one begins.",
    ),
    Feature(
        "complaints_24m",
        count(complaint, last=months(24)),
        better="lower",
        reason="Complaints in two years: {value}",
        because="Guests see what inspectors come to see later.",
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
        better="higher",
        reason="Days since one failed: {value}",
        because="A fresh failure says more than an old one.",
    ),
]
