"""Files are what `extracts.toml` declares, and versions of a row can be told apart."""

from __future__ import annotations

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import borough
from borough.days import NEVER
from borough.post import Post, make_references, read_declarations, repeat_endings, take_text
from borough.rates import Rates
from borough.synth import list_feeds
from charter.contracts.files import read_json
from charter.errors import DataError

DECLARED = tomllib.loads((Path(borough.__file__).parent / "extracts.toml").read_text(encoding="utf-8"))
FILES = [
    (service, name)
    for service, section in DECLARED.items()
    if service != "codes"
    for name, table in section.items()
    if isinstance(table, dict)
]
# Signals that a borough of 600 homes may not have.
RARE = {"education.permanent_exclusion", "housing.notice", "youth_justice.disposal"}
SIGNALS = [
    (service, name, signal, rule)
    for service, name in FILES
    for signal, rule in DECLARED[service][name].get("signals", {}).items()
]


def _sent(connection: duckdb.DuckDBPyConnection, extracts: Path, service: str, name: str) -> duckdb.DuckDBPyRelation:
    """Return the rows of a file, all text if it is CSV."""
    path = extracts / service / DECLARED[service][name]["file"]
    if path.suffix == ".parquet":
        return connection.read_parquet(str(path))
    return connection.read_csv(path, all_varchar=True)


def _time(service: str, name: str, column: str) -> str:
    """Return SQL that reads a date or datetime column as its service writes it."""
    if DECLARED[service][name]["file"].endswith(".parquet"):
        return f'"{column}"::timestamp'
    kind = next(row[1] for row in DECLARED[service][name]["columns"] if row[0] == column)
    pattern = DECLARED[service]["datetimes" if kind == "datetime" else "dates"]
    return f"strptime(\"{column}\", '{pattern}')"


@pytest.mark.parametrize(("service", "name"), FILES)
def test_a_file_has_the_declared_columns_and_every_value_reads_as_its_type(extracts: Path, service: str, name: str):
    columns = DECLARED[service][name]["columns"]
    casts = {"integer": '"{0}"::integer', "decimal": '"{0}"::decimal(18, 4)', "text": '"{0}"::varchar'}
    with duckdb.connect() as connection:
        sent = _sent(connection, extracts, service, name)
        assert sent.columns == [column[0] for column in columns]
        for column, kind, _ in columns:
            read = _time(service, name, column) if kind in ("date", "datetime") else casts[kind].format(column)
            sent.aggregate(f"max({read})").fetchall()
        assert sent.aggregate("count(*)").fetchall()[0][0] > 0


@pytest.mark.parametrize(("service", "name"), FILES)
def test_a_key_names_one_row_and_its_versions(extracts: Path, service: str, name: str):
    table = DECLARED[service][name]
    versioned = any(column[0] == "corrected_on" for column in table["columns"])
    key = ", ".join([*table["key"], *(["corrected_on"] if versioned else [])])
    with duckdb.connect() as connection:
        sent = _sent(connection, extracts, service, name)
        assert sent.aggregate(f"{key}, count(*) as rows", key).filter("rows > 1").fetchall() == []


@pytest.mark.parametrize(("service", "name", "signal", "rule"), SIGNALS)
def test_a_signal_is_sent_within_what_the_delivery_covers_and_never_before_it_happened(
    extracts: Path, service: str, name: str, signal: str, rule: dict[str, str]
):
    covers_to = read_json(extracts / service / "delivery.json")["covers_to"]
    valid = _time(service, name, rule["valid"])
    with duckdb.connect() as connection:
        sent = _sent(connection, extracts, service, name).filter(rule.get("where", "true"))
        # covers_to is a local midnight: an hour before that of UTC in summer.
        late = f"{valid} >= '{covers_to[:10]}'::timestamp + interval 1 day"
        ((count, after),) = sent.aggregate(f"count(*), count(*) filter ({late})").fetchall()
        assert after == 0
        assert count > 0 or f"{service}.{signal}" in RARE
        if "recorded_on" in sent.columns:
            recorded = _time(service, name, "recorded_on")
            assert sent.aggregate(f"count(*) filter ({recorded} < {valid})").fetchall() == [(0,)]


def test_the_order_of_rows_does_not_say_who_is_whom(extracts: Path):
    with duckdb.connect() as connection:
        _sent(connection, extracts, "housing", "tenancies").create_view("tenancies")
        _sent(connection, extracts, "council_tax", "accounts").create_view("accounts")
        connection.read_parquet(str(extracts / "truth" / "references.parquet")).create_view("known")
        rows = connection.execute(
            """
            with tenant as (select row_number() over () as place, person_ref from tenancies),
                payer as (select row_number() over () as place, liable_ref from accounts)
            select tenant.place, payer.place
            from tenant join known a on a.service = 'housing' and a.reference = person_ref
            join known b on b.service = 'council_tax' and b.person = a.person join payer on liable_ref = b.reference
            """
        ).fetchall()
    first, second = np.array(rows).T
    assert len(rows) > 100
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.15


def test_an_interval_is_sent_open_and_again_when_its_end_is_known():
    columns = {
        "award_to": np.array([100, NEVER, 100]),
        "recorded_on": np.array([10, 10, 120]),
    }
    sent = repeat_endings(columns, "award_to", np.array([5, 5, 5]))
    assert sent["award_to"].tolist() == [NEVER, NEVER, 100, 100]
    assert sent["corrected_on"].tolist() == [NEVER, NEVER, NEVER, 105]
    assert sent["recorded_on"].tolist() == [10, 10, 120, 10]


def test_the_reason_of_an_ending_is_not_known_while_it_lasts():
    columns = {
        "ended_on": np.array([100, NEVER]),
        "end_reason": pa.array(["OM", None]),
        "recorded_on": np.array([10, 10]),
    }
    sent = repeat_endings(columns, "ended_on", np.array([3, 3]))
    assert sent["end_reason"].to_pylist() == [None, None, "OM"]


def test_a_file_that_lacks_a_declared_column_is_refused(tmp_path: Path):
    post = Post(tmp_path, ZoneInfo("Europe/London"), {})
    with pytest.raises(DataError, match=r"addresses/gazetteer\.csv does not have the columns"):
        post.send("addresses", "gazetteer", {"uprn": pa.array(["990000000001"])})


def test_what_was_recorded_after_the_delivery_is_not_sent(extracts: Path):
    for service, feed in list_feeds(Rates.load()).items():
        for (owner, name), file in read_declarations().items():
            if owner != service or file.recorded is None:
                continue
            late = f"{_time(service, name, 'recorded_on')} >= '{feed.covers_to}'::timestamp"
            with duckdb.connect() as connection:
                sent = _sent(connection, extracts, service, name)
                assert sent.aggregate(f"count(*) filter ({late})").fetchall() == [(0,)], file.file


def test_references_are_padded_and_missing_text_is_empty():
    assert make_references("T", np.array([7, 1234567]), 7).to_pylist() == ["T0000007", "T1234567"]
    assert take_text(("a", "b"), np.array([1, -1, 0])).to_pylist() == ["b", None, "a"]
