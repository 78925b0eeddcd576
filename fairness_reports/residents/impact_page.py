"""What the page "Has it helped?" shows of each use of data: begun and ended, reach, effect, equity, overrides, next.

Each answer is as large as any other: that it helps, that it does not, and that nobody can tell. Figures of groups are
as residents may read them (`hide_for_public`); of a trial's groups none is shown where one of their kind is hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from charter.rules.gate_sentences import say_day
from fairness_reports.impact.so_far_words import TRIAL_HEADINGS, say_acts, say_needs, say_overrides, say_trial
from fairness_reports.publish.figures_in_words import UNKNOWN, say_interval, say_share
from fairness_reports.publish.public_figures import hide_for_public
from fairness_reports.residents.data_uses import DataUse
from fairness_reports.residents.use_words import STATE_WORDS, name_entities, say_shown_to_help, say_state

__all__ = ["describe_impact", "tabulate_effect", "tabulate_reach"]

_REACH = "selection_rate"
_AT = "capacity"


def describe_impact(use: DataUse) -> dict[str, Any]:
    """Return what the page shows of one use, every sentence made from what is so now."""
    trials, titles = use.so_far["trials"], use.invocation.charter.characteristic_titles
    return {
        "programme": use.programme,
        "title": use.title,
        "state": use.state.replace(" ", "-"),
        "state_word": "Ended" if use.closure else STATE_WORDS[use.state],
        "since": say_state(use),
        "begun": bool(use.so_far["acts"]["lists"]),
        "changes": _list_changes(use.so_far["releases"]),
        "acts": say_acts(use.so_far["acts"], name_entities(use)),
        "helps": say_shown_to_help(use),
        "trials": [
            {
                "heading": TRIAL_HEADINGS[trial["verdict"]],
                "question": trial["question"],
                "words": say_trial(trial),
                "groups": tabulate_effect(trial["by_group"], titles),
            }
            for trial in trials
        ],
        "reach": tabulate_reach(use.live.get("findings", ()), titles),
        "overrides": say_overrides(use.live) if use.live else ["Nobody has looked yet at how they fared."],
        "needs": say_needs(use.live, use.decision, trials),
        "signers": [role.title for role in use.invocation.charter.signers("decision")],
    }


def _list_changes(releases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return when lists began, and when the way they are made was changed."""
    words = ("Lists were made for the first time on", "The way they are made was changed on")
    return [f"{words[bool(number)]} {_say(row['on'])}." for number, row in enumerate(releases)]


def tabulate_reach(findings: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the share of each group's people who were on a list, by characteristic; [] before anybody looked."""
    rows = [row for row in findings if row["measure"] == _REACH and row["at"] == _AT and row.get("component") is None]
    shown = hide_for_public(rows)
    tables = []
    # Of two characteristics together nearly every group is too small to be shown.
    named = (row["characteristic"] for row in shown if row["group"] is not None and row["characteristic"] in titles)
    for characteristic in dict.fromkeys(named):
        groups = [row for row in shown if row["characteristic"] == characteristic and row["group"] is not None]
        tables.append(
            {
                "title": titles[characteristic],
                "rows": [
                    {
                        "group": row["group"],
                        "share": say_share(row["estimate"]),
                        "range": UNKNOWN if row["estimate"] is None else say_interval(row["interval"], say_share),
                    }
                    for row in groups
                ],
            }
        )
    return tables


def tabulate_effect(rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the difference that being listed made to each group; of a kind with one hidden group, none."""
    hidden = {row["about"] for row in rows if row["hidden"]}
    return [
        {
            "kind": titles.get(row["about"], row["about"]),
            "group": row["name"],
            "difference": _say_difference(None if row["about"] in hidden else row),
        }
        for row in rows
    ]


def _say_difference(row: Mapping[str, Any] | None) -> str:
    if row is None or row["estimate"] is None or row["interval"] is None:
        return UNKNOWN
    low, high = (100 * end for end in row["interval"])
    return f"{100 * row['estimate']:+.1f} ({low:+.1f} to {high:+.1f})"


def _say(day: str) -> str:
    return say_day(date.fromisoformat(day))
