"""Any resident, any right, any service: theirs goes, what is others' stays, and the score says what is missing.

Small boroughs; each example is one more request of one more resident of one, or one more wrong merge that is split
again, with all checked before and after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from borough.synth import make_borough
from charter.contracts.files import writer_lock
from charter.contracts.matrix import Matrix
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.council.register import Register
from charter.errors import DataError
from charter.invocation import Invocation
from features.build import build_matrix
from features.linking.link import link_records
from features.linking.review import decide_pairs
from features.pull import pull_sources
from features.rights.asking import Certificate, file_request, overrule_request
from tests.conftest import ROOT

DAY = date(2026, 9, 1)
TABLES = ("events", "people", "protected", "residence", "permission", "coverage", "links")


Rows = dict[tuple[str, str], tuple[int, int]]


@dataclass
class Borough:
    """The borough as it is now, and its matrix at DAY."""

    invocation: Invocation
    residents: Sequence[tuple[str, str]]
    matrix: Path
    rows: Rows
    moments: Iterator[int] = field(default_factory=count)
    checked: Counter[str] = field(default_factory=Counter)

    @property
    def tables(self) -> Path:
        return self.invocation.workspace.snapshot() / "tables"

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect() as database:
            for name in TABLES:
                database.execute(f"create view {name} as select * from read_parquet('{self.tables / name}.parquet')")
            return database.execute(sql).fetchall()

    def told(self) -> Rows:
        """Return how many rows each table has of each person, and a hash of all that they say."""
        query = "select '{0}', person_id, count(*), sum(hash(t)) from {0} t group by person_id"
        rows = self.query(" union all ".join(query.format(name) for name in TABLES))
        return {(name, person): (number, told) for name, person, number, told in rows}

    def built(self) -> Path:
        with writer_lock(self.invocation.workspace.root):
            return build_matrix(self.invocation, purpose="rank", as_of=[DAY])

    def later(self) -> datetime:
        """Return a moment after all that was asked so far."""
        return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=next(self.moments))


def references(council: Council, extracts: Path) -> list[tuple[str, str]]:
    """Return every reference by which a service's extract names a person."""
    found = set()
    for source in Register.load(council.folder / "register.toml").sources:
        for file in source.files:
            columns = {record.fields["reference"] for record in file.records if record.kind == "person"}
            for column in columns & set(file.columns):
                path = extracts / source.folder / file.name
                said = f"read_csv('{path}', all_varchar = true)" if path.suffix == ".csv" else f"'{path}'"
                rows = duckdb.sql(f"select distinct {column} from {said} where {column} is not null").fetchall()
                found |= {(source.service, str(row[0])) for row in rows}
    return sorted(found)


def settled(workspace: Path, seed: int) -> Borough:
    """Return a borough of 300 homes, pulled, linked and built."""
    council = Council.load(ROOT / "council")
    make_borough(workspace / "extracts", council, 300, seed)
    invocation = Invocation(council, "early_help", Workspace(workspace, "early_help"), quiet=True)
    with writer_lock(workspace):
        pull_sources(invocation)
        link_records(invocation)
    made = Borough(invocation, references(council, workspace / "extracts"), workspace, {})
    made.matrix, made.rows = made.built(), made.told()
    return made


def texts(path: Path) -> set[str]:
    """Return every text that a file of tables or arrays holds."""
    if path.suffix == ".npy":
        array = np.load(path, allow_pickle=False)
        return set(np.unique(array).astype(str).tolist()) if array.dtype.kind in "SU" else set()
    found: set[str] = set()
    for column in pq.read_table(path).columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            found.update(text for text in column.unique().to_pylist() if text)
    return found


def files_holding(workspace: Path, ids: set[str]) -> list[Path]:
    """Return the files outside extracts and vault that hold any of the ids."""
    found = []
    for path in workspace.rglob("*"):
        if not path.is_file() or path.relative_to(workspace).parts[0] in ("extracts", "vault"):
            continue
        if path.suffix in (".parquet", ".npy"):
            held = bool(ids & texts(path))
        else:
            content = path.read_bytes()
            held = any(one.encode() in content for one in ids)
        if held:
            found.append(path)
    return found


def values(matrix: Path) -> dict[str, tuple[bytes, dict[str, int], int, frozenset[str]]]:
    """Return each household's features (bytes), how many members each seen column saw, members, and who they are."""
    opened = Matrix.open(matrix)
    rows = opened.at(DAY)
    people: dict[int, set[str]] = {}
    for row, person in zip(rows.person_row.tolist(), rows.person.tolist(), strict=True):
        people.setdefault(row, set()).add(person.decode())
    return {
        entity.decode(): (
            np.asarray(rows.features[number]).tobytes(),
            dict(zip(opened.manifest["seen"], np.asarray(rows.seen[number]).tolist(), strict=True)),
            int(rows.members[number]),
            frozenset(people.get(number, ())),
        )
        for number, entity in enumerate(rows.entity)
    }


def others(rows: Rows, person: str) -> Rows:
    return {of: told for of, told in rows.items() if of[1] != person}


def of_service(seen: dict[str, int], service: str) -> dict[str, int]:
    return {name: number for name, number in seen.items() if service == "*" or name.startswith(service)}


