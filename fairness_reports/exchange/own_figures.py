"""What this council may tell others of its audited lists: worth in households, through the one door out.

    shares     of a group's households' worth so many counted: of those in need, so many listed before it
    rates      so many listings that no need followed, in so many years of people
    averages   the log of a group's average to everyone else's and its standard error, both rounded, and never where the
               group, everyone else, or all who are not told of together are fewer households than a question asks about
    points     the points list that was signed, and of its listings (and of those in need) how many counted

A figure's *worth* is how many independent households its interval says it is of (`read_sides`), at most as many as
there are: four children of one home are no four witnesses. Only such counts leave, all of them by `Ledger.release`, in
the mode that exchange.toml says; a total stands in each table that the door looks at, since others may know it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from charter.rules.certainty.compared_groups import list_rows
from charter.rules.certainty.score_test import find_scale, read_sides
from charter.rules.measures import AS_USED, MEASURES
from charter.rules.policy import Policy
from charter.rules.questions import NOT_SHARES, Gate
from fairness_reports.disclosure.door import PublicTable
from fairness_reports.disclosure.ledger import Ledger
from fairness_reports.disclosure.rules import read_rules
from fairness_reports.disclosure.tables import TOTAL, CountTable, Dimension, Period

__all__ = ["EXCHANGED", "Figures", "list_exchanged", "list_tables", "release_figures"]

_ANSWERS = Dimension("answer", ("counted", "not counted"))
_POINTS_OF = ("needed_of_listed", "listed_before_need")
_CENTS = 100
EXCHANGED = ("share", "rate", "average")
"""What a question's figures may be."""
_Z = 1.959963984540054


@dataclass(frozen=True)
class Figures:
    """One question of one audit: its kind, its table or tables of households' worth, and of an average its ratios.

    `ratios` has by group the log ratio and its standard error, where there are any.
    """

    gate: Gate
    kind: str
    tables: tuple[CountTable, ...]
    ratios: Mapping[str, tuple[float, float]]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups, in the audit's order."""
        return self.tables[0].dimensions[0].leaves


def list_exchanged(policy: Policy) -> list[Gate]:
    """Return the first gate's questions that compare by a ratio, each of its measure and characteristic once."""
    gates = [gate for gate in policy.asked("test") if gate.statistic == "ratio" and not gate.of_pair]
    return list({(gate.measure, gate.characteristic): gate for gate in gates}.values())


def list_tables(findings: Mapping[str, Any], policy: Policy) -> tuple[list[Figures], list[CountTable]]:
    """Return the figures of each exchanged question that has any, and the tables of the points list.

    `findings` is an audit's document; nothing of what is returned has passed the door yet.
    """
    figures = []
    for gate in list_exchanged(policy):
        rows = [row for part in list_rows(gate, findings, policy.not_recorded) for row in part]
        kind = "rate" if MEASURES[gate.measure].rate else "average" if gate.measure in NOT_SHARES else "share"
        make = {"share": _tabulate_shares, "rate": _tabulate_rates, "average": _tabulate_averages}[kind]
        period = _find_period(findings, MEASURES[gate.measure].at)
        if rows and period is not None and (made := make(gate, rows, findings["programme"], period)) is not None:
            figures.append(made)
    return figures, _tabulate_points(findings)


def release_figures(
    findings: Mapping[str, Any], policy: Policy, ledger: Ledger, mode: str, audience: str, today: date
) -> dict[str, Any]:
    """Return `questions`, `points` and `hidden` of the file that others read; the ledger has then what left.

    Raises CharterError where earlier releases and this one together would say what neither says.
    """
    figures, of_points = list_tables(findings, policy)
    tables = [*(table for of in figures for table in of.tables), *of_points]
    if not tables:
        return {"questions": [], "points": None, "hidden": ""}
    release = ledger.release(tables, mode, audience, today)
    views = iter(release.tables)
    questions = [_write_question(of, [next(views) for _ in of.tables]) for of in figures]
    performance = [_write_performance(table) for table in views]
    points = {"list": findings.get("stand_in_points") or [], "figures": performance} if performance else None
    return {"questions": questions, "points": points, "hidden": release.note}


def _find_period(findings: Mapping[str, Any], at: str) -> Period | None:
    days = (findings.get("used_lists") or {}) if at == AS_USED else (findings.get("period") or {})
    if not days.get("first"):
        return None
    return Period(date.fromisoformat(days["first"]), date.fromisoformat(days["last"]) + timedelta(days=1))


def _name_counted(gate: Gate, programme: str, what: str) -> str:
    """Return what is counted: the words by which the ledger knows the same households again."""
    return f"households' worth of {programme}, {what} by {gate.characteristic}: {MEASURES[gate.measure].id}"


def _find_worth(gate: Gate, row: Mapping[str, Any]) -> tuple[float, float]:
    """Return of how many households' worth how many counted; nobody where the row has no figure."""
    sides = read_sides(gate, row)
    if sides is None:
        return 0.0, 0.0
    group, most = sides[0], float(row.get("clusters") or 0)
    if MEASURES[gate.measure].rate:
        # Of a rate the count is of listings, among so many thousand years of people.
        counted = min(group.counted, most)
        thousands = counted / float(row["estimate"]) if row["estimate"] else group.people * find_scale(gate)
        return counted, 1000 * thousands
    worth = min(group.people, most)
    return group.share * worth, worth


