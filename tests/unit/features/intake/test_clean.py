from __future__ import annotations

import pytest

from charter.contracts.files import writer_lock
from charter.errors import UsageError
from charter.vault.key import Key
from charter.vault.vault import Vault
from features.intake.clean import clean_snapshots


def test_old_snapshots_go_with_what_the_vault_holds_of_them(town) -> None:
    for month in ("09", "10", "11", "12"):
        town.deliver("housing", f"2024-{month}-01")
        town.pull()
        if month == "10":
            town.link()
    names = [path.name for path in town.snapshots]
    with writer_lock(town.workspace):
        cleaned = clean_snapshots(town.invocation, keep=1)
    assert cleaned.removed == (names[0], names[2])
    assert cleaned.kept == (names[1], names[3]), "the current one and the newest"
    assert [path.name for path in town.snapshots] == [names[1], names[3]]
    vault = Vault.open(town.workspace / "vault", Key.load(town.invocation.council, town.invocation.workspace))
    assert vault.snapshots() == {names[1], names[3]}
    assert not (town.workspace / "quarantine" / f"{names[0]}.parquet").exists()
    town.deliver("housing", "2025-01-01")
    assert town.pull().made


def test_at_least_one_snapshot_is_kept(town) -> None:
    with pytest.raises(UsageError, match="at least one"):
        clean_snapshots(town.invocation, keep=0)
