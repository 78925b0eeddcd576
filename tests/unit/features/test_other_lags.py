"""Had records without a known time come sooner or later than the register says: they move, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from features.other_lags import count_assumed, shift_arrival
from tests.unit.features.conftest import Town

ROWS = """id,person_ref,day,balance,stage,recorded,corrected
A1,H1,30/06/2024,120.50,letter,,
A2,H1,31/07/2024,240.00,court,02/08/2024,
A3,H2,25/08/2024,10.00,letter,,
"""


def test_only_what_was_assumed_moves_and_never_past_the_delivery_that_held_it(
    town: Town, tmp_path: Path, rows_of: Callable[..., list[dict[str, object]]]
) -> None:
    """The register says ten days; the delivery came on 1 September at six."""
    town.write("housing/arrears.csv", ROWS)
    town.pull()
    town.link()
    (snapshot,) = town.snapshots
    assert count_assumed(snapshot, ["housing.arrears"]) == (2, 3)
    assert count_assumed(snapshot, ["housing.notice"]) == (0, 0)

    def known(tables: Path) -> dict[str, datetime]:
        rows = rows_of(tables / "events.parquet")
        return {f"{row['valid_at']:%m-%d}": row["known_at"] for row in rows}  # type: ignore[misc]

    said = known(snapshot / "tables")
    assert said["07-30"] == datetime(2024, 8, 1, 23)
    found = {}
    for times in (0.5, 1.0, 2.0):
        other = shift_arrival(town.invocation, snapshot.name, times, tmp_path / f"lag{times}")
        tables = other.workspace.store / snapshot.name / "tables"
        found[times] = known(tables)
        assert {path.name for path in tables.iterdir()} == {path.name for path in (snapshot / "tables").iterdir()}
    assert found[1.0] == said
    assert found[0.5] == said | {"06-29": datetime(2024, 7, 4, 23), "08-24": datetime(2024, 8, 29, 23)}
    assert found[2.0] == said | {"06-29": datetime(2024, 7, 19, 23), "08-24": datetime(2024, 9, 1, 6)}
