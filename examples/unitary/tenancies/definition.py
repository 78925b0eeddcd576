"""Tenancies: households whose landlord is the council, and whose home its own help could save.

A council with homes of its own hears of rent trouble first and pays for what follows. The list is for help with it,
never for recovery: nobody who collects rent or council tax sees it.
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
    known_to,
    latest,
    maximum,
    members,
    months,
    open_at,
    signal,
    years,
)

arrears = signal("housing.arrears_stage")
notice = signal("housing.notice")
council_tax = signal("council_tax.arrears")
support = signal("council_tax.support")
approach = signal("homelessness.approach")
duty = signal("homelessness.duty_owed")
temporary = signal("homelessness.temporary_accommodation")

COHORT = Cohort(
    "Households with an adult, resident six months, with rent trouble recorded within two years, whom nobody helps yet",
    entity="household",
    with_age=(18, 120),
    resident=months(6),
    # A tenant who pays on time is on no list: only where the landlord wrote of rent or notice is anybody looked at.
    known_to=[known_to("housing", last=years(2))],
    # Whoever was owed a duty in the last half year, or lives in a temporary home, already has a housing worker.
    unless=[any_of(duty, last=months(6)), open_at(temporary)],
)

OUTCOME = Outcome(
    "Within six months the council owes the household a homelessness duty",
    any_of(duty, next=months(6)),
    onset=True,
)

FEATURES = [
    # The rent.
    Feature(
        "rent_steps_3m",
        count(arrears, last=months(3)),
        reason="Letters and steps about rent owed in three months: {value}",
        because="Rent trouble that begins now can still be put right.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "rent_steps_12m",
        count(arrears, last=months(12)),
        reason="Letters and steps about rent owed in a year: {value}",
        because="Falling behind with rent is the commonest way to lose a home.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "rent_steps_change_3m",
        change(count(arrears, last=months(3))),
        reason="Steps about rent owed in three months, more or fewer than in the three months before: {value}",
        because="Money trouble that grows calls for help sooner than trouble that is easing.",
        better="lower",
    ),
    Feature(
        "rent_owed_highest_12m",
        maximum(arrears, last=months(12)),
        reason="The most rent owed at any one time in a year: {value}",
        because="The more is owed, the harder it is to catch up without help.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "rent_step_latest_12m",
        latest(arrears, details=["letter", "second_letter", "pre_notice", "notice", "court"], last=months(12)),
        reason="How far letters about rent had gone when last recorded: {value}",
        because="Each step brings a household closer to losing its home.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "days_since_rent_step_24m",
        days_since(arrears, last=years(2)),
        reason="Days since the last step about rent owed, within two years: {value}",
        because="Recent trouble says more than old trouble.",
        direction="decreasing",
        better="higher",
    ),
    # Notices: what the landlord did.
    Feature(
        "home_notices_12m",
        count(notice, last=months(12)),
        reason="Notices about the home in a year: {value}",
        because="A notice starts the clock on losing a home.",
        direction="increasing",
        system_response=True,
        better="lower",
    ),
    # Council tax.
    Feature(
        "council_tax_steps_12m",
        count(council_tax, last=months(12)),
        reason="Letters and steps about council tax owed in a year: {value}",
        because="Several bills in arrears at once are a sign of money trouble.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "council_tax_summons_12m",
        any_of(council_tax.where(detail=["summons", "liability_order"]), last=months(12)),
        reason="Council tax owed went to court within a year: {value}",
        because="Court costs are added to a debt that the household already cannot pay.",
        direction="increasing",
        better="lower",
    ),
    Feature(
        "council_tax_support_now",
        open_at(support),
        reason="Awards of help with council tax that are open now: {value}",
        because="Help with council tax goes to households on a low income.",
    ),
    Feature(
        "bills_owed_days_12m",
        active_days(arrears, council_tax, last=months(12)),
        reason="Different days in a year with a step about rent or council tax owed: {value}",
        because="Rent and council tax together show more than either alone.",
        direction="increasing",
        better="lower",
    ),
    # Housing options: what the household asked for, and what the council answered.
    Feature(
        "housing_help_asked_12m",
        count(approach, last=months(12)),
        reason="Times somebody asked the council for help with housing in a year: {value}",
        because="A household that asked for help and was not owed it may still need it.",
        direction="increasing",
    ),
    Feature(
        "days_since_housing_help_asked_3y",
        days_since(approach, last=years(3)),
        reason="Days since somebody last asked for help with housing, within three years: {value}",
        because="Housing trouble tends to come back.",
        direction="decreasing",
    ),
    Feature(
        "housing_duty_before_3y",
        any_of(duty, last=years(3)),
        reason="The council owed the household help with housing within three years: {value}",
        because="A household that nearly lost its home once is more likely to need help again.",
        system_response=True,
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
        because="Where children live, other help can be offered with it.",
    ),
]
