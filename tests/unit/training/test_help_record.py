"""Families that were helped: whose help is read, whom it is help for, and what a run says of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charter.contracts.matrix import Matrix
from charter.council.council import Council
from charter.council.register import Register
from charter.errors import CharterError, WithdrawnError
from charter.invocation import Invocation, shipped_council
from training.data.dataset import MISSING, Dataset, to_microseconds
from training.data.help_record import NEVER, NO_HELP, HelpRecord, read_help
from training.experiment import train_models
from training.keeping.reproduce import retrain_model
from training.models.planning import make_plan
from training.report.terminal import say_help, summarise_run

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]

ROOT = Path(__file__).resolve().parents[3]
SNAPSHOT, SIGNALS = "2026-09-28-test", ("early_help.episode",)
DAY = date(2022, 1, 1)

STAMP = pa.timestamp("us")
EVENTS = pa.schema(
    [
        ("person_id", pa.string()),
        ("signal", pa.string()),
        ("valid_at", STAMP),
        ("known_at", STAMP),
        ("known_until", STAMP),
    ]
)
FEEDS = pa.schema([("service", pa.string()), ("covers_from", STAMP), ("covers_to", STAMP), ("received_at", STAMP)])
CHOICES = pa.schema(
    [(name, pa.string()) for name in ("person_id", "service", "purpose", "kind", "status", "decided_by")]
    + [(name, STAMP) for name in ("start", "end", "known_at", "known_until")]
)


def write_tables(
    invocation: Invocation, events: Sequence[dict[str, Any]], choices: Sequence[dict[str, Any]] = ()
) -> Path:
    """Leave a snapshot's tables with these events and choices, everything else as usual."""
    folder = invocation.workspace.store / SNAPSHOT / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    event = {"signal": SIGNALS[0], "known_until": None}
    choice = {"service": "early_help", "purpose": "*", "kind": "objection", "status": "received"}
    choice |= {"start": datetime(2022, 1, 1), "known_at": datetime(2022, 1, 2)}
    feed = {"service": "early_help", "covers_from": datetime(2016, 1, 1), "covers_to": datetime(2026, 9, 1)}
    for name, schema, rows in (
        ("events", EVENTS, [event | row for row in events]),
        ("permission", CHOICES, [choice | row for row in choices]),
        ("feeds", FEEDS, [feed]),
    ):
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{name}.parquet")
    return folder


def began(person: str, when: datetime, known: datetime | None = None, **more: Any) -> dict[str, Any]:
    return {"person_id": person, "valid_at": when, "known_at": known or when} | more


def test_what_stands_and_may_be_used_is_read_by_time(
    make: Callable[[Any], Invocation], how: Any, taken_at: datetime
) -> None:
    """Broken by reading a version that was corrected, what was not known yet, another signal, or who objected."""
    invocation = make(how(households=20))
    may, june = datetime(2022, 5, 1), datetime(2022, 6, 1)
    write_tables(
        invocation,
        [
            began("b" * 32, june),
            began("a" * 32, may, june),
            began("c" * 32, may, known_until=june),
            began("d" * 32, may, datetime(2026, 10, 1)),
            began("e" * 32, may, signal="homelessness.approach"),
            began("f" * 32, may),
        ],
        [{"person_id": "f" * 32}],
    )
    record = read_help(invocation, SNAPSHOT, taken_at, SIGNALS)
    assert record.person.tolist() == [b"a" * 32, b"b" * 32]
    assert record.began.tolist() == [int(when.timestamp()) * 1_000_000 for when in _in_utc(may, june)]
    assert record.known.tolist() == [int(when.timestamp()) * 1_000_000 for when in _in_utc(june, june)]
    whole = tuple(int(when.timestamp()) * 1_000_000 for when in _in_utc(datetime(2016, 1, 1), datetime(2026, 9, 1)))
    assert record.covered == (whole,)
    assert record.sha256 != NO_HELP.sha256
    assert read_help(invocation, "cleared", taken_at, SIGNALS) is NO_HELP
    with pytest.raises(CharterError, match=r"helped of training.toml names hospital\.emergency_admission"):
        read_help(invocation, SNAPSHOT, taken_at, [*SIGNALS, "hospital.emergency_admission"])


def _in_utc(*times: datetime) -> list[datetime]:
    return [when.replace(tzinfo=UTC) for when in times]


def test_help_for_any_member_is_help_for_the_household(shared_matrix: Matrix, council: Council) -> None:
    """Broken by a window with the wrong end, by the last help instead of the first, by a cut that is not asked."""
    data = Dataset.open(shared_matrix, council)
    rows, generator = data.at(DAY), np.random.default_rng(3)
    names = np.unique(rows.person)
    start, end = to_microseconds(council.midnight(DAY)), to_microseconds(data.horizon_end(DAY))
    person = generator.choice(names, 400)
    when = np.sort(generator.integers(start - 10**13, end + 10**13, 400))
    known = when + generator.integers(0, 10**13, 400)
    when[:2] = start - 1, start
    record = HelpRecord(SIGNALS, person, when, known)
    cut = end - 10**12
    first = record.find_first(rows, start, end, cut)
    for row in range(len(rows.entity)):
        members = set(rows.person[rows.person_row == row].tolist())
        times = [
            at for who, at, by in zip(person.tolist(), when.tolist(), known.tolist(), strict=True)
            if who in members and start <= at < end and by < cut
        ]  # fmt: skip
        assert first[row] == min(times, default=NEVER)
    assert 50 < (first != NEVER).sum() < len(first)


