"""Which references are one person: the hard cases one by one, each on the real scorer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from charter.council.register import Register, Source
from charter.errors import DataError
from charter.vault.key import Key
from charter.vault.link_judgements import Judgement
from features.intake.database import compute_rows, open_database
from features.linking import parameters
from features.linking.evidence import Evidence, weigh_traits
from features.linking.joining.linkage import Linkage
from features.linking.joining.people import link_people
from features.linking.matching.comparisons import LEVELS
from features.linking.parameters import Parameters

SHIPPED = Path(parameters.__file__).with_name("parameters.toml")
HOME, OTHER_HOME = "h" * 32, "o" * 32
HOME_LEVELS = LEVELS["home"]


def source(service: str, *, one: bool) -> Source:
    return Source(
        service=service,
        title=service,
        basis="public task",
        purposes=frozenset({"link"}),
        retention_years=1,
        one_reference_each=one,
    )


REGISTER = Register(sources=(source("school", one=True), source("care", one=True), source("tax", one=False)))


@pytest.fixture
def database() -> duckdb.DuckDBPyConnection:
    """Give a town of two hundred strangers, so that names are as rare as names are."""
    connection = open_database(Key(b"k" * 32))
    connection.execute(
        "create table evidence (ref varchar, service varchar, forename varchar, surname varchar, birth_date date, "
        "sex varchar, shared_key varchar, forename_forms varchar[], homes varchar[], came bigint[], gone bigint[], "
        "born_by date)"
    )
    strangers = pa.table(
        {
            "ref": [f"x{number:05}" for number in range(200)],
            "forename": [
                "abcdefghij"[n % 10] + "lmnopqrstu"[n // 10 % 10] + "aeiou"[n // 100 % 5] + "na" for n in range(200)
            ],
            "surname": [
                "bcdfghjklm"[n // 7 % 10] + "aeiou"[n % 5] + "lmnprstvwz"[n // 50 % 10] + "son" for n in range(200)
            ],
            "birth_date": [date(1950 + n % 60, 1 + n % 12, 1 + n % 28) for n in range(200)],
        }
    )
    connection.register("strangers", strangers)
    connection.execute(
        "insert into evidence by name select *, 'tax' as service, []::varchar[] as forename_forms, "
        "[]::varchar[] as homes, []::bigint[] as came, []::bigint[] as gone from strangers"
    )
    return connection


def complete_traits(database: duckdb.DuckDBPyConnection, rows: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return rows of one forename and one surname each with all that evidence has of them."""
    nothing = ", ".join(f"null::varchar as {name}" for name in ("address", "postcode", "town", "email", "phone"))
    whole = compute_rows(
        database,
        "select *, forename as forename_whole, if(forename is null, []::varchar[], [forename]) as forename_words, "
        f"if(surname is null, []::varchar[], [surname]) as surnames, {nothing} from rows",
        rows=rows,
    )
    return weigh_traits(database, whole)


def linked(database: duckdb.DuckDBPyConnection, judgements: Collection[Judgement] = ()) -> Linkage:
    """Link what the database holds with the shipped parameters."""
    rows = complete_traits(database, database.table("evidence"))
    evidence = Evidence(people=rows, references=rows.select("ref, service"), traits=rows)
    return link_people(database, evidence, REGISTER, Parameters.load(), judgements)


def people(database: duckdb.DuckDBPyConnection, *records: dict[str, object]) -> list[int]:
    """Link the records among the strangers; return each one's person as the place of the first record of theirs."""
    linkage = linked_with(database, records)
    found = [linkage.representative[f"r{place}"] for place in range(len(records))]
    return [found.index(person) for person in found]


def linked_with(database: duckdb.DuckDBPyConnection, records: Sequence[dict[str, object]]) -> Linkage:
    """Link the records among the strangers."""
    for place, record in enumerate(records):
        row = {
            "homes": [HOME],
            "came": [],
            "gone": [],
            "forename_forms": [],
            "sex": None,
            "shared_key": None,
            "born_by": None,
            "birth_date": None,
            **record,
        }
        database.execute(
            "insert into evidence (ref, service, forename, surname, birth_date, sex, shared_key, forename_forms, "
            "homes, came, gone, born_by) values ($1, $2, $3, $4, $5, $6, $7, $8::varchar[], $9::varchar[], "
            "$10::bigint[], $11::bigint[], $12)",
            [
                f"r{place}",
                *[
                    row[name]
                    for name in (
                        "service",
                        "forename",
                        "surname",
                        "birth_date",
                        "sex",
                        "shared_key",
                        "forename_forms",
                        "homes",
                        "came",
                        "gone",
                        "born_by",
                    )
                ],
            ],
        )
    return linked(database)


