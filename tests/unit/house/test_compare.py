"""What two workspaces' comparison must see, and what it must see through."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charter.contracts.files import file_digest
from charter.vault.envelope import seal_value
from charter.vault.key import Key
from house.compare import MeantChange, compare_workspaces, differing_keys, meant_changes
from house.workspaces import PlayedWorkspace

KEY = bytes(32)
Fill = Callable[[str, datetime], PlayedWorkspace]


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Give what plays a demo in miniature: a run named `run`, made at `began`, and all that cites it."""

    def played(run: str, began: datetime) -> PlayedWorkspace:
        root = tmp_path / run
        for folder in (
            "scores/help",
            "audit/help",
            "matrix/help/0123456789abcdef/as_of=2026-01-01",
            "vault",
            "store/s",
        ):
            (root / folder).mkdir(parents=True)
        (root / "scores/help" / run).mkdir()
        (root / "scores/help/current").write_text(f"{run}\n")
        scores = root / "scores/help" / run / "metrics.json"
        scores.write_text(json.dumps({"run": run, "at": began.isoformat(), "figures": [{"low": 0.1, "high": 0.3}]}))
        decision = {"metrics": file_digest(scores), "run": run, "due": "2027-01-01T00:00:00+00:00"}
        (root / "audit/help/decision.json").write_text(json.dumps(decision))
        matrix = root / "matrix/help/0123456789abcdef"
        (matrix / "manifest.json").write_text(json.dumps({"as_of": {"2026-01-01": {}}, "purpose": "rank"}))
        np.save(matrix / "as_of=2026-01-01/features.npy", np.arange(6.0))
        (root / "store/s/records").mkdir()
        rows = [3, 1, 2] if began.second % 2 else [1, 2, 3]
        pq.write_table(pa.table({"row": rows}), root / "store/s/records/events.parquet")
        sealed = json.dumps({"id": "r1", "run": run, "values": [1.0, None]}).encode()
        with closing(sqlite3.connect(root / "casework.db")) as database, database:
            database.execute("create table referrals (id text, sealed blob)")
            database.execute("insert into referrals values ('r1', ?)", (sealed,))
            database.execute("create table audit (chain text, number integer, at text, digest text, previous text)")
            database.execute("insert into audit values (?, 1, ?, ?, '')", (f"rank-{run}", began.isoformat(), run))
        with closing(sqlite3.connect(root / "vault/vault.db")) as vault, vault:
            vault.execute("create table identities (person_id text, sealed blob)")
            person = seal_value(Key(KEY).derive("vault"), "p1", b'{"name": "Ada"}')
            vault.execute("insert into identities values ('p1', ?)", (person,))
            vault.execute("create table residents (token text, sealed blob)")
            vault.execute("create table sets (snapshot text, name text, sealed blob)")
        return PlayedWorkspace(root, began, began + timedelta(minutes=1), KEY)

    return played


@pytest.fixture
def pair(fill: Fill) -> tuple[PlayedWorkspace, PlayedWorkspace]:
    """Give two workspaces of the same demo that differ in all that means nothing."""
    moment = datetime(2026, 11, 28, 9, 0, 0, tzinfo=UTC)
    return fill("aaaaaaaaaaaaaaaa", moment), fill("bbbbbbbbbbbbbbbb", moment + timedelta(minutes=5, seconds=1))


def differences(old: PlayedWorkspace, new: PlayedWorkspace) -> dict[str, tuple[str, ...]]:
    return {found.artefact: found.keys for found in compare_workspaces(old, new) if found.keys}


def test_ids_moments_digests_seals_and_the_order_of_records_mean_nothing(
    pair: tuple[PlayedWorkspace, PlayedWorkspace],
) -> None:
    assert differences(*pair) == {"ids": ("run of help",)}
    same_bytes = {found.artefact: found.same_bytes for found in compare_workspaces(*pair)}
    assert same_bytes["matrices"]
    assert not same_bytes["metrics"]
    assert not same_bytes["sealed records, opened"]


