"""Fits linkage parameters apart from the data they are used on: `python -m features.linking.fit COUNCIL WORKSPACE`.

Takes a pulled fictional borough with the truth beside its extracts, and prints the share of each level among pairs of
one person's references (m) and among random pairs of two people (u), to be rounded into parameters.toml by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.council.register import Register
from charter.errors import DataError
from charter.vault.key import Key
from charter.vault.vault import Vault
from features.intake.database import Relation, compute_rows, fetch_rows, open_database
from features.intake.snapshot import find_newest_snapshot
from features.linking.accuracy import read_truth
from features.linking.evidence import gather_evidence
from features.linking.match_scores import make_condition
from features.linking.parameters import Parameters

__all__ = ["Fit", "fit_shares"]

_RANDOM_PAIRS = 4_000_000


@dataclass(frozen=True)
class Fit:
    """What was measured: (m, u) of each (comparison, level), and the chance that two references are one person's."""

    shares: Mapping[tuple[str, str], tuple[float, float]]
    same_pairs: int
    references: int

    @property
    def prior(self) -> float:
        """The chance that two references picked at random are one person's."""
        return 2 * self.same_pairs / self.references**2


def fit_shares(database: duckdb.DuckDBPyConnection, traits: Relation, truth: Relation, parameters: Parameters) -> Fit:
    """Return (m, u) of each level: shares of the pairs in which both records say anything."""
    records = compute_rows(
        database, "select e.*, t.person from traits e join truth t using (ref)", traits=traits, truth=truth
    )
    same = compute_rows(
        database,
        "select l as l, r as r from told l join told r on l.person = r.person and l.ref < r.ref",
        told=records,
    )
    side = 2000
    other = compute_rows(
        database,
        f"select l as l, r as r from (select * from told order by hash(ref) limit {side}) l "
        f"cross join (select * from told order by hash(ref, 1) limit {_RANDOM_PAIRS // side}) r "
        "where l.person <> r.person",
        told=records,
    )
    shares: dict[tuple[str, str], tuple[float, float]] = {}
    for comparison, levels in parameters.levels.items():
        counts = [
            _count_levels(database, pairs, comparison, [level.name for level in levels]) for pairs in (same, other)
        ]
        for place, level in enumerate(levels):
            m, u = (of[place] / sum(of) for of in counts)
            shares[(comparison, level.name)] = (m, u)
    pairs, references = fetch_rows(
        database, "select (select count(*) from same), (select count(*) from told)", same=same, told=records
    )[0]
    return Fit(shares, pairs, references)


def _count_levels(database: duckdb.DuckDBPyConnection, pairs: Relation, comparison: str, names: list[str]) -> list[int]:
    """Return how many pairs reach each level first, of those in which both say anything."""
    unknown = make_condition(comparison, None)
    cases = " ".join(f"when {make_condition(comparison, name)} then {place}" for place, name in enumerate(names))
    flat = "select " + ", ".join(
        f"l.{name} as {name}_l, r.{name} as {name}_r"
        for name in ("forename", "forename_forms", "surname", "birth_date", "homes", "came", "gone", "sex")
    )
    rows = dict(
        fetch_rows(
            database,
            f"select level, count(*) from (select case when {unknown} then -1 {cases} end as level "
            f"from ({flat} from pairs)) where level >= 0 group by level",
            pairs=pairs,
        )
    )
    return [int(rows.get(place, 0)) for place in range(len(names))]


def main(council_folder: Path, root: Path) -> None:
    """Print the shares of every level for the newest snapshot of the workspace."""
    council, workspace = Council.load(council_folder), Workspace(root, "")
    key, register, parameters = (
        Key.load(council, workspace),
        Register.load(council_folder / "register.toml"),
        Parameters.load(),
    )
    snapshot = find_newest_snapshot(workspace.store)
    if snapshot is None:
        raise DataError("there is no snapshot to fit on.", "Run `sooner synth --seed 4242`, then `sooner pull`.")
    with open_database(key) as database:
        evidence = gather_evidence(database, Vault.open(workspace.vault, key), snapshot, register)
        truth = read_truth(database, key, workspace.extracts / "truth" / "references.parquet")
        fit = fit_shares(database, evidence.traits, truth, parameters)
    for (comparison, level), (m, u) in fit.shares.items():
        print(f"{comparison:12} {level:42} m = {m:.4f}  u = {u:.7f}")
    print(f"prior = {fit.prior:.8f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
