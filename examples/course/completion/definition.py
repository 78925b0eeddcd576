"""Completion of a real course: who, four weeks in, may not complete it (module AAA; for plumbing, not for claims).

Rows are enrolments. Whoever has withdrawn already is out; the registry's result is the outcome and nothing else.
"""

from __future__ import annotations

from features.grammar import (
    Cohort,
    Feature,
    Outcome,
    active_days,
    any_of,
    change,
    count,
    days,
    days_since,
    distinct,
    latest,
    mean,
    months,
    open_at,
    signal,
    since_start,
    total,
    weeks,
)

clicks = signal("learning.clicks")
submission = signal("assessment.submission")
enrolment = signal("registry.enrolment")
gone = signal("registry.did_not_complete")

COHORT = Cohort(
    "Students enrolled on day 28 who have not withdrawn",
    entity="person",
    called=("student", "students"),
    given=[open_at(enrolment)],
    unless=[any_of(gone, last=since_start)],
)

# Each student's horizon ends with the presentation, on whose last day a fail is recorded.
OUTCOME = Outcome(
    "The student does not complete", any_of(gone, next=months(12)), ends_with=signal("registry.enrolment")
)

FEATURES = [
    Feature(
        "clicks_28d",
        total(clicks, last=days(28)),
        reason="Clicks in four weeks: {value}",
        because="Students who stop looking at the material often stop altogether.",
        direction="decreasing",
    ),
    Feature(
        "clicks_change_2w",
        change(total(clicks, last=weeks(2))),
        reason="Clicks in two weeks, more or fewer than in the two weeks before: {value}",
        because="A fall in activity comes before giving up.",
        direction="decreasing",
    ),
    Feature(
        "active_days_28d",
        active_days(clicks, last=days(28)),
        reason="Days with any activity in four weeks: {value}",
        because="Regular work matters more than long sessions.",
        direction="decreasing",
    ),
    Feature(
        "days_since_click",
        days_since(clicks, last=months(2)),
        reason="Days since the last activity: {value}",
        because="A long silence is worth a call.",
        direction="increasing",
    ),
    Feature(
        "kinds_28d",
        distinct(clicks, of="detail", last=days(28)),
        reason="Kinds of material used in four weeks: {value}",
        because="Students who look around the course find help in it.",
    ),
    Feature(
        "forum_28d",
        count(clicks.where(detail="forumng"), last=days(28)),
        reason="Visits to the forum in four weeks: {value}",
        because="Students who talk to others stay.",
    ),
    Feature(
        "clicks_3m",
        total(clicks, last=months(3)),
        reason="Clicks in three months: {value}",
        because="Some prepare before the course begins.",
    ),
    Feature(
        "handed_in",
        count(submission, last=months(2)),
        reason="Pieces of work handed in within two months: {value}",
        because="The first piece of work is the first hurdle.",
        direction="decreasing",
    ),
    Feature(
        "score_mean",
        mean(submission, last=months(2)),
        reason="Mean score of work handed in within two months: {value}",
        because="A low score can be a reason to give up.",
    ),
    Feature(
        "score_latest",
        latest(submission, last=months(2)),
        reason="Score of the last piece of work within two months: {value}",
        because="The last score is what the student remembers.",
    ),
]
