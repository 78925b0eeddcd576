"""`pull`: what a snapshot holds, when each row was known, and what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from charter.contracts.files import read_json, writer_lock
from charter.errors import CharterError, DataError
from charter.invocation import shipped_council
from features.pull import pull_sources

ARREARS = "id,person_ref,day,balance,stage,recorded,corrected\n"
RIGHT = "A1,H1,30/06/2024,120.50,letter,02/07/2024,\n"


def events(town, rows_of, order="valid_at, known_at"):
    return rows_of(town.snapshots[-1] / "records" / "events.parquet", order)


def test_a_pull_keeps_what_services_said_with_its_times(town, rows_of) -> None:
    town.pull()
    found = events(town, rows_of)
    assert [(e["valid_at"], e["known_at"], e["known_until"], e["amount"], e["detail"]) for e in found] == [
        # Midnight in London is an hour earlier in UTC in summer.
        (datetime(2024, 6, 29, 23), datetime(2024, 7, 1, 23), None, Decimal("120.5"), "letter"),
        # Corrected to nothing owed: the event ends being known and no other version follows.
        (datetime(2024, 7, 30, 23), datetime(2024, 8, 1, 23), datetime(2024, 8, 8, 23), Decimal("240"), "court"),
    ]


def test_no_name_date_or_identifier_leaves_the_vault(town) -> None:
    town.pull()
    town.link()
    for path in town.workspace.rglob("*"):
        if path.is_file() and "extracts" not in path.parts:
            held = path.read_bytes()
            for secret in (b"Ada", b"Marsh", b"1980-02-01", b"H1\x00", b"000100"):
                assert secret not in held, path


def test_unchanged_inputs_make_nothing_new(town) -> None:
    first, second = town.pull(), town.pull()
    assert first.made
    assert not second.made
    assert second.snapshot == first.snapshot
    assert len(town.snapshots) == 1


def test_a_correction_closes_the_old_version_and_adds_a_new_one(town, rows_of) -> None:
    town.write("housing/arrears.csv", ARREARS + RIGHT + RIGHT.replace("120.50", "99").replace("\n", "05/08/2024\n"))
    town.pull()
    assert [(e["amount"], e["known_at"], e["known_until"]) for e in events(town, rows_of)] == [
        (Decimal("120.5"), datetime(2024, 7, 1, 23), datetime(2024, 8, 4, 23)),
        (Decimal("99"), datetime(2024, 8, 4, 23), None),
    ]


def test_history_without_known_times_came_with_the_feeds_lag_and_says_so(town, rows_of) -> None:
    town.register('    known_at = "coalesce(corrected, recorded)"\n', "")
    town.write("housing/arrears.csv", ARREARS + RIGHT)
    town.pull()
    (found,) = events(town, rows_of)
    assert (found["known_at"], found["known_rule"]) == (datetime(2024, 7, 9, 23), "assumed")


def test_a_row_without_a_known_time_is_known_from_the_delivery_that_first_held_it(town, rows_of) -> None:
    town.register('    known_at = "coalesce(corrected, recorded)"\n', "")
    town.write("housing/arrears.csv", ARREARS + RIGHT)
    town.pull()
    town.write("housing/arrears.csv", ARREARS + RIGHT + "A3,H2,01/07/2024,5,letter,,\n")
    town.deliver("housing", "2024-10-01")
    town.pull()
    assert [(e["known_at"], e["known_rule"]) for e in events(town, rows_of)] == [
        (datetime(2024, 7, 9, 23), "assumed"),
        (datetime(2024, 10, 1, 6), "first_seen"),
    ]
    # Only of the first delivery's row it is assumed; the other was there on 1 October and not before.
    assert read_json(town.snapshots[-1] / "manifest.json")["known_dates"] == {
        "housing.arrears": {"rows": 2, "assumed": 1}
    }


def test_a_row_that_goes_stops_being_known_and_one_outside_the_delivery_stays(town, rows_of) -> None:
    old = RIGHT.replace("A1", "A0").replace("2024", "2019")
    town.write("housing/arrears.csv", ARREARS + old + RIGHT + RIGHT.replace("A1", "A2"))
    town.pull()
    town.write("housing/arrears.csv", ARREARS + RIGHT)
    town.deliver("housing", "2024-10-01")
    town.pull()
    assert [e["known_until"] for e in events(town, rows_of, "valid_at, known_until nulls first")] == [
        None,  # 2019: before what the delivery covers
        None,
        datetime(2024, 10, 1, 6),
    ]


def test_a_row_changed_silently_is_known_so_from_the_delivery_that_changed_it(town, rows_of) -> None:
    town.write("housing/arrears.csv", ARREARS + RIGHT)
    town.pull()
    town.write("housing/arrears.csv", ARREARS + RIGHT.replace("120.50", "7"))
    town.deliver("housing", "2024-10-01")
    town.pull()
    expected = [
        (Decimal("120.5"), datetime(2024, 7, 1, 23), datetime(2024, 10, 1, 6), "given"),
        (Decimal("7"), datetime(2024, 10, 1, 6), None, "changed"),
    ]
    assert [(e["amount"], e["known_at"], e["known_until"], e["known_rule"]) for e in events(town, rows_of)] == expected
    # What was settled stays settled when the same file comes again.
    town.deliver("housing", "2024-11-01")
    town.pull()
    assert [(e["amount"], e["known_at"], e["known_until"], e["known_rule"]) for e in events(town, rows_of)] == expected


@pytest.mark.parametrize(
    ("where", "text", "said"),
    [
        ("housing/arrears.csv", ARREARS.replace("\n", ",note\n") + RIGHT, "unknown column 'note'"),
        ("housing/arrears.csv", ARREARS.replace(",stage", "") + "A1,H1,30/06/2024,1,,\n", "lacks the column 'stage'"),
        ("housing/arrears.csv", "", "is empty: it has no header"),
        ("housing/arrears.csv", ARREARS + RIGHT.replace("30/06", "31/06"), "value.type"),
        ("housing/arrears.csv", ARREARS + RIGHT.replace("2024", "1024"), "value.range"),
        ("housing/arrears.csv", ARREARS + RIGHT.replace("120.50", "nan"), "value.type"),
        ("housing/arrears.csv", ARREARS + RIGHT.replace("120.50", "inf"), "value.type"),
        ("housing/arrears.csv", ARREARS + RIGHT.replace("120.50", "1" * 15), "value.type"),
        ("housing/arrears.csv", ARREARS + RIGHT.replace("02/07", "02/06"), "time.known_before_valid"),
        ("housing/arrears.csv", ARREARS + RIGHT + RIGHT, "key.duplicate"),
        ("housing/arrears.csv", ARREARS + RIGHT.replace("A1", ""), "key.missing"),
        ("housing/arrears.csv", ARREARS + RIGHT.replace("H1", ""), "reference.missing"),
        ("housing/arrears.csv", ARREARS + RIGHT.replace("letter", "poem"), "detail.unknown"),
        ("housing/arrears.csv", ARREARS + 'A1,"H1,x\n', "line 2: it has a quotation mark that is not closed"),
        ("housing/arrears.csv", ARREARS + "A1,H1\n", "line 2: it has 2 of 7 cells"),
        ("housing/delivery.json", "{", "is not JSON"),
    ],
)
def test_bad_input_is_refused_by_name_and_loses_nothing(town, where: str, text: str, said: str) -> None:
    town.pull()
    before = {path: path.read_bytes() for path in (town.workspace / "store").rglob("*") if path.is_file()}
    town.write(where, text)
    with pytest.raises(DataError, match=said) as refused:
        town.pull()
    assert refused.value.exit_code == 11
    assert refused.value.next_step
    for secret in ("Ada", "Marsh", "H1", "poem"):
        assert secret not in str(refused.value)
    assert before == {path: path.read_bytes() for path in (town.workspace / "store").rglob("*") if path.is_file()}


def test_a_missing_file_a_missing_folder_and_an_empty_delivery_are_refused(town) -> None:
    (town.workspace / "extracts/housing/arrears.csv").unlink()
    with pytest.raises(DataError, match=r"arrears\.csv of 'housing' is missing"):
        town.pull()
    town.write("housing/arrears.csv", ARREARS)
    town.write("housing/tenants.csv", "person_ref,forename,surname,born,uprn,since\n")
    with pytest.raises(DataError, match="is empty: no file of it has a row"):
        town.pull()
    (town.workspace / "extracts/housing").rename(town.workspace / "extracts/elsewhere")
    with pytest.raises(DataError, match="there is no folder 'housing'"):
        town.pull()


def test_a_file_that_had_rows_and_has_none_now_was_lost(town) -> None:
    town.pull()
    town.write("housing/arrears.csv", ARREARS)
    with pytest.raises(DataError, match="had rows in the last snapshot"):
        town.pull()


def test_few_bad_rows_are_set_apart_with_their_rule_and_no_value_of_theirs(town, rows_of) -> None:
    town.register('dates = "%d/%m/%Y"', 'dates = "%d/%m/%Y"\ntolerance = { bad_value = 0.5 }')
    town.write("housing/arrears.csv", ARREARS + RIGHT + RIGHT.replace("A1", "A9").replace("30/06", "soon"))
    result = town.pull()
    assert (result.quarantined, result.by_rule) == (1, {"value.type": 1})
    assert result.by_file["housing/arrears.csv"] == {
        "rows": 2,
        "kept": 1,
        "quarantined": 1,
        "unchanged": 0,
        "orphans": 0,
        "no_address": 0,
        "blank_lines": 0,
        "empty_columns": ["corrected"],
        "not_available": 0,
    }
    (row,) = rows_of(town.workspace / "quarantine" / f"{result.snapshot}.parquet")
    assert (row["service"], row["file"], row["row_number"], row["field"]) == ("housing", "arrears.csv", 2, "day")
    assert len(row["row_ref"]) == 32
    assert not {"A9", "soon"} & {str(value) for value in row.values()}
    assert len(events(town, rows_of)) == 1


def test_references_that_nobody_knows_are_counted_and_refused_where_they_are_many(town) -> None:
    town.register('dates = "%d/%m/%Y"', 'dates = "%d/%m/%Y"\ntolerance = { unknown_reference = 0.5 }')
    town.write("housing/arrears.csv", ARREARS + RIGHT + RIGHT.replace("A1,H1", "A9,001"))
    assert town.pull().by_file["housing/arrears.csv"]["orphans"] == 1
    town.write("housing/arrears.csv", ARREARS + RIGHT + RIGHT.replace("A1,H1", "A8,001"))
    town.register("unknown_reference = 0.5", "unknown_reference = 0.2")
    with pytest.raises(DataError, match=r"housing/arrears.csv: 1 of 2 rows name somebody .* reference.unknown"):
        town.pull()


def test_a_transfer_that_broke_off_is_held_until_somebody_has_asked(town, rows_of) -> None:
    rows = [RIGHT.replace("A1", f"A{number}") for number in range(100)]
    town.write("housing/arrears.csv", ARREARS + "".join(rows))
    town.pull()
    town.deliver("housing", "2024-10-01")
    town.write("housing/arrears.csv", ARREARS + "".join(rows[:3]))
    with pytest.raises(DataError, match="lacks 97 of the 100 events") as refused:
        town.pull()
    assert "--confirm housing" in refused.value.next_step
    with writer_lock(town.workspace):
        pull_sources(town.invocation, confirmed=frozenset({"housing"}))
    assert sum(row["known_until"] is None for row in events(town, rows_of)) == 3
    # A tenth may go, and so may a handful of a short list.
    town.deliver("housing", "2024-11-01")
    town.write("housing/arrears.csv", ARREARS + rows[0])
    town.pull()


def test_a_delivery_older_than_the_last_one_rewrites_no_past(town) -> None:
    town.deliver("housing", "2024-10-01")
    town.pull()
    town.deliver("housing", "2024-09-01")
    with pytest.raises(DataError, match="received before one that was pulled already"):
        town.pull()


def test_what_is_recorded_on_the_day_it_happened_is_no_contradiction(town, rows_of) -> None:
    town.register('day = "date"', 'day = "datetime"')
    town.write("housing/arrears.csv", ARREARS + RIGHT.replace("30/06/2024", "2024-07-02T10:30:00Z"))
    town.pull()
    (event,) = events(town, rows_of)
    assert event["known_at"] == event["valid_at"] == datetime(2024, 7, 2, 10, 30)
    town.write("housing/arrears.csv", ARREARS + RIGHT.replace("30/06/2024", "2024-07-03T10:30:00Z"))
    town.deliver("housing", "2024-10-01")
    with pytest.raises(DataError, match=r"1 of 1 rows break the rule time.known_before_valid"):
        town.pull()


def test_a_key_that_can_not_be_read_is_told_as_such_and_not_as_missing(town) -> None:
    town.register('key = ["id"]', 'key = ["id", "day"]')
    town.write("housing/arrears.csv", ARREARS + RIGHT.replace("30/06/2024", "2024-06-30"))
    with pytest.raises(DataError, match=r"1 of 1 rows break the rule value.type"):
        town.pull()


def test_a_service_says_how_it_writes_its_files(town) -> None:
    town.register('dates = "%d/%m/%Y"', 'dates = "%d/%m/%Y"\nencoding = "windows-1252"\ndelimiter = ";"')
    for name in ("tenants", "arrears"):
        path = town.workspace / "extracts" / "housing" / f"{name}.csv"
        text = path.read_text(encoding="utf-8").replace(",", ";").replace("Ada", "Adéle")
        path.write_bytes(text.encode("cp1252"))
    assert town.pull().rows == 5
    town.register("windows-1252", "windows-1253")
    with pytest.raises(DataError, match="windows-1253"):
        town.pull()


def test_real_data_is_refused_while_a_row_is_still_the_example(town) -> None:
    town.deliver("housing", synthetic=False)
    assert town.pull().made
    town.register('service = "housing"', 'service = "housing"\nexample = true')
    with pytest.raises(CharterError, match=r"register\.toml \(source housing\) still carries `example = true`"):
        town.pull()


def test_a_row_whose_review_is_over_pulls_nothing(town) -> None:
    """Until the end of its last day it stands."""
    today = town.invocation.today
    town.register("retention_years = 7", f"retention_years = 7\nreview_by = {today}")
    assert town.pull().made
    town.register(f"review_by = {today}", f"review_by = {today - timedelta(days=1)}")
    with pytest.raises(CharterError, match="the row of 'housing' was agreed until"):
        town.pull()


def test_a_signal_that_the_charter_does_not_know_is_refused(town) -> None:
    town.register('name = "arrears"', 'name = "gossip"')
    with pytest.raises(CharterError, match=r"the charter does not know 'housing\.gossip'"):
        town.pull()


def test_an_expression_that_does_not_fit_its_file_is_refused_by_its_field(town) -> None:
    town.register('valid_at = "day"', 'valid_at = "dya"')
    with pytest.raises(DataError, match="'valid_at' of the event record of housing"):
        town.pull()


def test_a_time_by_the_clock_on_the_wall_is_read_by_its_zone(town, rows_of) -> None:
    by_the_clock = "valid_at = \"timezone('Europe/London', {day} + INTERVAL 9 HOUR)\""
    town.register('valid_at = "day"', by_the_clock.format(day="day"))
    town.pull()
    assert [row["valid_at"] for row in events(town, rows_of)] == [datetime(2024, 6, 30, 8), datetime(2024, 7, 31, 8)]


def test_a_time_by_the_clock_on_the_wall_is_the_same_in_winter(town, rows_of) -> None:
    town.register('valid_at = "day"', "valid_at = \"timezone('Europe/London', day - INTERVAL 183 DAY)\"")
    town.pull()
    assert [row["valid_at"] for row in events(town, rows_of)] == [datetime(2023, 12, 30), datetime(2024, 1, 30)]


def test_another_key_can_not_carry_on_a_store(town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.pull()
    monkeypatch.setenv("SOONER_KEY", "ab" * 32)
    town.deliver("housing", "2024-10-01")
    with pytest.raises(CharterError, match="made with another key"):
        town.pull()


PULL = """
import sys
from pathlib import Path
from charter.contracts.files import read_json, writer_lock
from charter.invocation import Invocation
from features.linking.link import link_records
from features.pull import pull_sources
invocation = Invocation.open(Path(sys.argv[1]), "", Path(sys.argv[2]), quiet=True)
print("ready", flush=True)
with writer_lock(invocation.workspace.root):
    pull_sources(invocation)
    link_records(invocation)