def record(service: str, forename: str | None, born: date | None, surname: str = "quillfeather", **more: object):
    return {"service": service, "forename": forename, "surname": surname, "birth_date": born, **more}


BORN = date(2012, 3, 4)


def test_the_same_name_and_date_are_one_person_wherever_they_live(database) -> None:
    assert people(
        database, record("school", "ottoline", BORN), record("care", "ottoline", BORN, homes=[OTHER_HOME])
    ) == [0, 0]


def test_a_lawful_shared_key_joins_where_a_name_or_the_date_bears_it_out(database) -> None:
    one = record("school", "ottoline", BORN, shared_key="k1")
    assert people(database, one, record("care", "ottoline", BORN, surname="else", homes=[], shared_key="k1")) == [0, 0]


def test_a_key_that_nothing_bears_out_joins_nobody_and_is_reviewed(database) -> None:
    one = record("school", "ottoline", BORN, shared_key="k1")
    other = record("care", "barnabas", date(2009, 7, 8), surname="else", homes=[], shared_key="k1")
    assert people(database, one, other) == [0, 1]
    assert [pair.rule for pair in linked(database).review if {pair.one, pair.other} == {"r0", "r1"}] == ["key"]


def silent(service: str) -> dict:
    return record(service, None, None, surname=None, homes=[], shared_key="k1")


def test_a_record_that_says_no_name_is_whoever_has_its_key(database) -> None:
    one = record("school", "ottoline", BORN, shared_key="k1")
    assert people(database, one, silent("tax"), silent("care")) == [0, 0, 0]


def test_records_of_which_none_says_a_name_are_one_by_their_key(database) -> None:
    assert people(database, silent("tax"), silent("care")) == [0, 0]


def test_where_two_people_have_one_key_a_record_that_says_no_name_is_neither(database) -> None:
    one = record("school", "ottoline", BORN, shared_key="k1")
    other = record("care", "barnabas", date(2009, 7, 8), surname="else", homes=[], shared_key="k1")
    assert people(database, one, other, silent("tax")) == [0, 1, 2]


@pytest.mark.parametrize(
    ("forename", "born", "surname", "more"),
    [
        ("otoline", BORN, "quillfeather", {}),
        ("tilly", BORN, "quillfeather", {"forename_forms": ["ottoline"]}),
        ("ottoline", date(2012, 4, 3), "quillfeather", {}),
        ("ottoline", date(2012, 3, 5), "quillfeather", {}),
        ("ottoline", BORN, "marchbanks", {}),
        ("ottoline", None, "quillfeather", {}),
        (None, BORN, "quillfeather", {}),
    ],
    ids=[
        "slip in the forename",
        "short form",
        "day and month swapped",
        "one digit off",
        "changed surname",
        "no date",
        "forename not yet given",
    ],
)
def test_one_person_is_found_through(database, forename, born, surname, more) -> None:
    assert people(database, record("school", "ottoline", BORN), record("care", forename, born, surname, **more)) == [
        0,
        0,
    ]


def test_a_move_from_one_home_to_the_other_tells_two_namesakes_apart_from_one_who_moved(database) -> None:
    left = record("tax", "ottoline", None, gone=[100, 101, 102, 103, 104, 105])
    came = record("tax", "ottoline", None, homes=[OTHER_HOME], came=[102])
    assert people(database, left, came) == [0, 0]


def test_what_one_person_s_homes_have_in_common_is_learned_of_each_service_apart(database) -> None:
    """The tax list has a second account because somebody moved; a clinic has a child where its school has it."""
    rows = []
    for number in range(80):
        name, home, next_home = f"{'bcdfghjklm'[number % 10]}el{'aeiou'[number % 5]}", f"{number:032}", f"{number:031}n"
        adult, child = {"surname": f"quill{number}a"}, {"surname": f"feather{number}a"}
        left, came = [number, *range(number + 1, number + 6)], [number + 2]
        rows += [
            record("tax", name, None, homes=[home], came=[0], gone=left, **adult),
            record("tax", name, None, homes=[next_home], came=came, **adult),
            record("school", name, date(2010, 1, 1 + number % 28), homes=[home], **child),
            record("care", name, None, homes=[home], **child),
        ]
    homes = linked_with(database, rows).model.homes
    between, in_tax = (2.0 ** homes[service][HOME_LEVELS.index("moved from one to the other")] for service in (0, 1))
    assert in_tax > 2 * between
    shared_between, shared_in_tax = (2.0 ** homes[service][HOME_LEVELS.index("shared")] for service in (0, 1))
    assert shared_between > 1.5 * shared_in_tax


