"""Linkage on person files whose truth is published, beside Splink tuned by hand to each file.

Ours takes the columns as they are named and nothing else: as shipped, and with `--fit`. Splink gets comparisons chosen
for the file, its own estimates, and of all thresholds the one that the truth likes best, for pairs and for clusters.

    python -m benchmarks linkage_published
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from benchmarks.results import Row
from charter.council.register import Register
from charter.vault.key import Key
from features.intake.database import compute_rows, fetch_rows, give_rows, open_database, quote_text
from features.linking.accuracy import measure_accuracy
from features.linking.fitted_numbers import loosen_parameters
from features.linking.parameters import Parameters
from tests.unit.features.linking.said import link_said, make_source
from tests.unit.features.linking.test_published import DATA, FAKE, FAMILY, FEBRL

_WITHIN = 0.01
_BOTH = 481
"""People of Family Context's two services who have one name and one date of birth."""
_THRESHOLDS = tuple(range(-6, 31))


@dataclass(frozen=True)
class Published:
    """A file, how its columns are named for us, how Splink is tuned to it, and the best F1 published for it."""

    file: str
    query: str
    tuned: Callable[[], tuple[Sequence[Any], Sequence[Any], Sequence[str], Sequence[Sequence[str]]]]
    best: float | None


def _tune_fake() -> tuple[Sequence[Any], Sequence[Any], Sequence[str], Sequence[Sequence[str]]]:
    """Comparisons, blocking rules, certain rules and trainings of Splink's own tutorial on fake_1000."""
    return (
        [
            cl.NameComparison("forename"),
            cl.NameComparison("surname"),
            cl.DateOfBirthComparison("born", input_is_string=True),
            cl.ExactMatch("town").configure(term_frequency_adjustments=True),
            cl.EmailComparison("email"),
        ],
        [block_on("forename"), block_on("surname"), block_on("born"), block_on("email")],
        ["l.forename = r.forename and l.surname = r.surname and l.born = r.born", "l.email = r.email"],
        [("forename", "surname"), ("born",), ("email",)],
    )


def _tune_febrl() -> tuple[Sequence[Any], Sequence[Any], Sequence[str], Sequence[Sequence[str]]]:
    """Comparisons, blocking rules, certain rules and trainings of Splink's own example on FEBRL 3."""
    return (
        [
            cl.NameComparison("forename"),
            cl.NameComparison("surname"),
            cl.DateOfBirthComparison("born", input_is_string=True),
            cl.DamerauLevenshteinAtThresholds("shared_key", [1, 2]),
            cl.ExactMatch("town").configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("postcode", 1),
            cl.JaroWinklerAtThresholds("address", [0.9, 0.8]),
        ],
        [
            block_on("shared_key"),
            block_on("forename"),
            block_on("surname"),
            block_on("born"),
            block_on("postcode", "substr(forename, 1, 1)"),
            block_on("address"),
        ],
        ["l.shared_key = r.shared_key", "l.forename = r.forename and l.surname = r.surname and l.born = r.born"],
        [("born",), ("shared_key",), ("forename", "surname")],
    )


FILES = (
    Published("splink_fake_1000/fake_1000.csv", FAKE, _tune_fake, 0.911),
    Published("febrl/dataset1.csv", FEBRL, _tune_febrl, None),
    Published("febrl/dataset3.csv", FEBRL, _tune_febrl, 0.9954),
)


def measure_ours(file: Published, *, fit: bool) -> float:
    """Return the F1 of our links of a file."""
    rows = f"read_csv({quote_text(str(DATA / file.file))}, header = true, all_varchar = true)"
    parameters = loosen_parameters(Parameters.load()) if fit else Parameters.load()
    with open_database(Key(b"k" * 32)) as database:
        said = compute_rows(database, file.query.format(rows=rows))
        register = Register(sources=(make_source("all", one=False),))
        linkage = link_said(database, said, register, parameters)
        people = pa.table({"ref": list(linkage.representative), "person_id": list(linkage.representative.values())})
        return measure_accuracy(database, give_rows(database, people), said.select("ref, person"))["all"].f1


