"""The board's paper, its list: whom it looks at, how it puts them in order, and from which services' records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charter.rules.data_use import CARRIED, DATA_NEEDED, HELPS, NOT_NEEDED, OPEN, UNREAD
from charter.rules.policy import Policy
from fairness_reports.publish.council_words import CouncilWords
from fairness_reports.publish.figures_in_words import say_date, say_hundred
from fairness_reports.publish.front_pages import say_verdict
from features.grammar.points_in_words import describe_points

__all__ = ["describe_list", "describe_stand_in", "list_used"]

_TOP = 10
"""How many pieces of data the paper names of a list that is not added up by hand; the annex has the rest."""
_NEEDED = {
    UNREAD: "No: the order reads none of it",
    NOT_NEEDED: "No: the list does as well without it",
    HELPS: "Yes: it is shown to help",
    OPEN: "Cannot be told",
}


def describe_list(
    findings: Mapping[str, Any], definition: Mapping[str, Any], policy: Policy, words: CouncilWords
) -> dict[str, Any]:
    """Return what the page about the list shows, from the audited model's own bytes."""
    used = list_used(definition, findings)
    rows = findings["findings"]
    rules = describe_points(findings.get("points", ()), definition["features"])
    weights = {
        row["component"]: row["estimate"]
        for row in rows
        if row["measure"] == "contribution_weight" and row["group"] is None and row["estimate"]
    }
    heaviest = sorted(
        (feature["name"] for feature in used if weights.get(feature["name"])), key=lambda name: -weights[name]
    )
    return {
        "cohort": definition["cohort"]["title"],
        "outcome": definition["outcome"]["title"],
        "rules": rules,
        "pieces": [] if rules else [words.pieces[name] for name in heaviest[:_TOP]],
        "read": len(used),
        "defined": len(definition["features"]),
        "never": [kind.title for kind in policy.prohibited_inputs],
        "services": _tabulate_services(rows, words, findings.get("last_helped", {})),
    }


def describe_stand_in(
    findings: Mapping[str, Any], decision: Mapping[str, Any], definition: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return what stands in where the model cannot be read: whether it may, its answers and its rules; None for none.

    Its rules are left out where it is the audited list itself, which has them above.
    """
    answer = decision.get("stand_in")
    if answer is None:
        return None
    is_list = answer["model"] == findings["model"]
    rules = () if is_list else describe_points(findings.get("stand_in_points", ()), definition["features"])
    return {
        "own": is_list,
        "may": answer["decision"] != "block",
        "said": say_verdict({"questions": answer["questions"], "sentence": answer["sentence"]}),
        "rules": rules,
    }


def list_used(definition: Mapping[str, Any], findings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the pieces of data that the audited model reads, by its own bytes; all, of an audit that did not say."""
    reads = findings.get("reads")
    return [feature for feature in definition["features"] if reads is None or feature["name"] in reads]


def _tabulate_services(
    rows: Sequence[Mapping[str, Any]], words: CouncilWords, last_helped: Mapping[str, str]
) -> list[dict[str, str]]:
    """Return each service: its share of what moves the order, whether the list needs it, when that was last shown."""
    shares = {
        row["component"]: row["estimate"]
        for row in rows
        if row["measure"] == CARRIED and row["estimate"] and row["component"] in words.services
    }
    needed = [row for row in rows if row["measure"] == DATA_NEEDED]
    needed.sort(key=lambda row: -shares.get(row["component"], 0.0))
    return [
        {
            "name": words.name(row["component"]),
            "share": say_hundred(shares[row["component"]]) if row["component"] in shares else "none",
            "helped": say_date(last_helped[row["component"]]) if row["component"] in last_helped else "never",
            "needed": _NEEDED.get(str(row.get("note")), "Nobody has tried yet"),
        }
        for row in needed
    ]
