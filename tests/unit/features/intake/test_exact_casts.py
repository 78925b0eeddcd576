"""A cast never changes a value: what would be rounded or guessed at is null."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.intake.exact_casts import BLANKS, exact_cast, exact_number, trim_text


@pytest.mark.parametrize(
    ("text", "integer", "decimal"),
    [
        ("12", 12, Decimal("12.0000")),
        ("12.0", 12, Decimal("12.0000")),
        ("1.5", None, Decimal("1.5000")),
        ("-0.25", None, Decimal("-0.2500")),
        (".5", None, Decimal("0.5000")),
        ("1.23450", None, Decimal("1.2345")),
        ("1.23456", None, None),
        ("1_000", None, None),
        ("1,000", None, None),
        ("1e3", None, None),
        ("nan", None, None),
        ("9" * 19, None, None),
        ("²", None, None),
    ],
)
def test_a_text_is_a_number_only_as_it_is_written(text: str, integer: int | None, decimal: Decimal | None) -> None:
    query = f"select {exact_number('t', 'integer')}, {exact_number('t', 'decimal')} from (select $1::varchar as t)"
    assert duckdb.execute(query, [text]).fetchall() == [(integer, decimal)]


@pytest.mark.parametrize(
    ("value", "found", "wanted", "kept"),
    [
        ("1.5::double", "DOUBLE", "bigint", None),
        ("2.0::double", "DOUBLE", "bigint", 2),
        ("0.1::double", "DOUBLE", "decimal(18, 4)", Decimal("0.1000")),
        ("0.12345::double", "DOUBLE", "decimal(18, 4)", None),
        ("timestamp '2024-01-01 10:00'", "TIMESTAMP", "date", None),
        ("7::bigint", "BIGINT", "bigint", 7),
    ],
)
def test_a_typed_value_comes_back_the_same_or_not_at_all(value: str, found: str, wanted: str, kept: object) -> None:
    query = f"select {exact_cast('v', found, wanted)} from (select {value} as v)"
    assert duckdb.execute(query).fetchall() == [(kept,)]


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from([*BLANKS, "a", "é", "́", "~", "!", "\x7f", "0"]), max_size=6))
def test_blanks_around_a_text_are_no_part_of_it(text: str) -> None:
    """Whatever way is taken to see that there are none."""
    with duckdb.connect() as database:
        trimmed = database.execute(f"select {trim_text('t')} from (select ?::varchar as t)", [text]).fetchall()[0][0]
    assert trimmed == (text.strip(BLANKS) or None)