def measure_family(*, fit: bool) -> tuple[int, int]:
    """Return how many people of both of Family Context's fake services are found, and how many others joined."""
    folder = DATA / "csc_formats/family_context_fake"
    services = ("csc", "education")
    register = Register(sources=tuple(make_source(service, one=True) for service in services))
    parameters = loosen_parameters(Parameters.load()) if fit else Parameters.load()
    with open_database(Key(b"k" * 32)) as database:
        each = (FAMILY.format(service=of, path=quote_text(str(folder / f"{of}.csv"))) for of in services)
        said = compute_rows(database, " union all ".join(each))
        person = link_said(database, said, register, parameters).representative
        alike = fetch_rows(
            database,
            "select a.ref, b.ref from p a join p b using (forename, surname, birth_date) "
            "where a.service = 'csc' and b.service = 'education'",
            p=said,
        )
    found = sum(person[one] == person[other] for one, other in alike)
    return found, len(person) - len(set(person.values())) - found


def measure_tuned(file: Published) -> float:
    """Return the best F1 that Splink tuned to the file reaches at any threshold, by pairs or by clusters."""
    comparisons, blocking, certain, trainings = file.tuned()
    table = _read_for_splink(file)
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=list(comparisons),
        blocking_rules_to_generate_predictions=list(blocking),
        retain_intermediate_calculation_columns=False,
        additional_columns_to_retain=["person"],
    )
    linker = Linker(DuckDBAPI().register(table), settings, log_level=None)
    linker.training.estimate_probability_two_random_records_match(list(certain), recall=0.8)
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6)
    for columns in trainings:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*columns))
    scored = linker.inference.predict(threshold_match_weight=min(_THRESHOLDS))
    pairs = scored.as_duckdbpyrelation().select("match_weight, person_l = person_r as alike").to_arrow_table()
    weights, alike = pairs["match_weight"].to_numpy(), pairs["alike"].to_numpy()
    true = _count_pairs(table)
    by_pairs = [2 * alike[weights >= least].sum() / ((weights >= least).sum() + true) for least in _THRESHOLDS]
    by_clusters = [_measure_clusters(linker, scored, least) for least in _THRESHOLDS]
    return float(max(*by_pairs, *by_clusters))


def _read_for_splink(file: Published) -> pa.Table:
    """Return the file with its names in small letters and its dates as text, as Splink's comparisons want them."""
    rows = f"read_csv({quote_text(str(DATA / file.file))}, header = true, all_varchar = true)"
    with open_database(Key(b"k" * 32)) as database:
        said = compute_rows(database, file.query.format(rows=rows))
        return compute_rows(
            database,
            "select * exclude (service, known_at) replace (lower(forename) as forename, lower(surname) as surname) "
            "rename (ref as unique_id, birth_date as born) from said",
            said=said.select("* replace (birth_date::varchar as birth_date)"),
        ).to_arrow_table()


def _measure_clusters(linker: Any, scored: Any, least: float) -> float:
    """Return the F1 of Splink's clusters at a threshold."""
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(scored, threshold_match_weight=least)
    columns = clusters.as_duckdbpyrelation().select("unique_id as ref, cluster_id::varchar as person_id, person")
    with open_database(Key(b"k" * 32)) as database:
        given = give_rows(database, columns.to_arrow_table())
        return measure_accuracy(database, given.select("ref, person_id"), given.select("ref, person"))["all"].f1


def _count_pairs(table: pa.Table) -> int:
    counts = table.group_by("person").aggregate([("unique_id", "count")])["unique_id_count"].to_pylist()
    return sum(count * (count - 1) // 2 for count in counts)


def run() -> list[Row]:
    """Return a row for each file."""
    rows = []
    for file in FILES:
        name = Path(file.file).parent.name + " " + Path(file.file).stem
        shipped, fitted, tuned = measure_ours(file, fit=False), measure_ours(file, fit=True), measure_tuned(file)
        rows.append(
            Row(
                f"linkage: F1 on {name}, as shipped",
                round(shipped, 4),
                "",
                f"within {_WITHIN} of Splink tuned by hand",
                min(shipped, fitted) >= tuned - _WITHIN,
                {
                    "with --fit": round(fitted, 4),
                    "Splink tuned by hand, at its best threshold": round(tuned, 4),
                    **({"best published": file.best} if file.best else {}),
                },
                "the file's columns and no more",
            )
        )
    (found, more), (fitted, more_fitted) = measure_family(fit=False), measure_family(fit=True)
    rows.append(
        Row(
            "linkage: people of both services of Family Context, as shipped",
            found,
            "of 481",
            "all 481",
            min(found, fitted) == _BOTH,
            {"with --fit": fitted, "others joined": more, "others joined, with --fit": more_fitted},
            "whose names and dates are the same; of the others that are joined no truth is published",
        )
    )
    return rows


if __name__ == "__main__":
    for row in run():
        print(row)
