"""Formats of which nobody has made up files that may be used: small made-up deliveries come in whole by their rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from charter.errors import CharterError, DataError
from features.pull_plan import find_newest_snapshot
from tests.unit.features.conftest import Town
from tests.unit.features.intake.test_sector_formats import check_sums, count_events, take_up

Rows = Callable[[Path], list[dict[str, object]]]
UPN = "A123456789012"

PAYLOAD = {
    "Children": [
        {
            "la_child_id": "C1",
            "mis_child_id": "S1",
            "purge": False,
            "child_details": {"first_name": "Ada", "surname": "Marsh", "date_of_birth": "2015-03-01", "sex": "F",
                              "ethnicity": "WBRI", "disabilities": ["NONE"], "purge": False},
            "social_care_episodes": [
                {
                    "social_care_episode_id": "E1", "referral_date": "2024-02-01", "referral_source": "2B",
                    "referral_no_further_action_flag": False, "closure_date": None, "purge": False,
                    "care_worker_details": [{"worker_id": "W1", "start_date": "2024-02-01"}],
                    "child_and_family_assessments": [
                        {"child_and_family_assessment_id": "A1", "start_date": "2024-02-03",
                         "authorisation_date": "2024-03-20", "factors": ["1B", "3B"], "purge": False},
                        {"child_and_family_assessment_id": "A2", "start_date": "2024-05-03", "factors": [],
                         "purge": True},
                    ],
                    "child_in_need_plans": [
                        {"child_in_need_plan_id": "P1", "start_date": "2024-04-01", "purge": False}
                    ],
                }
            ],
        },
        {
            "la_child_id": "C2",
            "child_details": {"surname": "Okonedo", "expected_date_of_birth": "2024-12-01", "purge": False},
            "social_care_episodes": [{"social_care_episode_id": "E2", "referral_date": "2024-03-01", "purge": False}],
        },
    ]
}  # fmt: skip

SEN2 = f"""<Message><SEN2>
 <Person><Surname>Marsh</Surname><Forename>Ada</Forename><PersonBirthDate>2015-03-01</PersonBirthDate><Sex>F</Sex>
  <Ethnicity>WBRI</Ethnicity><PostCode>FH1 1AA</PostCode><UPN>{UPN}</UPN>
  <Requests><ReceivedDate>2023-01-10</ReceivedDate><RYA>0</RYA><RequestOutcome>A</RequestOutcome>
   <Assessment><AssessmentOutcome>Y</AssessmentOutcome><AssessmentOutcomeDate>2023-04-01</AssessmentOutcomeDate>
    <NamedPlan><StartDate>2023-05-01</StartDate><PlanRes>0</PlanRes><PB>0</PB></NamedPlan></Assessment></Requests>
 </Person>
 <Person><Surname>Okonedo</Surname><Forename>Cy</Forename><PersonBirthDate>2010-08-07</PersonBirthDate><Sex>M</Sex>
  <UPNunknown>UN1</UPNunknown><Requests><ReceivedDate>2023-02-10</ReceivedDate><RYA>0</RYA></Requests></Person>