def change_json(path: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_a_figure_is_named_by_its_key(pair: tuple[PlayedWorkspace, PlayedWorkspace]) -> None:
    old, new = pair
    path = new.root / "scores/help/bbbbbbbbbbbbbbbb/metrics.json"
    change_json(path, lambda document: document["figures"][0].update(low=0.1000000000000001))
    # The decision cites another digest now, of a file that was compared itself: it does not differ for that.
    decision = new.root / "audit/help/decision.json"
    change_json(decision, lambda document: document.update(metrics=file_digest(path)))
    fresh = PlayedWorkspace(new.root, new.began, new.ended, KEY)
    assert differences(old, fresh) == {"ids": ("run of help",), "metrics": ("figures[].low",)}


def test_a_moment_that_is_not_the_runs_own_differs(pair: tuple[PlayedWorkspace, PlayedWorkspace]) -> None:
    old, new = pair
    path = new.root / "audit/help/decision.json"
    change_json(path, lambda document: document.update(due="2027-01-02T00:00:00+00:00"))
    assert differences(old, new)["decisions"] == ("due",)


def test_arrays_records_seals_and_names_are_seen_to_differ(pair: tuple[PlayedWorkspace, PlayedWorkspace]) -> None:
    old, new = pair
    np.save(new.root / "matrix/help/0123456789abcdef/as_of=2026-01-01/features.npy", np.arange(6.0) + 1e-12)
    pq.write_table(pa.table({"row": [1, 2, 4]}), new.root / "store/s/records/events.parquet")
    with closing(sqlite3.connect(new.root / "casework.db")) as database, database:
        sealed = json.dumps({"id": "r1", "run": "bbbbbbbbbbbbbbbb", "values": [1.0, 0.0]}).encode()
        database.execute("update referrals set sealed = ?", (sealed,))
    with closing(sqlite3.connect(new.root / "vault/vault.db")) as vault, vault:
        person = seal_value(Key(KEY).derive("vault"), "p1", b'{"name": "Eve"}')
        vault.execute("update identities set sealed = ?", (person,))
    (new.root / "surprise.json").write_text("{}")
    assert differences(old, new) == {
        "ids": ("run of help",),
        "matrices": ("all of it",),
        "snapshot's records": ("row",),
        "sealed records, opened": ("[].values[]",),
        "casework database": ("referrals[].sealed.values[]",),
        "vault, opened": ("identities.p1.name",),
        "surprise.json": ("surprise.json (new)",),
    }


def test_a_difference_is_meant_only_for_its_artefact_and_key(pair: tuple[PlayedWorkspace, PlayedWorkspace]) -> None:
    by_name = {found.artefact: found for found in compare_workspaces(*pair)}
    meant = MeantChange("ids", ("run of *",), "A step", "A reason.")
    assert by_name["ids"].unmeant([meant]) == ()
    assert list(by_name["ids"].lines([meant]))[1].endswith("A step. A reason.")
    for other in (MeantChange("metrics", ("*",), "", ""), MeantChange("ids", ("bundle of *",), "", "")):
        assert by_name["ids"].unmeant([other]) == ("run of help",)
        assert "NOT MEANT" in list(by_name["ids"].lines([other]))[-1]


def test_keys_that_came_or_went_and_rows_and_lines_are_counted() -> None:
    assert list(differing_keys({"a": 1, "b": 2}, {"a": 1, "c": 2})) == ["b (gone)", "c (new)"]
    assert list(differing_keys({"rows": [1, 2]}, {"rows": [1]})) == ["rows[] (2 and 1)"]
    assert list(differing_keys(["one", "two", "three"], ["one", "2", "three", "four"])) == ["lines (2 of 4)"]
    assert list(differing_keys({"a": 1}, {"a": 1.0})) == ["a"]
    assert list(differing_keys({"a": [True]}, {"a": [True]})) == []


def test_each_meant_change_says_which_step_and_why() -> None:
    changes = meant_changes()
    assert changes
    assert all(change.keys and change.step and change.why.endswith(".") for change in changes)
