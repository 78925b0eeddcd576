"""The board's paper, its first page: what is asked, of whom, by when, between what, and what would make it stop.

Nothing here is stated beforehand: each figure is a finding's, or is said not to be known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup

from charter.council.training_settings import POINTS_LISTS
from charter.rules.data_use import CARRIED, DATA_NEEDED, GATES, NOT_STUDIED, OF_WORKERS, list_about_lists
from charter.rules.gate_sentences import say_day
from charter.rules.policy import Policy
from charter.signing.advice import Advice, write_slot
from fairness_reports.publish.council_words import CouncilWords
from fairness_reports.publish.figures_in_words import UNKNOWN, say_hundred

__all__ = ["describe_front", "name_model", "say_verdict"]

_ASKED = {
    "pass": "Say if this list may now run in shadow: made as planned, and shown to nobody.",
    "refer": "Choose one of the options below. The data cannot answer every question, so the choice is yours.",
    "block": "Say what should change. Nothing can go live on these findings.",
}
_TODAY = (
    ("done", "what teams did"),
    ("practice", "the way your teams choose now"),
    ("last_contact", "longest since last contact first, which stands for today"),
)
"""What stands for going on as today, the best record of it first: models of the replay, and what each is called."""
_TURNED = {"estimate": "estimate", "low": "high", "high": "low"}
_TIMES = (0.5, 1.0, 2.0)
"""With how many times the places the released list is shown."""
_ADVICE = {
    "no better than lots": "Stop. No list is sure to do better than drawing lots.",
    "beaten": "Stop. A plain order does better than each list that was tried.",
}


def describe_front(
    findings: Mapping[str, Any],
    decision: Mapping[str, Any],
    policy: Policy,
    models: Mapping[str, str],
    metrics: Mapping[str, Any],
    words: CouncilWords,
    advice: Sequence[Advice] = (),
) -> dict[str, Any]:
    """Return what the first page shows; `models` names each model in words, `metrics` is the run's contract `metrics`.

    `advice` is what roles said of these very findings.
    """
    heard = {spoken.role: spoken for spoken in advice}
    audited = date.fromisoformat(str(findings["made_at"])[:10])
    replay = metrics.get("replay") or {}
    return {
        "asked": _ASKED[decision["decision"]],
        "of_whom": [role.title for role in policy.signers("decision")],
        "by": say_day(audited + timedelta(days=policy.answer_within_days)),
        "options": _list_options(str(findings["model"]), decision, models, replay, policy.live.shadow_weeks),
        "weeks": findings.get("used_lists") or {"why": "This audit is of an older version."},
        "recommendation": _recommend(str(findings["model"]), decision, models, metrics["recommendation"], policy),
        "data": describe_data(findings, decision, words),
        "stops": _list_stops(policy),
        "stoppers": [role.title for role in policy.roles if role.may_suspend],
        "slots": [
            {"title": role.title, "words": Markup(write_slot(role.id, heard.get(role.id)))}  # noqa: S704 - escaped there
            for role in policy.roles
            if role.advises
        ],
    }


def say_verdict(decision: Mapping[str, Any]) -> str:
    """Say how many of the charter's questions about lists were answered how; for a decision without any, its sentence.

    What data the list needs is said in a part of its own.
    """
    verdicts = [question["verdict"] for question in list_about_lists(decision.get("questions", ()))]
    if not verdicts:
        return str(decision["sentence"])
    words_of = {
        "fail": ("failed", "failed"),
        "pass": ("is within the limit", "are within the limit"),
        "insufficient": ("cannot be told", "cannot be told"),
        "informs": ("is there to inform", "are there to inform"),
    }
    counts = [
        f"{verdicts.count(verdict) or 'none'} {words[verdicts.count(verdict) != 1]}"
        for verdict, words in words_of.items()
        if verdict in verdicts or verdict in ("fail", "pass")
    ]
    plural = "question" if len(verdicts) == 1 else "questions"
    lines = [line["held"] for line in decision.get("red_lines", ())]
    broken = lines.count(False)
    of_lines = f" {broken} of the residents' {len(lines)} red lines came out wrong." if broken else ""
    return f"Of {len(verdicts)} {plural}, {', '.join(counts)}.{of_lines}"


def name_model(model: str, models: Mapping[str, str]) -> str:
    """Return a model's name as it stands within a sentence."""
    title = models.get(model, model.replace("_", " "))
    return title if any(map(str.isupper, title[1:])) else f"{title[:1].lower()}{title[1:]}"


def _recommend(
    model: str, decision: Mapping[str, Any], models: Mapping[str, str], choice: Mapping[str, Any], policy: Policy
) -> list[str]:
    """Say which option the figures recommend and why; each sentence follows from an answer of the run or the gate."""
    if decision["decision"] == "block":
        return ["Stop. A question of the charter failed, so this list cannot go on."]
    if choice.get("answer") in _ADVICE:
        return [_ADVICE[choice["answer"]]]
    weeks = f"{policy.live.shadow_weeks} {'week' if policy.live.shadow_weeks == 1 else 'weeks'}"
    sentences = [f"Shadow for {weeks}. Nobody sees a list in that time, and then you are asked again."]
    name = name_model(model, models)
    if choice.get("answer") == "chosen":
        sentences.append(f"Of the lists that were tried, take {name}. It is the simplest that is good enough.")
    elif choice.get("answer"):
        sentences.append(f"Which list is best cannot be told yet. Until it can, {name} stands in.")
    return sentences