def _tabulate_shares(gate: Gate, rows: Sequence[Mapping[str, Any]], programme: str, period: Period) -> Figures | None:
    groups = Dimension.with_total(gate.characteristic, [str(row["group"]) for row in rows])
    counts = np.zeros((len(rows), 2), dtype=np.int64)
    for number, row in enumerate(rows):
        counted, worth = (round(part) for part in _find_worth(gate, row))
        counts[number] = counted, worth - counted
    words = _name_counted(gate, programme, "asked about")
    table = CountTable(
        words, period, (groups, _ANSWERS), counts, np.repeat(counts.sum(axis=1, keepdims=True), 2, axis=1)
    )
    return Figures(gate, "share", (table,), {}) if counts.any() else None


def _tabulate_rates(gate: Gate, rows: Sequence[Mapping[str, Any]], programme: str, period: Period) -> Figures | None:
    groups = Dimension.with_total(gate.characteristic, [str(row["group"]) for row in rows])
    worth = [_find_worth(gate, row) for row in rows]
    parts = (("listings counted", 0), ("years of people", 1))
    tables = [
        CountTable(
            _name_counted(gate, programme, what),
            period,
            (groups,),
            np.array([round(row[at]) for row in worth], np.int64),
        )
        for what, at in parts
    ]
    return Figures(gate, "rate", tuple(tables), {}) if tables[0].counts.any() else None


def _tabulate_averages(gate: Gate, rows: Sequence[Mapping[str, Any]], programme: str, period: Period) -> Figures | None:
    groups = Dimension.with_total(gate.characteristic, [str(row["group"]) for row in rows])
    counts = np.array([int(row.get("clusters") or 0) for row in rows], dtype=np.int64)
    ratios = {}
    for row in rows:
        low, high = row.get("ratio_interval") or (None, None)
        if row.get("ratio") and low and high:
            ratios[str(row["group"])] = (math.log(row["ratio"]), math.log(high / low) / (2 * _Z))
    table = CountTable(_name_counted(gate, programme, "averaged over"), period, (groups,), counts)
    return Figures(gate, "average", (table,), ratios) if ratios else None


def _tabulate_points(findings: Mapping[str, Any]) -> list[CountTable]:
    """Return of the signed points list's listings, and of those in need, how many counted: households, two tables."""
    tables = []
    for row in findings["findings"]:
        place = (row["characteristic"], row["at"], row["model"], row.get("component"))
        period = _find_period(findings, AS_USED)
        if place != (None, AS_USED, findings.get("stand_in"), None) or row["measure"] not in _POINTS_OF or not period:
            continue
        households = int(row.get("clusters") or 0)
        counted = round((row["estimate"] or 0) * households)
        words = f"households of {findings['programme']}, points list: {row['measure']}"
        tables.append(CountTable(words, period, (_ANSWERS,), np.array([counted, households - counted], np.int64)))
    return tables


def _write_question(figures: Figures, shown: Sequence[PublicTable]) -> dict[str, Any]:
    write = {"share": _write_share, "rate": _write_rate, "average": _write_average}[figures.kind]
    groups = _list_told(figures, shown[0]) if figures.kind == "average" else frozenset(figures.groups)
    return {
        "measure": figures.gate.measure,
        "characteristic": figures.gate.characteristic,
        "kind": figures.kind,
        "period": {
            "first": shown[0].table.period.start.isoformat(),
            "last": (shown[0].table.period.end - timedelta(days=1)).isoformat(),
        },
        "all": write(figures, shown, TOTAL),
        "groups": {group: write(figures, shown, group) if group in groups else None for group in figures.groups},
    }


def _write_share(_figures: Figures, shown: Sequence[PublicTable], group: str) -> dict[str, Any] | None:
    counted, others = (shown[0].count(group, answer) for answer in _ANSWERS.leaves)
    return None if counted is None or others is None else {"counted": counted, "of": counted + others}


def _write_rate(_figures: Figures, shown: Sequence[PublicTable], group: str) -> dict[str, Any] | None:
    counted, years = (table.count(group) for table in shown)
    return None if counted is None or years is None else {"counted": counted, "of": years}


def _write_average(figures: Figures, shown: Sequence[PublicTable], group: str) -> dict[str, Any] | None:
    households = shown[0].count(group)
    if households is None:
        return None
    ratio = figures.ratios.get(group)
    if ratio is None:
        return {"of": households} if group == TOTAL else None
    log_ratio, error = ratio
    # The error is rounded up: what is told is never surer than what was found.
    return {
        "of": households,
        "log_ratio": round(log_ratio * _CENTS) / _CENTS,
        "error": max(math.ceil(error * _CENTS), 1) / _CENTS,
    }


def _list_told(figures: Figures, shown: PublicTable) -> frozenset[str]:
    """Return the groups whose average may be told: they, everyone else and all untold together are enough.

    Enough are as many as the question asks about at least, and never under ten: an average of few says how far it may
    be off no better than it says what it is.
    """
    fewest = max(read_rules().fewest_of_rate, figures.gate.minimum_positives)
    counts = dict(zip(figures.groups, figures.tables[0].counts.tolist(), strict=True))
    everybody = sum(counts.values())
    groups = [
        group
        for group in sorted(figures.ratios, key=lambda group: (-counts[group], group))
        if shown.count(group) is not None and min(counts[group], everybody - counts[group]) >= fewest
    ]
    while groups and 0 < everybody - sum(counts[group] for group in groups) < fewest:
        groups.pop()
    return frozenset(groups)


def _write_performance(table: PublicTable) -> dict[str, Any]:
    counted, others = (table.count(answer) for answer in _ANSWERS.leaves)
    worth = None if counted is None or others is None else {"counted": counted, "of": counted + others}
    return {"measure": table.table.counted.rsplit(" ", 1)[1], "figure": worth}