def test_twins_stay_two(database) -> None:
    twins = [record(service, name, BORN) for name in ("ottoline", "ottilie") for service in ("school", "care")]
    assert people(database, *twins) == [0, 0, 2, 2]


def test_a_twin_known_to_one_service_is_not_the_other_twin(database) -> None:
    assert people(database, record("school", "ottoline", BORN), record("care", "barnabas", BORN)) == [0, 1]


def test_relatives_at_one_address_stay_apart(database) -> None:
    family = [
        record("tax", "ottoline", date(1980, 5, 6)),
        record("care", "barnabas", BORN),
        record("tax", "leopold", None),
    ]
    assert people(database, *family) == [0, 1, 2]


def test_a_parent_and_child_of_one_name_stay_apart_though_a_record_without_a_date_fits_both(database) -> None:
    parent = record("tax", "ottoline", date(1980, 5, 6))
    child, undated = record("school", "ottoline", BORN), record("tax", "ottoline", None, born_by=date(2008, 1, 1))
    assert people(database, parent, child, undated) == [0, 1, 0]


def test_namesakes_elsewhere_stay_apart(database) -> None:
    assert people(
        database, record("school", "ottoline", BORN), record("care", "ottoline", date(2009, 9, 9), homes=[OTHER_HOME])
    ) == [0, 1]


def test_one_service_s_two_references_of_one_name_and_date_are_two_people(database) -> None:
    assert people(database, record("school", "ottoline", BORN), record("school", "ottoline", BORN)) == [0, 1]


def test_nothing_is_merged_unasked_below_the_threshold(database) -> None:
    """A slip, a changed surname and no home in common: a person is asked, and what they say is done."""
    assert people(
        database, record("school", "ottoline", BORN), record("care", "otoline", BORN, surname="marchbanks", homes=[])
    ) == [0, 1]
    linkage, parameters = linked(database), Parameters.load()
    asked = [pair for pair in linkage.review if {pair.one, pair.other} == {"r0", "r1"}]
    assert len(asked) == 1
    assert parameters.review <= asked[0].weight < parameters.threshold
    assert all(one.weight >= parameters.threshold for one in linkage.links.values() if one.method == "evidence")
    same = linked(database, [Judgement("r0", "r1", "same", "data_protection_officer", "2026-01-01")])
    assert same.representative["r1"] == same.representative["r0"]
    assert {same.links[ref].method for ref in ("r0", "r1")} == {"alone", "judged"}
    assert not any({pair.one, pair.other} == {"r0", "r1"} for pair in same.review)
    unsure = linked(database, [Judgement("r0", "r1", "cannot_tell", "data_protection_officer", "2026-01-01")])
    assert unsure.representative["r1"] != unsure.representative["r0"]
    assert not any({pair.one, pair.other} == {"r0", "r1"} for pair in unsure.review)


def test_different_beats_every_link_and_whatever_would_join_them_through_a_third(database) -> None:
    records = [record(service, "ottoline", BORN) for service in ("school", "care", "tax")]
    assert people(database, *records) == [0, 0, 0]
    apart = linked(database, [Judgement("r0", "r1", "different", "data_protection_officer", "2026-01-01")])
    assert apart.representative["r0"] != apart.representative["r1"]
    assert apart.representative["r2"] in (apart.representative["r0"], apart.representative["r1"])


def test_a_merge_just_over_the_threshold_is_uncertain_on_its_smaller_side(database) -> None:
    records = [record("school", "ottoline", BORN), record("tax", "ottoline", BORN)]
    moved = record("care", "ottoline", None)
    assert people(database, *records, moved) == [0, 0, 0]
    linkage = linked(database)
    (weight,) = (of.weight for ref in ("r0", "r1", "r2") if (of := linkage.links[ref]).method == "evidence")
    assert Parameters.load().threshold <= weight < Parameters.load().certain
    assert linkage.uncertain >= {"r2"}
    assert not linkage.uncertain & {"r0", "r1"}


def test_numbers_that_an_older_sooner_fitted_are_refused_with_what_to_do(tmp_path) -> None:
    text = (
        SHIPPED.read_text(encoding="utf-8").replace("learn = 300\n", "").replace('name = "alike"', 'name = "akin"', 1)
    )
    (tmp_path / "linkage.toml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"'learn'(?s:.)*levels of 'forename'(?s:.)*run `sooner link --fit`"):
        Parameters.load_for(tmp_path)


def test_parameters_that_do_not_add_up_are_refused(tmp_path) -> None:
    path = tmp_path / "parameters.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    path.write_text(text.replace("m = 0.9\n", "m = 0.5\n", 1), encoding="utf-8")
    with pytest.raises(DataError, match="shares m of 'birth_date' that add up to"):
        Parameters.load(path)
