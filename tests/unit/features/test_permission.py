"""The charter's list, the register's basis and the person's choice: three questions, all of which must say yes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from charter.council.register import Register
from charter.errors import CharterError, DefinitionError
from charter.invocation import shipped_council
from charter.rules.policy import Policy
from features.grammar import Cohort, Definition, Feature, Outcome, age_of_youngest, any_of, count, months, signal
from features.permission import ALL, Choice, Permission, find_hidden, is_denied, is_permitted, refuse_hidden

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OUTCOME = Outcome("A need", any_of(signal("homelessness.duty_owed"), next=months(12)))


def choice(kind: str, service: str = "school", status: str = "received", day: int = 0, **more) -> Choice:
    start = LONG_AGO + day * DAY
    values = {"end": None, "decided_by": None, "known_until": None, "purpose": "train"} | more
    return Choice("ada", service, kind=kind, status=status, start=start, known_at=start, **values)


def asked(*choices: Choice, day: int = 100, consent_based: bool = False) -> bool:
    return is_permitted(choices, "school", "train", LONG_AGO + day * DAY, consent_based=consent_based)


def test_without_any_choice_only_a_consent_basis_forbids() -> None:
    assert asked()
    assert not asked(consent_based=True)


def test_consent_counts_for_its_service_and_purpose_while_it_lasts() -> None:
    assert asked(choice("consent"), consent_based=True)
    assert asked(choice("consent", ALL, purpose=ALL), consent_based=True)
    assert not asked(choice("consent", "clinic"), consent_based=True)
    assert not asked(choice("consent", purpose="rank"), consent_based=True)
    assert not asked(choice("consent", end=LONG_AGO + 50 * DAY), consent_based=True)
    assert not asked(choice("consent", status="overruled"), consent_based=True)


def test_a_refusal_objection_or_restriction_beats_consent_anywhere() -> None:
    for kind in ("refusal", "objection", "restriction"):
        assert not asked(choice("consent"), choice(kind, day=10), consent_based=True)
        assert not asked(choice(kind))
        assert not asked(choice(kind, ALL))
        assert asked(choice(kind, "clinic"))
        assert asked(choice(kind, end=LONG_AGO + 50 * DAY))


def test_only_a_named_role_overrules_and_only_until_the_next_objection() -> None:
    received = choice("objection")
    overruled = choice("objection", status="overruled", day=20, decided_by="data_protection_officer")
    assert asked(received, overruled)
    assert not asked(received, overruled, day=15)
    assert not asked(received, choice("objection", status="overruled", day=20))
    assert not asked(received, overruled, choice("objection", day=30))
    assert not asked(received, choice("restriction", status="overruled", day=20, decided_by="data_protection_officer"))
    assert not asked(choice("refusal"), choice("refusal", status="overruled", day=20, decided_by="board"))


def test_a_choice_counts_from_its_first_moment_and_not_at_its_last() -> None:
    objection = replace(choice("objection", day=100), known_at=LONG_AGO)
    assert not asked(objection, day=100)
    assert asked(objection, day=99)
    assert asked(choice("objection", end=LONG_AGO + 100 * DAY), day=100)


def test_at_one_moment_the_row_that_forbids_counts() -> None:
    overruled = choice("objection", status="overruled", decided_by="data_protection_officer")
    assert not asked(choice("objection"), overruled)
    assert not asked(overruled, choice("objection"))
    for by_nobody in (choice("objection", status="overruled"), choice("objection", decided_by="desk")):
        assert not asked(overruled, by_nobody)
        assert not asked(by_nobody, overruled)


def test_only_what_was_said_about_all_services_keeps_a_person_out() -> None:
    at = LONG_AGO + 100 * DAY
    assert is_denied([choice("objection", ALL)], ALL, "train", at)
    assert not is_denied([choice("objection", "school")], ALL, "train", at)
    assert not is_denied([choice("objection", ALL, purpose="display")], ALL, "train", at)


@pytest.fixture(scope="module")
def rules() -> tuple[Policy, Register, Permission]:
    policy, register = (
        Policy.load(shipped_council() / "charter.toml"),
        Register.load(shipped_council() / "register.toml"),
    )
    return policy, register, Permission.of(policy, register, "train")


def check(rules: tuple[Policy, Register, Permission], *features: Feature, cohort: Cohort = Cohort("All")) -> None:  # noqa: B008  # a frozen value
    policy, register, permission = rules
    permission.check(Definition("one", cohort, OUTCOME, features), policy, register)


def feature(name: str, expression, **more) -> Feature:
    return Feature(name, expression, "Said: {value}", "Because.", **more)


def test_the_shipped_programme_is_allowed(rules: tuple[Policy, Register, Permission]) -> None:
    policy, register, permission = rules
    definition = Definition.load(shipped_council() / "early_help" / "definition.py")
    permission.check(definition, policy, register)
    assert "hospital.emergency_admission" not in permission.signals
    assert "hospital.emergency_admission" in Permission.of(policy, register, "evaluate").signals


def test_a_signal_that_may_only_evaluate_is_refused_as_a_feature(rules: tuple[Policy, Register, Permission]) -> None:
    reads = feature("admissions", count(signal("hospital.emergency_admission"), last=months(12)))
    with pytest.raises(CharterError, match=r"feature admissions reads hospital.emergency_admission") as raised:
        check(rules, reads)
    assert raised.value.exit_code == 12


def test_a_signal_of_a_prohibited_kind_is_refused_whatever_the_feature_is_called(
    rules: tuple[Policy, Register, Permission], tmp_path: Path
) -> None:
    text = (shipped_council() / "register.toml").read_text()
    (tmp_path / "register.toml").write_text(text.replace('name = "housing.notice"', 'name = "housing.first_language"'))
    register = Register.load(tmp_path / "register.toml")
    permission = Permission.of(rules[0], register, "train")
    assert "housing.first_language" not in permission.signals
    reads = feature("letters", count(signal("housing.first_language"), last=months(12)), system_response=True)
    with pytest.raises(CharterError, match=r"reads housing.first_language, which the charter prohibits: Race"):
        check((rules[0], register, permission), reads)


def test_a_signal_whose_service_has_not_agreed_to_the_purpose_is_refused(
    rules: tuple[Policy, Register, Permission], tmp_path: Path
) -> None:
    text = (shipped_council() / "register.toml").read_text()
    assert text.count('purposes = ["link", "train", ') > 5
    narrower = text.replace('purposes = ["link", "train", ', 'purposes = ["link", ', 1)
    (tmp_path / "register.toml").write_text(narrower)
    register = Register.load(tmp_path / "register.toml")
    permission = Permission.of(rules[0], register, "train")
    assert "council_tax.arrears" in permission.signals
    with pytest.raises(CharterError, match=r"housing\.\S+, whose register entry does not cover the purpose train"):
        check((rules[0], register, permission), feature("rent", count(signal("housing.arrears_stage"), last=months(3))))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", ""),
        (
            "confidential_from_household = false",
            "confidential_from_household = true",
            "confidential from the household",
        ),
        ("display = true", "display = false", "of which no worker may be told"),
        ('"display", ', "", "may not be used for the purpose display"),
    ],
)
def test_what_may_not_be_shown_is_no_features(
    rules: tuple[Policy, Register, Permission], tmp_path: Path, old: str, new: str, said: str
) -> None:
    """The first row is housing's; every shipped programme keeps to the rule as it is shipped."""
    text = (shipped_council() / "register.toml").read_text(encoding="utf-8")
    (tmp_path / "register.toml").write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    register = Register.load(tmp_path / "register.toml")
    for name in ("early_help", "homelessness"):
        definition = Definition.load(shipped_council() / name / "definition.py")
        hidden = find_hidden(definition, rules[0], register)
        assert {found.signal.split(".")[0] for found in hidden} == ({"housing"} if old else set())
        if old:
            with pytest.raises(CharterError, match=rf"reads housing\.\S+, .*{said}.*may not move an order") as refused:
                refuse_hidden(definition, rules[0], register)
            assert refused.value.exit_code == 12


