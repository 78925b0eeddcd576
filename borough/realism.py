"""Ours beside the real ones: `python -m borough.realism WORKSPACE` prints the table of docs/explanation/fictional-borough.md.

Counts social care as the Department for Education's return does: a referral of a child that is not closed with no
further action starts an episode of need; the episode goes on through assessment and, if the child is found in need,
until the period closes. Ours are means over the five reporting years (April to March) before the snapshot.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb

from borough.rates import Rates
from charter.errors import UsageError

__all__ = ["ours", "table"]

_YEARS = 5
_ROWS = (
    ("referrals_per_10000", "Referrals per 10,000 children a year"),
    ("rereferral_percent", "Referrals within 12 months of an earlier one of the same child, %"),
    ("referral_no_further_action_percent", "Referrals with no further action, %"),
    ("not_in_need_percent", "Referrals assessed and found not in need, %"),
    ("assessments_per_10000", "Assessments completed per 10,000 children a year"),
    ("assessment_median_days", "Median length of an assessment, working days there and here"),
    ("cin_started_per_10000", "Episodes of need started per 10,000 children a year"),
    ("cin_at_31_march_per_10000", "Children in need at 31 March per 10,000 children"),
    ("cin_ended_within_3_months_percent", "Ended episodes of three months or less, %"),
    ("cin_disability_percent", "Children in need with a recorded disability, %"),
    ("referral_from_schools_percent", "Referrals from schools and education services, %"),
    ("referral_from_health_percent", "Referrals from health, %"),
    ("referral_from_police_percent", "Referrals from the police, %"),
)


def ours(workspace: Path) -> Mapping[str, float]:
    """Return our figures by the names of `[public]` in borough.toml; raise UsageError where there are no extracts."""
    extracts = workspace / "extracts"
    if not (extracts / "truth" / "people.parquet").exists():
        raise UsageError(f"{workspace.name}/extracts/ holds no fictional borough.", "Run `sooner synth` first.")
    last = Rates.load().last_day.year
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        _load(connection, extracts)
        per_year = [_year(connection, year) for year in range(last - _YEARS + 1, last + 1)]
    return {name: sum(year[name] for year in per_year) / len(per_year) for name in per_year[0]}


def _load(connection: duckdb.DuckDBPyConnection, extracts: Path) -> None:
    """Make the tables `referral`, `assessment`, `period`, `child` and `alive` from the extracts and the truth."""
    care = extracts / "social_care"

    def newest(file: str, key: str) -> str:
        source = f"read_csv('{care / file}', all_varchar = true)"
        return f"(select * from {source} qualify row_number() over (partition by {key} order by corrected_on desc nulls last) = 1)"

    connection.execute(
        f"""
        create table referral as select child_id, referred_at::timestamp::date as day, source,
            no_further_action = 'Y' as closed from {newest("referrals.csv", "referral_id")};
        create table assessment as select child_id, started_on::date as day, authorised_on::date as finish
            from {newest("assessments.csv", "assessment_id")};
        create table period as select child_id, started_on::date as day, closed_on::date as finish
            from {newest("cin_periods.csv", "cin_id")};
        create table child as select child_id, disability from read_csv('{care / "children.csv"}', all_varchar = true);
        create table alive as select person, birth, min(start) as start, max(coalesce("end", '2100-01-01')) as finish
            from '{extracts / "truth" / "residence.parquet"}' join '{extracts / "truth" / "people.parquet"}' using (person)
            group by all;
        create table episode as
            select r.child_id, r.day, a.finish as assessed, p.day is not null as in_need,
                case when p.day is not null then p.finish else a.finish end as finish
            from referral r
            left join assessment a on a.child_id = r.child_id and a.day between r.day and r.day + 5
            left join period p on p.child_id = r.child_id and p.day = a.finish
            where not r.closed;
        """  # noqa: S608 - paths of the caller's own workspace, no outside text
    )


def _year(connection: duckdb.DuckDBPyConnection, year: int) -> dict[str, float]:
    """Return the figures of the reporting year that ends on 31 March of `year`."""
    span = f"between date '{year - 1}-04-01' and date '{year}-03-31'"
    middle, end = f"date '{year - 1}-09-30'", f"date '{year}-03-31'"

    def one(query: str) -> float:
        row = connection.execute(query).fetchone()
        return float(row[0] or 0) if row else 0.0

    children = one(
        f"select count(*) from alive where birth <= {middle} and birth > {middle} - interval 18 year "  # noqa: S608 - dates made here
        f"and start <= {middle} and finish > {middle}"
    )
    referrals = one(f"select count(*) from referral where day {span}")  # noqa: S608 - dates made here
    ended = f"from episode where finish {span}"
    open_then = f"from episode where day <= {end} and (finish > {end} or finish is null)"

    def share(condition: str) -> float:
        return 100 * one(f"select avg(({condition})::int) from referral where day {span}")  # noqa: S608 - dates made here

    return {
        "referrals_per_10000": 10_000 * referrals / children,
        "rereferral_percent": share(
            "exists (select 1 from referral e where e.child_id = referral.child_id "
            "and e.day < referral.day and e.day >= referral.day - interval 1 year)"
        ),
        "referral_no_further_action_percent": share("closed"),
        "not_in_need_percent": 100 * one(f"select count(*) from episode where day {span} and not in_need") / referrals,  # noqa: S608 - dates made here
        "assessments_per_10000": 10_000 * one(f"select count(*) from assessment where finish {span}") / children,  # noqa: S608 - dates made here
        "assessment_median_days": one(f"select median(finish - day) * 5 / 7 from assessment where finish {span}"),  # noqa: S608 - dates made here
        "cin_started_per_10000": 10_000 * one(f"select count(*) from episode where day {span}") / children,  # noqa: S608 - dates made here
        "cin_at_31_march_per_10000": 10_000 * one(f"select count(distinct child_id) {open_then}") / children,  # noqa: S608 - dates made here
        "cin_ended_within_3_months_percent": 100 * one(f"select avg((finish - day <= 91)::int) {ended}"),  # noqa: S608 - dates made here
        "cin_disability_percent": 100
        * one(f"select avg((disability != 'NONE')::int) from child where child_id in (select child_id {open_then})"),  # noqa: S608 - dates made here
        "referral_from_schools_percent": share("source in ('2A', '2B')"),
        "referral_from_health_percent": share("source like '3%'"),
        "referral_from_police_percent": share("source = '6'"),
    }


def table(workspace: Path) -> str:
    """Return the Markdown table of our figures beside the public ones."""
    mine, public = ours(workspace), Rates.load().tables["public"]
    lines = [
        f"| | ours | {' | '.join(public['areas'])} |",
        f"|---|---:|{'---:|' * len(public['areas'])}",
    ]
    for name, title in _ROWS:
        real = " | ".join(f"{value:,.1f}" for value in public[name])
        lines.append(f"| {title} | {mine[name]:,.1f} | {real} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Type: python -m borough.realism WORKSPACE")
    print(table(Path(sys.argv[1])))
