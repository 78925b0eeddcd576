"""Families: households with children whom a county's ordinary help would serve, without a word of rents or council tax.

A county is no housing authority: what districts know of rents and homelessness is theirs. Where money or the home is
the first trouble, this list sees it late or not at all; schools and health visitors see it first.
"""

from __future__ import annotations

from features.grammar import (
    Cohort,
    Feature,
    Outcome,
    active_days,
    any_of,
    change,
    children,
    count,
    days_since,
    distinct,
    members,
    months,
    open_at,
    signal,
    total,
    years,
)

absence = signal("education.unauthorised_absence")
severe_absence = signal("education.severe_absence")
suspension = signal("education.suspension")
exclusion = signal("education.permanent_exclusion")
school_meals = signal("education.free_school_meals")
contact = signal("social_care.contact")
referral = signal("social_care.referral")
assessment = signal("social_care.assessment")
child_in_need = signal("social_care.child_in_need")
early_help = signal("early_help.episode")
disposal = signal("youth_justice.disposal")
visit = signal("health_visiting.contact")
missed_visit = signal("health_visiting.missed_appointment")
development = signal("health_visiting.development_concern")

COHORT = Cohort(
    "Households with a child under 18, resident six months, with no assessment or child in need plan open",
    entity="household",
    with_age=(0, 17),
    resident=months(6),
    # Whoever is being assessed or helped already has a worker: a list that names them tells nobody anything.
    unless=[open_at(child_in_need), open_at(assessment)],
)

OUTCOME = Outcome(
    "Within twelve months a need begins that ordinary help could have met",
    any_of(exclusion, severe_absence, child_in_need, next=months(12)),
    onset=True,
)

FEATURES = [
    # School.
    Feature(
        "absences_3m",
        total(absence, last=months(3)),
        reason="School sessions missed without permission in three months: {value}",
        because="Attendance often falls before other services notice anything.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "absences_12m",
        total(absence, last=months(12)),
        reason="School sessions missed without permission in a year: {value}",
        because="A whole year shows what a single bad month does not.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "absences_change_3m",
        change(total(absence, last=months(3))),
        reason="School sessions missed in three months, more or fewer than in the three months before: {value}",
        because="A sudden fall in attendance often follows a change at home.",
        better="lower",
    ),
    Feature(
        "absence_weeks_6m",
        active_days(absence, last=months(6)),
        reason="Weeks in six months with school missed without permission: {value}",
        because="Many weeks with a little absence differ from one long absence.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "children_absent_6m",
        distinct(absence, of="person", last=months(6)),
        reason="Children of the household who missed school without permission in six months: {value}",
        because="When several children miss school the cause is often at home.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "severe_absence_before_24m",
        count(severe_absence, last=years(2)),
        reason="Half-terms in two years with half of school or more missed: {value}",
        because="Long absence is hard to come back from without help.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "suspensions_12m",
        count(suspension, last=months(12)),
        reason="Suspensions from school in a year: {value}",
        because="Suspensions often come before a permanent exclusion.",
        direction="increasing",
        system_response=True,
        better="lower",
    ),
    Feature(
        "free_school_meals_now",
        open_at(school_meals),
        reason="Children of the household who have free school meals now: {value}",
        because="Free school meals go to families on a low income.",
    ),
    # Children's social care and family help: what services did.
    Feature(
        "social_care_contacts_12m",
        count(contact, last=months(12)),
        reason="Times somebody told children's social care of a worry in a year: {value}",
        because="Worries shared by several people are worth an offer of help.",
        system_response=True,
        better="lower",
    ),
    Feature(
        "school_or_health_contacts_12m",
        count(contact.where(detail=["school", "health"]), last=months(12)),
        reason="Times a school or health service told children's social care of a worry in a year: {value}",
        because="Teachers and nurses see children often.",
        system_response=True,
        better="lower",
    ),
    Feature(
        "referrals_24m",
        count(referral, last=years(2)),
        reason="Referrals to children's social care in two years: {value}",
        because="A family that was referred and got no plan may still want help.",
        system_response=True,
        better="lower",
    ),
    Feature(
        "days_since_assessment_3y",
        days_since(assessment, last=years(3)),
        reason="Days since a social care assessment began, within three years: {value}",
        because="Support may have ended when the assessment did.",
        system_response=True,
    ),
    Feature(
        "child_in_need_before_3y",
        any_of(child_in_need, last=years(3)),
        reason="A child in need plan began within three years: {value}",
        because="Needs can come back when a plan ends.",
        system_response=True,
        better="lower",
    ),
    Feature(
        "early_help_now",
        open_at(early_help),
        reason="Early help that is open now: {value}",
        because="A family with help already may need no second offer.",
        system_response=True,
    ),
    Feature(
        "early_help_not_finished_24m",
        any_of(early_help.where(detail=["disengaged", "no_further_action"]), last=years(2)),
        reason="Early help that began within two years and ended without its aims met: {value}",
        because="Help that did not fit the first time may fit in another form.",
        system_response=True,
        better="lower",
    ),
    Feature(
        "youth_justice_12m",
        count(disposal, last=months(12)),
        reason="Youth justice outcomes in a year: {value}",
        because="Help for the whole family works better than a penalty for one child.",
        better="lower",
    ),
    # Health visiting: only with the parent's consent.
    Feature(
        "missed_health_visits_12m",
        count(missed_visit, last=months(12)),
        reason="Health visitor appointments missed in a year: {value}",
        because="A missed appointment can mean that daily life has become too much.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "health_visits_12m",
        count(visit, last=months(12)),
        reason="Health visitor contacts in a year: {value}",
        because="Families with regular visits have somebody to turn to.",
        better="higher",
    ),
    Feature(
        "development_concern_24m",
        any_of(development, last=years(2)),
        reason="A health visitor noted a concern about a child's development within two years: {value}",
        because="Early support for a child's development works best early.",
        direction="increasing",
        better="lower",
    ),
    # Who lives there.
    Feature(
        "people_at_home",
        members(),
        reason="People living in the household: {value}",
        because="Larger households share what money, room and time there is.",
    ),
    Feature(
        "children_at_home",
        children(0, 17),
        reason="Children under 18 living in the household: {value}",
        because="More children need more time, room and money.",
    ),
    Feature(
        "children_under_5",
        children(0, 4),
        reason="Children under five living in the household: {value}",
        because="Families with very young children are offered different help.",
    ),
]