</SEN2></Message>"""

DELIVERIES: Mapping[str, tuple[Mapping[str, str], Mapping[str, int]]] = {
    "ssd_json": (
        {"payload-1.json": json.dumps(PAYLOAD)},
        {"social_care.referral": 2, "social_care.assessment": 1, "social_care.child_in_need_plan": 1},
    ),
    "sen2": ({"sen2.xml": SEN2}, {"education.ehc_request": 1, "education.ehc_assessment": 1, "education.ehc_plan": 1}),
    "school_census": (
        {
            "pupilonroll.csv": "upn,formerupn,uniquelearnernumber,surname,forename,dob,gender,sex,ethnicity,language,"
            "entrydate,senprovision,term_begins,term_ends,termlysessionspossible,termlysessionsauthorised,"
            f"termlysessionsunauthorised\n{UPN},,,Marsh,Ada,2015-03-01,,F,WBRI,ENG,2020-09-01,N,2024-01-08,2024-03-28,"
            "110,4,9\n",
            "termlyexclusions.csv": "upn,startdate,sessions,category,reason,reason1,reason2,reason3\n"
            f"{UPN},2024-02-05,4,SUSP,,PP,,\n",
            "fsmperiods.csv": f"upn,fsmstartdate,fsmenddate,ukcountry\n{UPN},2023-09-01,,ENG\n",
        },
        {
            "education.absence": 1,
            "education.unauthorised_absence": 1,
            "education.suspension": 1,
            "education.free_school_meals": 1,
        },
    ),
    "h_clic": (
        {
            "main.csv": "case_reference,applicant_reference,application_date,prevention_start,prevention_end,"
            "relief_start,relief_end,main_duty_start,main_duty_end,recorded_on\n"
            "H1,P1,2024-01-03,2024-01-05,2024-02-29,2024-03-01,,,,2024-01-03\n",
            "people.csv": "case_reference,person_reference,forename,surname,date_of_birth,sex,ethnicity,uprn,postcode,"
            "lived_from,lived_to\nH1,P1,Ada,Marsh,1980-02-01,F,WBRI,100,FH1 1AA,2020-01-01,2024-03-01\n"
            "H1,P2,Ben,Marsh,2012-02-01,M,WBRI,,,,\n",
            "temporary_accommodation.csv": "case_reference,applicant_reference,placed_on,left_on,kind\n"
            "H1,P1,2024-03-02,,hostel\n",
        },
        {
            "homelessness.application": 1,
            "homelessness.prevention_duty": 1,
            "homelessness.relief_duty": 1,
            "homelessness.temporary_accommodation": 1,
        },
    ),
    "housing_rents": (
        {
            "tenants.csv": "account,tenant,forename,surname,date_of_birth,uprn,postcode,moved_in,moved_out,"
            "recorded_on\nA1,T1,Ada,Marsh,1980-02-01,100,FH1 1AA,2010-03-01,,2010-03-01\n",
            "steps.csv": "step_id,account,tenant,step_on,step,balance,recorded_on\nS1,A1,T1,2024-06-03,notice,412.50,"
            "2024-06-03\n",
            "balances.csv": "account,tenant,balance_on,balance\nA1,T1,2024-06-03,412.50\nA1,T1,2024-06-10,0.00\n",
        },
        {"housing.arrears_step": 1, "housing.arrears": 1},
    ),
    "early_help": (
        {
            "people.csv": "person,forename,surname,date_of_birth,sex,ethnicity,uprn,postcode,lived_from,lived_to\n"
            "F1,Ada,Marsh,1980-02-01,F,WBRI,100,FH1 1AA,2020-01-01,\n",
            "contacts.csv": "cont_contact_id,person,cont_contact_date,cont_contact_source_code,cont_contact_outcome\n"
            "K1,F1,2024-01-02,2B,EH\n",
            "episodes.csv": "earl_episode_id,person,earl_episode_start_date,earl_episode_end_date,earl_episode_reason,"
            "earl_episode_end_reason,earl_episode_organisation,recorded_on\nE1,F1,2024-01-09,,,,,2024-01-09\n",
        },
        {"early_help.contact": 1, "early_help.episode": 1},
    ),
    "council_tax": (
        {
            "accounts.csv": "account,person,forename,surname,date_of_birth,uprn,postcode,liable_from,liable_to,"
            "recorded_on\nA1,P1,Ada,Marsh,1980-02-01,100,FH1 1AA,2020-01-01,,2020-01-01\n",
            "recovery.csv": "step_id,account,person,step_on,step,balance,recorded_on\n"
            "S1,A1,P1,2024-05-01,summons,900.10,2024-05-01\n",
            "support.csv": "claim,person,award_from,award_to,weekly_award,recorded_on\n"
            "B1,P1,2024-01-01,,12.50,2024-01-01\n",
        },
        {"council_tax.arrears": 1, "council_tax.support": 1},
    ),
}


def lay_down(town: Town, folder: str, service: str, files: Mapping[str, str], *, month: int = 10) -> Path:
    below = town.workspace / "extracts" / folder / str(month)
    below.mkdir(parents=True)
    for name, text in files.items():
        (below / name).write_text(text, encoding="utf-8")
    moments = {"covers_from": "2010-01-01", "covers_to": f"2024-{month}-01", "received_at": f"2024-{month}-02"}
    statement = {"schema_version": 1, "service": service, "synthetic": True, **moments}
    (below / "delivery.json").write_text(json.dumps(statement), encoding="utf-8")
    return below


def answer_for(town: Town) -> None:
    """Say that somebody answered for a restriction, and enable the source."""
    path = town.council / "register.toml"
    text = path.read_text(encoding="utf-8").replace("disabled = true", "disabled = false")
    path.write_text(text.replace('restriction_met = ""', 'restriction_met = "DPIA 2026/14"'), encoding="utf-8")


@pytest.mark.parametrize("name", sorted(DELIVERIES))
def test_a_delivery_comes_in_whole(town: Town, rows_of: Rows, name: str) -> None:
    (source,) = take_up(town, name).sources
    answer_for(town)
    files, events = DELIVERIES[name]
    lay_down(town, source.folder, source.service, files)
    result = town.pull()
    check_sums(result)
    assert result.quarantined == 0
    assert count_events(town, rows_of) == events
    assert town.link().references >= 1


def test_a_source_is_disabled_until_somebody_answered_for_its_restriction(town: Town, rows_of: Rows) -> None:
    (source,) = take_up(town, "council_tax").sources
    files, events = DELIVERIES["council_tax"]
    lay_down(town, source.folder, source.service, files)
    assert town.pull().rows == 0
    path = town.council / "register.toml"
    shipped = path.read_text(encoding="utf-8")
    path.write_text(shipped.replace("disabled = true", "disabled = false"), encoding="utf-8")
    with pytest.raises(CharterError, match="restriction that nobody answered for"):
        town.pull()
    answer_for(town)
    town.pull()
    assert count_events(town, rows_of) == events
    path.write_text(shipped, encoding="utf-8")
    town.pull()
    newest = find_newest_snapshot(town.workspace / "store")
    assert newest is not None
    assert rows_of(newest / "records/feeds.parquet") == []


def test_a_part_that_is_purged_is_taken_back(town: Town, rows_of: Rows) -> None:
    take_up(town, "ssd_json")
    lay_down(town, "ssd_payload", "social_care", {"payload-1.json": json.dumps(PAYLOAD)}, month=10)
    town.pull()
    gone = json.loads(json.dumps(PAYLOAD))
    gone["Children"][1]["social_care_episodes"][0]["purge"] = True
    lay_down(town, "ssd_payload", "social_care", {"payload-2.json": json.dumps(gone)}, month=11)
    town.pull()
    newest = find_newest_snapshot(town.workspace / "store")
    assert newest is not None
    standing = [row for row in rows_of(newest / "records/events.parquet") if row["known_until"] is None]
    assert sorted(str(row["signal"]) for row in standing) == [
        "social_care.assessment",
        "social_care.child_in_need_plan",
        "social_care.referral",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"Children": [{"la_child_id": "C1"', "not JSON"),
        ('{"Children": [{"la_child_id": "C1", "la_child_id": "C2"}]}', "key twice"),
        ('{"Children": [{"la_child_id": "C1"}, "Quillfeather"]}', "both objects and values"),
        ('{"Children": [{"la_child_id": "C1", "child_details": {"surname": "Quillfeather", "new": "x"}}]}', "'new'"),
        ("[" * 60 + "]" * 60, "both objects and values"),
    ],
)  # fmt: skip
def test_a_document_of_another_shape_is_refused_and_repeats_nobody(town: Town, text: str, why: str) -> None:
    take_up(town, "ssd_json")
    lay_down(town, "ssd_payload", "social_care", {"payload-1.json": text})
    with pytest.raises(DataError, match=why) as refused:
        town.pull()
    assert "Quillfeather" not in str(refused.value)