"""


def test_a_kill_at_any_moment_leaves_the_old_or_the_new(borough_town) -> None:
    """Killed at several moments of pull and link; after each, what is there is whole, and the next run finishes."""
    store = borough_town.workspace / "store"
    first = store.joinpath("current").read_text(encoding="utf-8")
    linked = {path.name for path in store.joinpath(first.strip(), "tables").iterdir()}
    gazetteer = borough_town.workspace / "extracts/addresses/gazetteer.csv"
    gazetteer.write_text(
        gazetteer.read_text(encoding="utf-8") + '"990099999999","1 New Road","FH1 9ZZ","E01990001","home"\n'
    )
    for pause in (0.3, 1.2):
        running = subprocess.Popen(
            [sys.executable, "-c", PULL, str(borough_town.council), str(borough_town.workspace)], stdout=subprocess.PIPE
        )
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(pause)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        running.stdout.close()
        current = store.joinpath("current").read_text(encoding="utf-8")
        named = borough_town.invocation.workspace.snapshot()
        assert named.name == current.strip()
        assert {path.name for path in (named / "tables").iterdir()} == linked
    borough_town.pull()
    borough_town.link()
    assert store.joinpath("current").read_text(encoding="utf-8") != first
    assert not list(store.rglob(".new-*"))


def test_a_full_disk_is_said_plainly_and_loses_nothing(borough_town) -> None:
    """No file may grow beyond a few kilobytes: what a full disk does to a writer."""
    before = (borough_town.workspace / "store/current").read_text(encoding="utf-8")
    gazetteer = borough_town.workspace / "extracts/addresses/gazetteer.csv"
    gazetteer.write_text(
        gazetteer.read_text(encoding="utf-8") + '"990099999999","1 New Road","FH1 9ZZ","E01990001","home"\n'
    )
    limited = (
        "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", limited + PULL, str(borough_town.council), str(borough_town.workspace)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "there is no room left" in ran.stderr or "the vault can't be used" in ran.stderr
    assert (borough_town.workspace / "store/current").read_text(encoding="utf-8") == before
    assert len(borough_town.snapshots) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scenarios.toml", "example = true\n"),
        ("practice.toml", "example = true\nright_at_least = 1\nwrong_found_at_least = 0\n"),
    ],
)
def test_made_up_cases_teach_nobody_about_real_people(town, name: str, text: str) -> None:
    shipped = (shipped_council() / name).read_text(encoding="utf-8")
    (town.council / name).write_text(text if name == "scenarios.toml" else shipped, encoding="utf-8")
    town.deliver("housing", synthetic=False)
    with pytest.raises(CharterError, match=rf"{name} .* still carries `example = true`"):
        town.pull()
