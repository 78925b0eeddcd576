"""Early help: households with children whom ordinary help would serve, as plain values (docs/reference/early_help.md).

What a service did (a contact, an assessment, a notice, a suspension) is marked `system_response`: it says as much
about the service as about the family, and every audit is shown with and without it.
"""

from __future__ import annotations

from features.grammar import (
    Cohort,
    Feature,
    Outcome,
    active_days,
    age_of_youngest,
    any_of,
    change,
    children,
    count,
    days_since,
    distinct,
    latest,
    maximum,
    members,
    months,
    open_at,
    signal,
    total,
    years,
)

arrears = signal("housing.arrears_stage")
notice = signal("housing.notice")
council_tax = signal("council_tax.arrears")
support = signal("council_tax.support")
approach = signal("homelessness.approach")
duty = signal("homelessness.duty_owed")
temporary = signal("homelessness.temporary_accommodation")
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
antisocial = signal("youth_justice.antisocial_behaviour")
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
    any_of(duty, exclusion, severe_absence, child_in_need, next=months(12)),
    # Only what begins: of trouble that a service knows already, somebody there is told without any prediction.
    onset=True,
)

FEATURES = [
    # The home: rent and notices.
    Feature(
        "rent_steps_6m",
        count(arrears, last=months(6)),
        reason="Letters and steps about rent owed in six months: {value}",
        because="Falling behind with rent is often the first sign that a household is under strain.",
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
        "rent_owed_latest_12m",
        latest(arrears, last=months(12)),
        reason="Rent owed when last recorded, within a year: {value}",
        because="What is owed now matters more than what was owed before.",
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
        "rent_notice_or_court_12m",
        any_of(arrears.where(detail=["notice", "court"]), last=months(12)),
        reason="Rent owed led to a notice or to court within a year: {value}",
        because="A notice or a court date puts the home itself in question.",
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
    Feature(
        "home_notices_12m",
        count(notice, last=months(12)),
        reason="Notices about the home in a year: {value}",
        because="A notice starts the clock on losing a home.",
        direction="increasing",
        system_response=True,
        better="lower",
    ),
    Feature(
        "no_fault_notice_24m",
        any_of(notice.where(detail="section_21"), last=years(2)),
        reason="A notice that needs no reason, within two years: {value}",
        because="A family can be asked to leave without having done anything wrong.",
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
        "council_tax_owed_highest_24m",
        maximum(council_tax, last=years(2)),
        reason="The most council tax owed at any one time in two years: {value}",
        because="The more is owed, the harder it is to catch up without help.",
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
    # Homelessness.
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
        better="lower",
    ),
    Feature(
        "temporary_home_now",
        open_at(temporary),
        reason="Stays in temporary accommodation that are open now: {value}",
        because="Temporary homes disrupt school, work and support from friends.",
        better="lower",
    ),
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
        "worst_absence_week_6m",
        maximum(absence, last=months(6)),
        reason="Most school sessions missed in any one week of six months: {value}",
        because="A whole week away from school is more than a late bus.",
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
        "suspended_sessions_24m",
        total(suspension, last=years(2)),
        reason="School sessions lost to suspensions in two years: {value}",
        because="Time out of school adds up.",
        system_response=True,
        better="lower",
    ),
    Feature(
        "free_school_meals_now",
        open_at(school_meals),
        reason="Children of the household who have free school meals now: {value}",
        because="Free school meals go to families on a low income.",
    ),
    # Children's social care and early help: what services did.
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
        "contact_sources_24m",
        distinct(contact, of="detail", last=years(2)),
        reason="Different kinds of people who told children's social care of a worry in two years: {value}",
        because="The same worry from different sides is more than the same worry twice.",
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
    # Youth justice and antisocial behaviour.
    Feature(
        "youth_justice_12m",
        count(disposal, last=months(12)),
        reason="Youth justice outcomes in a year: {value}",
        because="Help for the whole family works better than a penalty for one child.",
        better="lower",
    ),
    Feature(
        "antisocial_reports_12m",
        count(antisocial, last=months(12)),
        reason="Reports of antisocial behaviour in a year: {value}",
        because="Trouble in the street is often a sign of trouble elsewhere.",
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
    Feature(
        "age_of_youngest",
        age_of_youngest(),
        reason="Age of the youngest person in the household: {value}",
        because="What helps a family depends on how old its children are.",
    ),
]
