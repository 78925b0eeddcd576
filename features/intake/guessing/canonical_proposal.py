"""A row of the register for each service of a delivery that is canonical already: one folder with a table `events`.

Nothing of it has to be guessed but which time it covers, and that people confirm: whatever a delivery does not cover
has no outcome, and it must not seem as if nothing happened there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import duckdb

from charter.council.register import Signal, Source, StatedDelivery
from charter.purposes import CHECKS, PURPOSES
from charter.starting.new_council import Months, ProposedSource
from features.intake.canonical import find_table_file

__all__ = ["is_canonical", "propose_canonical", "propose_service"]

_NEEDED = frozenset({"person_id", "signal", "valid_at"})
_FEW_DETAILS = 50
"""Details are listed in the register where there are no more of them: `where(detail=...)` names one of a list."""

_CONFIRM = (
    "Confirm: which time `delivery` covers; it is taken from the first and the newest event. After it nothing is"
    " known: no need is looked for there.",
    "Confirm: each signal's title, as people should read it, and whether it is what the service did (system_response).",
)


def is_canonical(folder: Path) -> bool:
    """Whether a folder has a table `events` with the columns that every event needs."""
    path = find_table_file(folder, "events")
    if path is None:
        return False
    with duckdb.connect() as connection:
        try:
            described = connection.execute(f"DESCRIBE SELECT * FROM {_scan(path)}", [str(path)]).fetchall()
        except duckdb.Error:
            return False
    return {row[0] for row in described} >= _NEEDED


def _scan(path: Path) -> str:
    return "read_parquet(?)" if path.suffix == ".parquet" else "read_csv(?, header = true, all_varchar = true)"


def propose_canonical(folder: Path) -> list[ProposedSource]:
    """Return a row for each service whose events the folder's table holds; none where no signal names its service."""
    path = find_table_file(folder, "events")
    if path is None:
        return []
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE VIEW events AS SELECT * FROM {_scan(path).replace('?', _quote(path))}")
        names = {row[0] for row in connection.execute("DESCRIBE events").fetchall()}
        newest = "greatest(valid_at::DATE, known_at::DATE)" if "known_at" in names else "valid_at::DATE"
        rows = connection.execute(
            f"SELECT signal, min(valid_at::DATE), max(valid_at::DATE), max({newest}) FROM events "
            "WHERE signal LIKE '%_.%_' GROUP BY 1 ORDER BY 1"
        ).fetchall()
        details: dict[str, tuple[str, ...]] = {}
        if "detail" in names:
            for signal, there in connection.execute(
                "SELECT signal, list(DISTINCT nullif(detail, '')) FROM events GROUP BY 1"
            ).fetchall():
                stated = sorted(detail for detail in there if detail)
                details[signal] = tuple(stated) if len(stated) <= _FEW_DETAILS else ()
    stated_there = (folder / "delivery.json").exists()
    if not rows:
        return []
    end = max(last for *_, last in rows) + timedelta(days=1)
    proposed = []
    for service in sorted({signal.partition(".")[0] for signal, *_ in rows}):
        mine = [row for row in rows if row[0].startswith(f"{service}.")]
        months = Months(_first_whole_month(min(row[1] for row in mine)), max(row[2] for row in mine).replace(day=1))
        covers = None if stated_there else (min(first for _, first, *_ in mine), end)
        signals = {signal: details.get(signal, ()) for signal, *_ in mine}
        proposed.append(propose_service(service, signals, months, covers, folder.name, interval="end_at" in names))
    return proposed


def _first_whole_month(day: date) -> date:
    """Return the first day of the first month that is covered whole: windows of calendar months need no less."""
    return day if day.day == 1 else (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _quote(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def propose_service(
    service: str,
    signals: Mapping[str, tuple[str, ...]],
    months: Months,
    covers: tuple[date, date] | None,
    folder: str,
    *,
    interval: bool,
    synthetic: bool = False,
) -> ProposedSource:
    """Return a row for one service of a canonical folder; `signals` give each one's details, if few."""
    delivery = None
    if covers is not None:
        # Received when its time ends: a list of that morning sees all of it.
        delivery = StatedDelivery(
            covers_from=covers[0], covers_to=covers[1], received_at=covers[1], synthetic=synthetic
        )
    source = Source(
        service=service,
        title=service.replace("_", " ").capitalize(),
        format="canonical",
        folder=folder,
        basis="public task",
        conditions=("UK GDPR article 6(1)(e)",),
        purposes=frozenset(PURPOSES) - frozenset(CHECKS),
        retention_years=7,
        signals=tuple(
            Signal(
                name=name,
                title=name.replace(".", ": ").replace("_", " ").capitalize(),
                details=details,
                interval=interval,
                example=True,
            )
            for name, details in signals.items()
        ),
        delivery=delivery,
        example=True,
    )
    return ProposedSource(source, {service: _CONFIRM}, months)