def test_an_unknown_signal_and_a_prohibited_name_are_refused(rules: tuple[Policy, Register, Permission]) -> None:
    with pytest.raises(CharterError, match="no source of the register declares"):
        check(rules, feature("one", count(signal("housing.pets"), last=months(12))))
    with pytest.raises(CharterError, match="name that the charter prohibits"):
        check(
            rules, feature("ethnic_group_size", count(signal("housing.notice"), last=months(12)), system_response=True)
        )


def test_what_a_service_did_must_be_marked(rules: tuple[Policy, Register, Permission]) -> None:
    notices = count(signal("housing.notice"), last=months(12))
    with pytest.raises(DefinitionError, match="records what a service did"):
        check(rules, feature("notices", notices))
    check(rules, feature("notices", notices, system_response=True))


def test_ages_need_the_charters_leave(rules: tuple[Policy, Register, Permission], tmp_path: Path) -> None:
    text = (shipped_council() / "charter.toml").read_text()
    path = tmp_path / "charter.toml"
    path.write_text(text.replace("age_as_composition = true", "age_as_composition = false"))
    strict = (Policy.load(path), rules[1], rules[2])
    with pytest.raises(CharterError, match="feature youngest reads ages"):
        check(strict, feature("youngest", age_of_youngest()))
    with pytest.raises(CharterError, match="cohort asks for ages"):
        check(
            strict,
            feature("n", count(signal("council_tax.arrears"), last=months(1))),
            cohort=Cohort("A", with_age=(0, 17)),
        )
