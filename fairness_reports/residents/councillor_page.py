"""What a councillor's page shows: wards with their teams, five questions for officers, and how to read a range.

Each question stands beside what the council's own files answer today, so that a councillor can tell an officer's answer
from theirs. No household is on it, and no count of people that is not on another page already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from charter.council.council import Council
from charter.invocation import Invocation
from fairness_reports.residents.data_uses import NOT_USED, DataUse
from fairness_reports.residents.use_words import (
    STATE_WORDS,
    name_entities,
    say_answers,
    say_figures,
    say_shown_to_help,
    say_state,
)

__all__ = ["describe_councillors", "draw_range"]

_WIDTH, _LEFT, _RIGHT = 640, 20, 620


def describe_councillors(invocation: Invocation, uses: Sequence[DataUse]) -> dict[str, Any]:
    """Return what the page shows, every sentence made from what is so now."""
    return {
        "wards": _tabulate_wards(invocation.council, uses),
        "questions": [
            {"ask": "Does it help?", "answers": _answer(uses, lambda use: (say_shown_to_help(use),))},
            {
                "ask": "How good are the lists, and how sure are we?",
                "answers": _answer(uses, lambda use: say_figures(use)[1:3]),
            },
            {
                "ask": "Does it treat groups alike, and of which groups can nobody tell?",
                "answers": _answer(uses, lambda use: (say_answers(use),)),
            },
            {"ask": "Who decides, and who can stop it?", "answers": _answer(uses, _say_powers)},
            {
                "ask": "Is anybody shown a list, and since when?",
                "answers": [(use.title, (f"{STATE_WORDS[use.state]}.", say_state(use))) for use in uses],
            },
        ],
        "example": next((drawn for use in uses if (drawn := _describe_example(use))), None),
    }


def draw_range(low: float, estimate: float, high: float, words: str) -> Markup:
    """Draw a figure of 100 with its range on a line from 0 to 100; `words` say the same."""

    def place(value: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * value / 100

    ticks = "".join(
        f'<line x1="{place(tick):.1f}" x2="{place(tick):.1f}" y1="60" y2="66" stroke="#0b0c0c"/>'
        f'<text x="{place(tick):.1f}" y="84" text-anchor="middle" font-size="16">{tick}</text>'
        for tick in (0, 25, 50, 75, 100)
    )
    return Markup(  # noqa: S704 - the words went through escape(); the rest are numbers
        f'<svg viewBox="0 0 {_WIDTH} 92" role="img" aria-labelledby="range-t" style="max-width:40rem;width:100%">'
        f'<title id="range-t">{escape(words)}</title>'
        f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="60" y2="60" stroke="#0b0c0c"/>{ticks}'
        f'<line x1="{place(low):.1f}" x2="{place(high):.1f}" y1="30" y2="30" stroke="#1d70b8" stroke-width="6"/>'
        f'<circle cx="{place(estimate):.1f}" cy="30" r="9" fill="#0b0c0c"/></svg>'
    )


def _answer(uses: Sequence[DataUse], say: Callable[[DataUse], Sequence[str]]) -> list[tuple[str, Sequence[str]]]:
    """Return each released use with the sentences that answer; one that is not used has nothing to answer for."""
    return [(use.title, say(use)) for use in uses if use.state != NOT_USED]


def _say_powers(use: DataUse) -> tuple[str, str]:
    policy = use.invocation.charter
    deciders = [role.title for role in policy.roles if policy.acting.may(role.id, "referral.decide")]
    stoppers = [role.title for role in policy.roles if role.may_suspend]
    decide = f"A person decides on each household: {'; '.join(deciders)}." if deciders else "No role may decide."
    stop = f"Each of these can stop it alone: {'; '.join(stoppers)}." if stoppers else "Nobody can stop it alone."
    return decide, stop


def _tabulate_wards(council: Council, uses: Sequence[DataUse]) -> list[dict[str, str]]:
    """Return each ward with the teams that serve it today, their places a week over all programmes, and contacts."""
    teams = {team.id: team for use in uses for team in use.teams}.values()
    rows = []
    for ward in dict.fromkeys(area.ward for area in council.areas):
        ward_teams = [team for team in teams if ward in team.wards or (not team.wards and len(teams) == 1)]
        rows.append(
            {
                "ward": ward,
                "team": "; ".join(team.title for team in ward_teams) or "No team",
                "places": "; ".join(f"{team.places:g}" for team in ward_teams) or "0",
                "contact": "; ".join(team.contact for team in ward_teams if team.contact),
            }
        )
    return sorted(rows, key=lambda row: row["ward"])


def _describe_example(use: DataUse) -> Mapping[str, Any] | None:
    """Return the headline figure as a picture and its reading; None where there is no figure with a range."""
    figure = use.find_figure("needed_of_listed") if use.state != NOT_USED and use.replay else None
    if not figure or any(figure[end] is None for end in ("low", "estimate", "high")):
        return None
    low, estimate, high = (100 * float(figure[end]) for end in ("low", "estimate", "high"))
    who = name_entities(use)
    words = (
        f"Of 100 {who} on past lists {estimate:.0f} had a need recorded afterwards; the range is {low:.0f} to"
        f" {high:.0f}."
    )
    return {"title": use.title, "words": words, "drawn": draw_range(low, estimate, high, words)}