@pytest.fixture
def helped(make: Callable[[Any], Invocation], how: Any) -> Invocation:
    """Give a matrix with a snapshot in which a fifth of the families were helped in 2022, by nobody's list."""
    # Of another definition, so that no week is built from tables that hold help alone.
    invocation = make(how(households=400, manifest={"definition": "another"}))
    matrix = Matrix.open(next(invocation.workspace.matrix.glob("*/manifest.json")).parent)
    everybody = np.unique(np.concatenate([np.asarray(matrix.at(day).entity) for day in matrix.dates]))
    write_tables(invocation, [began(name.decode(), datetime(2022, 6, 1)) for name in everybody[::5]])
    return invocation


def test_a_run_counts_treated_rows_and_is_made_again_only_from_the_same_record(helped: Invocation) -> None:
    """Broken by a help record that the run does not read, or a page that does not say so."""
    settings = helped.programme_folder / "training.toml"
    before = settings.read_text(encoding="utf-8")
    try:
        settings.write_text(before.replace('treated = "keep"', 'treated = "leave_out"'), encoding="utf-8")
        run = train_models(Invocation.open(helped.council.folder, "early_help", helped.workspace.root, quiet=True))
    finally:
        settings.write_text(before, encoding="utf-8")  # the council's folder is shared by the session's tests
    treated = run.metrics["treated"]
    assert (treated["helped"], treated["signals"], treated["offers"]) == (80, ["early_help.episode"], 0)
    planned = make_plan(helped)
    rows = sum(
        int((planned.data.treated(day, fold.cut) & (planned.data.labels(day, fold.cut) != MISSING)).sum())
        for fold in planned.selecting
        for day in fold.train
    )
    assert treated["training_rows"] == rows > 0
    sentence = (
        f"{rows:,} training rows and {treated['test_rows']:,} test rows had help within their horizon, by a list or"
        " without one: they are left out of what is learned from, and tested on."
    )
    assert sentence in summarise_run(run.metrics)
    assert sentence in (run.folder / "report.html").read_text(encoding="utf-8")
    assert retrain_model(helped, run) == (run.folder / "model.lgb").read_bytes()
    write_tables(helped, [])
    with pytest.raises(WithdrawnError, match="of whose help the record was withdrawn"):
        retrain_model(helped, run)


def test_whether_a_row_had_help_is_told_only_where_its_whole_horizon_was_delivered(helped: Invocation) -> None:
    """Broken by counting a row as never helped whose horizon has days that nobody delivered."""
    data = make_plan(helped).data
    day = data.mature_dates(data.taken_at)[8]
    start, end = (to_microseconds(moment) for moment in (data.council.midnight(day), data.horizon_end(day)))
    week = 7 * 86_400_000_000
    for covered, told in (
        (((start, end),), True),
        (((start, start + week), (start + 2 * week, end)), False),
        (((start - week, end - week),), False),
        ((), False),
    ):
        assert replace(data, help=replace(data.help, covered=covered)).tells_help(day) is told
    assert replace(data, help=NO_HELP).tells_help(day)


def test_rows_of_which_nobody_knows_whether_they_had_help_are_said() -> None:
    treated = {"training_rows": 0, "test_rows": 0, "untold_rows": 7, "figures": []}
    assert say_help({"treated": treated}) == [
        "No row that is known had help within its horizon. Of 7 test rows more nobody knows whether they had: the"
        " records of help have a gap in their horizon."
    ]
    assert say_help({"treated": {**treated, "untold_rows": 0}}) == []


def test_left_out_rows_teach_nothing(helped: Invocation) -> None:
    data = make_plan(helped).data
    without, cut = replace(data, leave_out_treated=True), data.taken_at
    day = data.mature_dates(cut)[8]
    treated = data.treated(day, cut)
    assert 0 < treated.sum() < len(treated)
    assert (without.lessons(day, cut) == np.where(treated, MISSING, data.labels(day, cut))).all()


def test_the_guides_rows_of_a_spreadsheet_of_referrals_are_a_registers(tmp_path: Path) -> None:
    """Broken by a guide whose rows the register refuses, or that name a signal that nothing can be helped by."""
    guide = (ROOT / "docs" / "how-to" / "bring-data-in.md").read_text(encoding="utf-8")
    section = guide.split("## Whom you helped already")[1].split("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ") or not line]
    rows = "\n".join(lines[: next(n for n, line in enumerate(lines) if "IS NOT NULL" in line) + 1])
    text = (shipped_council() / "register.toml").read_text(encoding="utf-8")
    before, after = text.split('[[source]]\nservice = "youth_justice"')
    path = tmp_path / "register.toml"
    path.write_text(f'{before}{rows}\n\n[[source]]\nservice = "youth_justice"{after}', encoding="utf-8")
    register = Register.load(path)
    assert register.signal("early_help.referral_taken_up").title == "Referral to early help, taken up"
    (source,) = [source for source in register.sources if source.service == "early_help"]
    assert [file.name for file in source.files] == ["family_members.csv", "episodes.csv", "referrals.csv"]
    assert "[offers] helped" in section