def _list_options(
    model: str, decision: Mapping[str, Any], models: Mapping[str, str], replay: Mapping[str, Any], weeks: int
) -> list[dict[str, str]]:
    """Return the options, each with what past lists made so would have done; a dash where nobody knows."""
    figures = {
        (row["model"], row["measure"]): row
        for row in replay.get("figures", ())
        if row["part"] == "all" and row["period"] == replay.get("headline") and row["against"] is None
    }
    names = {name for name, _ in figures}
    today, called = next((row for row in _TODAY if row[0] in names), _TODAY[-1])
    rows = [_option(f"Stop: go on as today ({called})", figures, today)]
    simple = [name for name in ("points", "agreed") if name != model and name in names]
    rows += [_option(f"A simple list: {name_model(name, models)}", figures, name) for name in simple[:1]]
    not_open = " (not open: a question failed)" if decision["decision"] == "block" else ""
    plain = ", itself a simple list" if model in POINTS_LISTS else ""
    name = f"{name_model(model, models)}{plain}"
    rows.append({"title": f"Shadow{not_open}: {name}, seen by nobody", "none": f"{weeks}"})
    for times, by_measure in _read_curve(replay).items():
        places = by_measure.get("places_filled", {}).get("estimate")
        if times in _TIMES and places is not None:
            # At the teams' own places the figures are those of every other page, from all draws of the households.
            of_list = {measure: figures.get((model, measure), row) for measure, row in by_measure.items()}
            by_option = of_list if times == 1 else by_measure
            now = " (as many as your teams have)" if times == 1 else ""
            rows.append(_option(f"Go live after that{not_open}, at {places:,.0f} places a year{now}", by_option, None))
    return rows


def _read_curve(replay: Mapping[str, Any]) -> dict[float, dict[Any, Any]]:
    """Return the released list's figures at other numbers of places, by times of the places and measure."""
    curve: dict[float, dict[Any, Any]] = {}
    for row in replay.get("curve", ()):
        if row["period"] == replay.get("headline"):
            curve.setdefault(row["times_places"], {})[row["measure"]] = row
    return curve


def _option(title: str, figures: Mapping[Any, Mapping[str, Any]], model: str | None) -> dict[str, str]:
    def find(measure: str) -> Mapping[str, Any] | None:
        return figures.get(measure if model is None else (model, measure))

    reached = find("listed_of_need")
    missed = reached and {end: _rest_of(reached[other]) for end, other in _TURNED.items()}
    return {"title": title, "listed": _say_range(find("needed_of_listed")), "missed": _say_range(missed), "none": ""}


def _rest_of(share: float | None) -> float | None:
    return None if share is None else 1 - share


def _say_range(figure: Mapping[str, Any] | None) -> str:
    """Say a share of 100 with its range: 38 (31 to 46)."""
    if figure is None or figure["estimate"] is None:
        return UNKNOWN
    if figure["low"] is None or figure["high"] is None:
        return say_hundred(figure["estimate"])
    return f"{say_hundred(figure['estimate'])} ({say_hundred(figure['low'])} to {say_hundred(figure['high'])})"


def describe_data(findings: Mapping[str, Any], decision: Mapping[str, Any], words: CouncilWords) -> dict[str, Any]:
    """Return what the charter's questions about data were answered, in the council's words."""
    needed = [row for row in decision["verdicts"] if row["gate"] == DATA_NEEDED and row["group"] is not None]
    carrying = [row for row in decision["verdicts"] if (row["gate"], row["reason"]) == (CARRIED, "carried")]
    notes = {row["id"]: row.get("note") for row in findings["findings"] if row["measure"] in GATES}
    unneeded = [row for row in needed if row["reason"] == "not needed"]
    pieces = [row for row in needed if row["reason"] == "piece not needed"]
    return {
        "smallest": _describe_smallest(findings.get("smallest_data")),
        "unneeded_pieces": [words.name(row["group"]) for row in pieces if not row["waiver"]],
        "unneeded": [words.name(row["group"]) for row in unneeded if not row["waiver"]],
        "kept": [
            {
                "name": words.name(row["group"]),
                "reason": row["waiver"]["reason"],
                "role": str(row["waiver"]["role"]).replace("_", " "),
                "until": say_day(date.fromisoformat(str(row["waiver"]["expires"]))),
            }
            for row in (*unneeded, *pieces)
            if row["waiver"]
        ],
        "untried": sum(notes.get(row["finding"]) == NOT_STUDIED for row in needed),
        "carrying": [
            {
                "name": words.name(row["group"]),
                "share": say_hundred(row["estimate"]),
                "of_workers": notes.get(row["finding"]) == OF_WORKERS,
            }
            for row in carrying
            if not row["waiver"]
        ],
    }


def _describe_smallest(smallest: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the pieces of data that are left where all others are left out, and what the list then loses."""
    if not smallest or smallest["fewer_of_100"]["high"] is None:
        return None
    fewer = smallest["fewer_of_100"]
    ends = {end: f"{fewer[end]:.1f}" for end in ("estimate", "low", "high")}
    return {"pieces": smallest["kept"], "loss": f"{ends['estimate']} ({ends['low']} to {ends['high']})"}


def _list_stops(policy: Policy) -> list[str]:
    stops = [
        "Those listed are no longer like those that were tested.",
        "A question of the second gate fails.",
    ]
    if policy.usefulness is not None:
        stops.append(f"Fewer than {policy.usefulness.of_100_listed:g} of 100 listed turn out to have had a need.")
    return stops
