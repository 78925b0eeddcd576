"""A council of two services, small enough to read, in its own folder: housing (CSV) and school (CSV and Parquet)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from borough.synth import make_borough
from charter.contracts.files import writer_lock
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation
from features.linking.link import link_records
from features.linking.standing_links import LinkResult
from features.pull import pull_sources
from features.pull_plan import PullResult

REGISTER = """
[[source]]
service = "housing"
title = "Rents"
basis = "public task"
purposes = ["link", "train", "rank", "display"]
retention_years = 7
arrival_lag_days = 10
dates = "%d/%m/%Y"

  [[source.signal]]
  name = "arrears"
  title = "Rent arrears"
  details = ["letter", "court"]
  unit = "GBP"

  [[source.file]]
  name = "tenants.csv"
  key = ["person_ref"]
  [source.file.columns]
  person_ref = "text"
  forename = "text"
  surname = "text"
  born = "date"
  uprn = "text"
  since = "date"

    [[source.file.record]]
    kind = "person"
    reference = "person_ref"
    forename = "forename"
    surname = "surname"
    birth_date = "born"
    uprn = "uprn"

    [[source.file.record]]
    kind = "address"
    reference = "person_ref"
    uprn = "uprn"
    start = "since"

  [[source.file]]
  name = "arrears.csv"
  key = ["id"]
  versions = ["corrected"]
  [source.file.columns]
  id = "text"
  person_ref = "text"
  day = "date"
  balance = "decimal"
  stage = "text"
  recorded = "date"
  corrected = "date"

    [[source.file.record]]
    kind = "event"
    reference = "person_ref"
    signal = "'housing.arrears'"
    key = "id"
    valid_at = "day"
    known_at = "coalesce(corrected, recorded)"
    amount = "balance"
    detail = "stage"
    where = "balance > 0"
"""

ROOT = Path(__file__).resolve().parents[3]
CHARTER = ROOT / "council" / "charter.toml"
TENANTS = """person_ref,forename,surname,born,uprn,since
H1,Ada,Marsh,01/02/1980,000100,01/03/2020
H2,Ben,Marsh,,100,01/03/2020
"""
ARREARS = """id,person_ref,day,balance,stage,recorded,corrected
A1,H1,30/06/2024,120.50,letter,02/07/2024,
A2,H1,31/07/2024,240.00,court,02/08/2024,
A2,H1,31/07/2024,0.00,letter,02/08/2024,09/08/2024
"""


@dataclass(frozen=True)
class Town:
    """A council folder and a workspace in which one file may be changed before `pull`."""

    council: Path
    workspace: Path

    def write(self, where: str, text: str) -> None:
        """Replace one file of the extracts."""
        path = self.workspace / "extracts" / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def deliver(self, service: str, received: str = "2024-09-01", synthetic: bool = True) -> None:
        """Write the service's delivery.json."""
        said = {
            "schema_version": 1,
            "service": service,
            "covers_from": "2020-01-01T00:00:00+00:00",
            "covers_to": f"{received}T00:00:00+00:00",
            "received_at": f"{received}T06:00:00+00:00",
            "synthetic": synthetic,
        }
        self.write(f"{service}/delivery.json", json.dumps(said))

    def register(self, old: str, new: str) -> None:
        """Change the register."""
        path = self.council / "register.toml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    @property
    def invocation(self) -> Invocation:
        return Invocation.open(self.council, "", self.workspace, quiet=True)

    def pull(self) -> PullResult:
        """Pull as the verb does."""
        with writer_lock(self.workspace):
            return pull_sources(self.invocation)

    def link(self, threads: int | None = None) -> LinkResult:
        """Link as the verb does."""
        with writer_lock(self.workspace):
            return link_records(self.invocation, threads=threads)

    @property
    def snapshots(self) -> list[Path]:
        """The snapshots there are."""
        return sorted(path.parent for path in (self.workspace / "store").glob("*/manifest.json"))


@pytest.fixture
def town(tmp_path: Path) -> Town:
    council = tmp_path / "council"
    (council / "help").mkdir(parents=True)
    (council / "help" / "definition.py").write_text("", encoding="utf-8")
    (council / "council.toml").write_text('name = "Test"\ntime_zone = "Europe/London"\n', encoding="utf-8")
    (council / "register.toml").write_text(REGISTER, encoding="utf-8")
    charter = CHARTER.read_text(encoding="utf-8").replace("example = true", "example = false")
    charter = charter.replace('state = "not begun"', 'state = "signed"\nreference = "a minute of the board"')
    charter = charter.replace('"housing.notice",', '"housing.notice", "housing.arrears",', 1)
    (council / "charter.toml").write_text(charter, encoding="utf-8")
    made = Town(council, tmp_path / "workspace")
    made.deliver("housing")
    made.write("housing/tenants.csv", TENANTS)
    made.write("housing/arrears.csv", ARREARS)
    return made


@pytest.fixture(scope="session")
def borough_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a small fictional borough, pulled and linked once; read by all, changed by none."""
    workspace = tmp_path_factory.mktemp("borough")
    council = Council.load(ROOT / "council")
    make_borough(workspace / "extracts", council, 600, 3)
    invocation = Invocation(council, "early_help", Workspace(workspace, "early_help"), quiet=True)
    with writer_lock(workspace):
        pull_sources(invocation)
        link_records(invocation)
    return workspace


@pytest.fixture
def borough_town(borough_once: Path, tmp_path: Path) -> Town:
    """Give a copy of the small borough that the test may change."""
    shutil.copytree(borough_once, tmp_path / "own", symlinks=True)
    return Town(ROOT / "council", tmp_path / "own")


@pytest.fixture
def rows_of() -> Callable[[Path, str], list[dict[str, object]]]:
    """Read a Parquet file into dictionaries."""
    import duckdb

    def read(path: Path, order: str = "all") -> list[dict[str, object]]:
        with duckdb.connect() as database:
            found = database.execute(f"select * from read_parquet('{path}') order by {order}")
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return read