def exercise(borough: Borough, number: int, action: str, everything: bool, purpose: str) -> None:
    """Let one resident use one right, and check everything."""
    through, reference = borough.residents[number % len(borough.residents)]
    service = "*" if everything else through
    register = Register.load(borough.invocation.council.folder / "register.toml")
    before_matrix = values(borough.matrix)
    before = {row[0]: row for row in borough.query("select event_id, person_id, signal from events")}
    try:
        with writer_lock(borough.invocation.workspace.root):
            done: Certificate = file_request(
                borough.invocation, action, through=through, reference=reference, service=service, purpose=purpose,
                now=borough.later(),
            )  # fmt: skip
    except DataError:
        # Erased by an earlier example, or never linked because the family did not consent: nobody is known here.
        return
    (person,) = done.people or ("",)
    after_matrix_folder = borough.built()
    after_matrix = values(after_matrix_folder)
    # Nobody else's rows changed.
    rows = borough.told()
    assert others(rows, person) == others(borough.rows, person)
    borough.rows = rows
    # No file holds a row of it.
    clears = action == "erase" or (action in ("object", "withdraw") and purpose == "*")
    gone = {
        event
        for event, whose, signal in before.values()
        if whose == person and (service == "*" or signal.startswith(f"{service}."))
    }
    if clears and gone:
        assert files_holding(borough.invocation.workspace.root, gone) == []
        borough.checked["cleared"] += 1
    # Every value of other households is what it was.
    for entity, (features, seen, members, people) in before_matrix.items():
        if person not in people:
            assert after_matrix[entity] == (features, seen, members, people)
    # And the score says what is missing.
    stopped = purpose in ("*", "rank")
    consent = register.consent_based(through)
    for entity, (_, seen, members, people) in before_matrix.items():
        if person in people and entity in after_matrix and stopped and not consent:
            _, seen_now, members_now, people_now = after_matrix[entity]
            if person in people_now and service != "*":
                for name, number_seen in of_service(seen, service).items():
                    assert seen_now[name] <= number_seen
                    assert number_seen < members or seen_now[name] < members_now, name
                    borough.checked["missing"] += number_seen > seen_now[name]
            if service == "*":
                assert person not in people_now
    borough.matrix = after_matrix_folder
    if action == "object" and purpose == "rank":
        _overruled(borough, done, before_matrix)


def _overruled(borough: Borough, done: Certificate, before: dict[str, tuple]) -> None:
    """Let a named role decide that an objection to one purpose does not stand: everything is as it was."""
    with writer_lock(borough.invocation.workspace.root):
        overrule_request(borough.invocation, done.request, role="data_protection_officer", now=borough.later())
    borough.matrix, borough.rows = borough.built(), borough.told()
    assert values(borough.matrix) == before
    borough.checked["overruled"] += 1


def split(borough: Borough, number: int, other: int) -> None:
    """Let a reviewer join two people who are two, and then split them: all is as if they had never met."""
    files = borough.invocation.workspace
    refs = [row[0] for row in borough.query("select min(ref) from links where used group by person_id order by all")]
    one, two = refs[number % len(refs)], refs[other % len(refs)]
    if one == two:
        return
    told: dict[str, tuple] = {}
    entries: list[Mapping[str, object]] = []
    for says in ("different", "same", "different"):
        with writer_lock(files.root):
            decide_pairs(
                borough.invocation, [f"{one}-{two}={says}"], role="data_protection_officer", reason="a test",
                log=entries.append, now=borough.later(),
            )  # fmt: skip
            link_records(borough.invocation)
        borough.matrix, rows = borough.built(), borough.told()
        told.setdefault(says, (rows, values(borough.matrix)))
        borough.rows = rows
    assert (borough.rows, values(borough.matrix)) == told["different"]
    assert told["same"][0] != told["different"][0]
    borough.checked["split"] += 1


REQUESTS = {
    "number": st.integers(0, 100_000),
    "action": st.sampled_from(["withdraw", "object", "restrict", "erase"]),
    "everything": st.booleans(),
    "purpose": st.sampled_from(["*", "*", "rank"]),
}


def ask_many(borough: Borough, requests: int, every: int = 0) -> None:
    """Let as many residents ask something, one after the other; of one number in `every`, split a wrong merge instead.

    Sees that what was looked for was there to be found.
    """

    @settings(
        derandomize=True, database=None, deadline=None, phases=[Phase.generate], max_examples=requests,
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    @given(**REQUESTS)
    def each(number: int, action: str, everything: bool, purpose: str) -> None:
        if every and number % every == 1:
            split(borough, number, number // every)
        else:
            exercise(borough, number, action, everything, purpose)

    each()
    looked_for = ("cleared", "missing", "overruled", *(["split"] if every else []))
    assert min(borough.checked[name] for name in looked_for) > 0


def test_what_a_resident_withdraws_goes_and_nothing_of_anybody_else(tmp_path: Path) -> None:
    ask_many(settled(tmp_path / "workspace", 5), 10)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(6, 10))
def test_a_thousand_residents(tmp_path: Path, seed: int) -> None:
    ask_many(settled(tmp_path / "workspace", seed), 250, every=25)
