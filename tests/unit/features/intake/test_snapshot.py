"""`pull`: what a snapshot holds, when each row was known, and what is refused."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from charter.errors import CharterError, DataError


def test_a_pull_keeps_what_services_said_with_its_times(town, rows_of) -> None:
    result = town.pull()
    events = rows_of(town.workspace / "store" / result.snapshot / "records" / "events.parquet", "valid_at")
    assert [(e["signal"], e["valid_at"], e["known_at"], e["known_until"], e["amount"], e["detail"]) for e in events] == [
        # Midnight in London is an hour earlier in UTC in summer.
        (
            "housing.arrears",
            datetime(2024, 6, 29, 23),
            datetime(2024, 7, 1, 23),
            None,
            Decimal("120.5"),
            "letter",
        ),
        # Corrected to nothing owed: the event ends being known and no other version follows.
        (
            "housing.arrears",
            datetime(2024, 7, 30, 23),
            datetime(2024, 8, 1, 23),
            datetime(2024, 8, 8, 23),
            Decimal("240"),
            "court",
        ),
    ]


def test_no_name_date_or_identifier_leaves_the_vault(town) -> None:
    town.pull()
    for path in town.workspace.rglob("*"):
        if path.is_file() and "extracts" not in path.parts:
            held = path.read_bytes()
            for secret in (b"Ada", b"Marsh", b"1980-02-01", b"H1", b"000100"):
                assert secret not in held, path


def test_unchanged_inputs_make_nothing_new(town) -> None:
    first, second = town.pull(), town.pull()
    assert first.made
    assert not second.made
    assert second.snapshot == first.snapshot
    assert len(list((town.workspace / "store").iterdir())) == 1
