"""Ours beside the real ones: `python -m borough.realism WORKSPACE` prints the table of the documentation.

Counts social care as the Department for Education's return does: a referral of a child that is not closed with no
further action starts an episode of need; the episode goes on through assessment and, if the child is found in need,
until the period closes. Ours are means over the five reporting years (April to March) before the snapshot. The public
figures are those of `borough.toml`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path

import duckdb

from borough.rates import Rates
from charter.errors import SoonerError, UsageError

__all__ = ["measure_borough", "write_table"]

_YEARS = 5
_ROWS = (
    ("referrals_per_10000", "Referrals per 10,000 children a year"),
    ("rereferral_percent", "Referrals within 12 months of an earlier one of the same child, %"),
    ("referral_no_further_action_percent", "Referrals with no further action, %"),
    ("not_in_need_percent", "Referrals assessed and found not in need, %"),
    ("assessments_per_10000", "Assessments completed per 10,000 children a year"),
    ("assessment_median_days", "Median length of an assessment, working days"),
    ("cin_started_per_10000", "Episodes of need started per 10,000 children a year"),
    ("cin_at_31_march_per_10000", "Children in need at 31 March per 10,000 children"),
    ("cin_ended_within_3_months_percent", "Ended episodes of three months or less, %"),
    ("cin_disability_percent", "Children in need with a recorded disability, %"),
    ("referral_from_schools_percent", "Referrals from schools and education services, %"),
    ("referral_from_health_percent", "Referrals from health, %"),
    ("referral_from_police_percent", "Referrals from the police, %"),
)
_TABLES = """
create table referral as
    select child_id, referred_at::timestamp::date as day, source, no_further_action = 'Y' as closed from referrals;
create table assessment as
    select child_id, started_on::date as day, authorised_on::date as finish from assessments
    qualify row_number() over (partition by assessment_id order by corrected_on desc nulls last) = 1;
create table period as
    select child_id, started_on::date as day, closed_on::date as finish from cin_periods
    qualify row_number() over (partition by cin_id order by corrected_on desc nulls last) = 1;
create table child as select child_id, disability from children;
create table alive as
    select person, birth, min(start) as start, max(coalesce("end", '2100-01-01')) as finish
    from residence join people using (person)
    group by all;
create table episode as
    select r.child_id, r.day, p.day is not null as in_need,
        case when p.day is not null then p.finish else a.finish end as finish
    from referral as r
    left join assessment as a on a.child_id = r.child_id and a.day between r.day and r.day + 5
    left join period as p on p.child_id = r.child_id and p.day = a.finish
    where not r.closed;
"""


def measure_borough(workspace: Path) -> Mapping[str, float]:
    """Return our figures by the names of `[public]` in borough.toml; raise UsageError where there are no extracts."""
    extracts = workspace / "extracts"
    if not (extracts / "truth" / "people.parquet").exists():
        raise UsageError(f"{workspace.name}/extracts/ holds no fictional borough.", "Run `sooner synth` first.")
    last = Rates.load().last_day.year
    query = (files("borough") / "realism.sql").read_text(encoding="utf-8")
    with duckdb.connect() as connection:
        for name in ("referrals", "assessments", "cin_periods", "children"):
            connection.read_csv(extracts / "social_care" / f"{name}.csv", all_varchar=True).create_view(name)
        for name in ("residence", "people"):
            connection.read_parquet(str(extracts / "truth" / f"{name}.parquet")).create_view(name)
        connection.execute(_TABLES)
        years = [
            connection.execute(query, {"from": date(year - 1, 4, 1), "to": date(year, 3, 31)}).fetchall()[0]
            for year in range(last - _YEARS + 1, last + 1)
        ]
    return {name: sum(float(year[place] or 0) for year in years) / _YEARS for place, (name, _) in enumerate(_ROWS)}


def write_table(workspace: Path) -> str:
    """Return the Markdown table of our figures beside the public ones."""
    mine, public = measure_borough(workspace), Rates.load().tables["public"]
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
    try:
        print(write_table(Path(sys.argv[1])))
    except SoonerError as error:
        sys.exit(str(error))
