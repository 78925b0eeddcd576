"""A definition is values that check themselves; what breaks the grammar names the feature, the rule and the fix."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from charter.errors import CharterError, DataError, DefinitionError, UsageError
from charter.invocation import shipped_council
from features.grammar import (
    Cohort,
    Definition,
    Feature,
    Outcome,
    Period,
    Window,
    age_of_youngest,
    any_of,
    category,
    change,
    children,
    count,
    days,
    days_since_change,
    distinct,
    known_to,
    latest,
    members,
    months,
    open_at,
    per_member,
    signal,
    since_start,
    total,
    years,
)
from features.grammar.definition import name_seen_column
from features.grammar.words import describe_expression, describe_reason, describe_value

absence = signal("education.unauthorised_absence")
arrears = signal("housing.arrears_stage")
COHORT = Cohort("Everybody")
TENURE = category(signal("housing.tenure"), details=["council", "private_rented"], last=years(2))
SHARED = per_member(count(absence, last=months(6)), age=(5, 15))
OUTCOME = Outcome("A need", any_of(signal("homelessness.duty_owed"), next=months(12)))


def feature(expression, name="asked", reason="Said: {value}", **more) -> Feature:
    return Feature(name, expression, reason, "Because it is asked.", **more)


def test_the_shipped_programme_reads_back_from_its_document() -> None:
    definition = Definition.load(shipped_council() / "early_help" / "definition.py")
    document = definition.document({"housing.arrears_stage": "GBP"})
    assert Definition.of(document) == definition
    units = {f["name"]: f["unit"] for f in document["features"]}
    assert units["rent_owed_highest_12m"] == "GBP"
    assert units["rent_steps_6m"] == "events"


def test_every_word_reads_back_from_its_document() -> None:
    asked = [
        count(absence, last=months(6)),
        total(arrears.where(detail=["letter"], amount_at_least="2.5", amount_below=1000), last=since_start),
        latest(arrears, details=["letter", "court"], last=years(1)),
        distinct(absence, arrears, of="signal", last=days(10)),
        change(total(arrears, last=months(3))),
        open_at(absence),
        category(arrears, details=["letter", "court"], last=years(1)),
        days_since_change(absence, last=since_start),
        per_member(total(arrears, last=months(3)), age=(18, 64)),
        per_member(count(absence, last=months(3))),
        children(0, 4),
        members(),
    ]
    cohort = Cohort(
        "Children",
        with_age=(0, 17),
        resident=months(6),
        given=[any_of(absence, last=months(1))],
        unless=[open_at(arrears)],
        known_to=[known_to("education", last=years(1))],
    )
    named = tuple(feature(expression, f"f{n}") for n, expression in enumerate(asked))
    definition = Definition("all_words", cohort, OUTCOME, named)
    assert Definition.of(definition.document()) == definition


def test_a_document_that_was_edited_is_refused() -> None:
    document = Definition("one", COHORT, OUTCOME, (feature(members()),)).document()
    document["features"][0]["because"] = "Another reason."
    with pytest.raises(DefinitionError, match="does not match its hash"):
        Definition.of(document)
    with pytest.raises(DataError, match="breaks its contract"):
        Definition.of(document | {"entity": "street"})


def test_the_hash_depends_on_what_is_asked_and_not_on_units() -> None:
    one = Definition("one", COHORT, OUTCOME, (feature(total(arrears, last=months(3))),))
    other = Definition("one", COHORT, OUTCOME, (feature(total(arrears, last=months(4))),))
    assert one.hash != other.hash
    assert one.document({"housing.arrears_stage": "GBP"})["hash"] == one.document()["hash"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: months(0), "0 months long"),
        (lambda: months(1.5), "1.5 months long"),
        (lambda: Period(1, "moons"), "the unit 'moons'"),
        (lambda: signal("arrears"), "'arrears' is no signal"),
        (lambda: absence.where(), "says nothing"),
        (lambda: absence.where(amount_at_least=0.1), "never a float"),
        (lambda: absence.where(amount_at_least="0.00001"), "does not fit decimal"),
        (lambda: absence.where(amount_at_least=2, amount_below=2), "no amount"),
        (lambda: absence.where(detail=["a", "a"]), "not different"),
        (lambda: count(last=months(6)), "reads no signal"),
        (lambda: count(absence, absence, last=months(6)), "names a signal twice"),
        (lambda: count(absence, last=6), "looks back 6"),
        (lambda: any_of(absence), "both ways or nowhere"),
        (lambda: latest(absence, details=["a", "a"], last=months(6)), "not different"),
        (lambda: distinct(absence, of="amount", last=months(6)), "reads no column"),
        (lambda: change(count(absence, last=since_start)), "compares no such thing"),
        (lambda: change(open_at(absence)), "compares no such thing"),
        (lambda: category(absence, details=[], last=months(6)), "needs stated details"),
        (lambda: category(absence, details=["a", "a"], last=months(6)), "not different"),
        (lambda: category(absence, details=[str(n) for n in range(21)], last=months(6)), "20 at most"),
        (lambda: feature(TENURE, direction="increasing"), "no more and no less"),
        (lambda: feature(TENURE, better="lower"), "no more and no less"),
        (lambda: per_member(any_of(absence, last=months(6))), "shares out no count"),
        (lambda: per_member(count(absence, arrears, last=months(6))), "of one service"),
        (lambda: per_member(count(absence, last=months(6)), age=(5, 4)), "no range of ages"),
        (lambda: Definition("one", Cohort("All", "person"), OUTCOME, (feature(SHARED),)), "rows are persons"),
        (lambda: children(5, 4), "no range of ages"),
        (lambda: Window(last=months(1), next=months(1)), "not two of these"),
        (lambda: known_to("Education", last=months(6)), "is no signal"),
        (lambda: Cohort("All", entity="street"), "entity is 'street'"),
        (lambda: Cohort("All", unless=[any_of(absence, next=months(6))]), "no question about the past"),
        (lambda: Cohort(""), "has no title"),
        (lambda: Outcome("A need", count(absence, last=months(6))), "does not look forward"),
        (lambda: feature(any_of(absence, next=months(12))), "feature asked looks forward"),
        (lambda: feature(members(), name="Two Words"), "'Two Words'"),
        (lambda: feature(members(), reason="No value"), "does not hold {value} once"),
        (lambda: feature(members(), reason="{value} at " + "ri" + "sk"), 'says "' + "ri" + 'sk"'),
        (lambda: feature(members(), direction="up"), "direction 'up'"),
        (lambda: feature("count"), "no expression"),
        (lambda: Definition("one", COHORT, OUTCOME, ()), "no features"),
        (lambda: Definition("one", COHORT, OUTCOME, (feature(members()), feature(members()))), "two features"),
        (lambda: Definition("one", Cohort("All", "person"), OUTCOME, (feature(members()),)), "rows are persons"),
        (
            lambda: Definition("one", Cohort("All", "person"), OUTCOME, (feature(age_of_youngest()),)),
            "a person's own age, a characteristic that is read to measure unfairness",
        ),
    ],
)
def test_a_wrong_value_says_the_rule_and_the_fix(wrong, says: str) -> None:
    with pytest.raises(DefinitionError, match=r".") as raised:
        wrong()
    assert says in raised.value.message or says in raised.value.next_step
    assert raised.value.next_step
    assert raised.value.exit_code == 10


def test_protected_characteristics_cannot_be_read() -> None:
    with pytest.raises(CharterError, match="protected characteristic"):
        count(signal("protected.ethnicity"), last=months(6))


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        COHORT.title = "Other"  # type: ignore[misc]  # that is the point


def test_a_broken_file_names_its_line_and_the_feature(tmp_path: Path) -> None:
    lines = [
        "from features.grammar import *",
        "COHORT = Cohort('All')",
        "OUTCOME = Outcome('A need', any_of(signal('a.b'), next=months(12)))",
        "FEATURES = [",
        "    Feature('absences',",
        "            count(signal('a.b'), last=months(0)),",
        "            reason='{value}', because='Because'),",
        "]",
    ]
    path = tmp_path / "definition.py"
    path.write_text("\n".join(lines))
    with pytest.raises(DefinitionError, match=r"definition.py line 6, feature absences: a period is 0 months long"):
        Definition.load(path)
    path.write_text("COHORT = ")
    with pytest.raises(DefinitionError, match=r"definition.py line 1: SyntaxError"):
        Definition.load(path)
    path.write_text("COHORT = 1")
    with pytest.raises(DefinitionError, match="sets no OUTCOME and no FEATURES"):
        Definition.load(path)
    with pytest.raises(UsageError, match="is missing"):
        Definition.load(tmp_path / "other.py")


def test_seen_columns_are_named_by_service_and_window() -> None:
    asked = feature(change(count(absence, arrears, last=months(3))))
    assert asked.seen == ("education:6_months", "housing:6_months")
    assert feature(open_at(absence)).seen == ("education:now",)
    assert feature(members()).seen == ()
    assert name_seen_column("housing", since_start) == "housing:start"


@pytest.mark.parametrize(
    ("day", "period", "before"),
    [
        (date(2024, 3, 31), months(1), date(2024, 2, 29)),
        (date(2024, 2, 29), years(1), date(2023, 2, 28)),
        (date(2024, 1, 31), months(13), date(2022, 12, 31)),
        (date(2024, 3, 1), days(1), date(2024, 2, 29)),
        (date(2024, 3, 15), Period(2, "weeks"), date(2024, 3, 1)),
    ],
)
def test_periods_go_by_the_calendar(day: date, period: Period, before: date) -> None:
    assert period.before(day) == before


def test_a_period_that_leaves_the_calendar_is_refused() -> None:
    with pytest.raises(DefinitionError, match="leaves the calendar"):
        years(3000).before(date(2024, 1, 1))


def test_values_are_said_as_people_say_them() -> None:
    units = {"housing.arrears_stage": "GBP"}
    owed = feature(total(arrears, last=months(12)), reason="Rent owed: {value}").document(units)
    assert describe_reason(owed, 1250.4) == "Rent owed: £1,250"
    assert describe_value(owed, -3) == "-£3"
    assert describe_value(owed, float("nan")) == "not seen"
    assert describe_value(owed, None) == "not seen"
    assert describe_value(feature(any_of(arrears, last=months(12))).document(), 1) == "yes"
    step = feature(latest(arrears, details=["pre_notice", "court"], last=months(12))).document()
    assert describe_value(step, 1) == "pre notice"
    assert describe_value(step, 0) == "none"


def test_days_since_nothing_is_said_as_none() -> None:
    from features.grammar import days_since

    asked = feature(days_since(arrears, last=months(12))).document()
    assert describe_value(asked, 366, date(2023, 3, 1)) == "none"
    assert describe_value(asked, 366, date(2024, 3, 1)) == "366"
    assert describe_value(asked, 367) == "none"
    assert describe_value(asked, 12) == "12"


def test_expressions_are_described_in_english() -> None:
    titles = {"housing.arrears_stage": "Rent arrears"}
    letters = count(arrears.where(detail="letter", amount_at_least=Decimal(5)), last=months(6))
    assert (
        describe_expression(letters, titles)
        == "Number of events: Rent arrears (letter, at least 5), in the last 6 months"
    )
    assert describe_expression(children(0, 4)) == "Number of members aged 0 to 4, at the as-of date"
    assert describe_expression(open_at(absence)) == "Open: education, unauthorised absence, at the as-of date"


def test_the_good_side_is_written_only_where_it_is_given() -> None:
    without, with_side = (feature(total(arrears, last=months(3)), **more) for more in ({}, {"better": "lower"}))
    assert "better" not in without.document()
    assert with_side.document()["better"] == "lower"
    plain, sided = (Definition("one", COHORT, OUTCOME, (asked,)) for asked in (without, with_side))
    # The hash that this definition had before there was the word.
    assert plain.hash == "638e84fe9ae4278d"
    assert plain.hash != sided.hash
    assert Definition.of(sided.document()) == sided
    with pytest.raises(DefinitionError, match="Use lower, higher or None"):
        feature(members(), better="more")


@pytest.mark.parametrize(
    ("value", "said"), [(0, "none"), (1, "council"), (2, "private rented"), (3, "another"), (float("nan"), "not seen")]
)
def test_a_code_of_a_category_is_said_by_its_detail(value: float, said: str) -> None:
    assert describe_value(feature(TENURE).document(), value) == said


def test_the_newer_words_are_described() -> None:
    told = [describe_expression(word) for word in (TENURE, days_since_change(absence, last=years(1)), SHARED)]
    assert told == [
        "Which of council, private rented or another, the newest: housing, tenure, in the last 2 years",
        "Days since another detail than before: education, unauthorised absence, in the last 1 year",
        "For each member aged 5 to 15 that was seen: number of events: education, unauthorised absence, in the last"
        " 6 months",
    ]
    since = feature(days_since_change(absence, last=months(1))).document()
    assert describe_value(since, 32, date(2024, 6, 1)) == "none"
