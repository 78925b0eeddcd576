"""What a use's page, its points and the front page show of it."""

from __future__ import annotations

from typing import Any

from charter.council.public_file import PublicFile
from charter.council.register import Check
from fairness_reports.residents.data_uses import NOT_USED, DataUse
from fairness_reports.residents.use_words import (
    STATE_WORDS,
    say_answers,
    say_below,
    say_figures,
    say_model,
    say_places,
    say_shown_to_help,
    say_state,
    tabulate_questions,
)
from features.grammar.words import describe_bound

__all__ = ["NOBODY_WROTE", "describe_check", "describe_points", "describe_use"]

NOBODY_WROTE = "The council has not written here yet why it does this."


def describe_use(use: DataUse) -> dict[str, Any]:
    """Return what the pages show of a use of data, every sentence made from what is so now."""
    released = use.state != NOT_USED
    principles = {row.id: row.title for row in use.invocation.charter.principles}
    return {
        "programme": use.programme,
        "title": use.title,
        "state": use.state.replace(" ", "-"),
        "state_word": "Ended" if use.closure else STATE_WORDS[use.state],
        "why": use.words.why if use.words else NOBODY_WROTE,
        "stands_for": [principles[name] for name in use.words.principles] if use.words else [],
        "since": say_state(use),
        "by": "; ".join(team.title for team in use.teams) or "No team",
        "helps": say_shown_to_help(use),
        "released": released,
        "cohort": _begin_small(use.bundle["cohort"]) if released else "",
        "outcome": _begin_small(use.bundle["outcome"]["title"]) if released else "",
        "model": say_model(use),
        "places": say_places(use),
        "below": say_below(use),
        "points": bool(use.bundle.get("points")),
        "figures": say_figures(use) if released else [],
        "answers": say_answers(use),
        "questions": tabulate_questions(use),
        "counts": _count_data(use),
        "data": [
            {
                "title": feature["reason"].format(value="how many").rstrip(".").removesuffix(": how many"),
                "services": ", ".join(
                    use.invocation.register.source(service).title for service in sorted(feature["services"])
                ),
                "because": feature["because"],
            }
            for feature in use.features
        ],
        "teams": use.teams,
        "signers": [role.title for role in use.invocation.charter.signers("decision")],
    }


def _count_data(use: DataUse) -> str:
    pieces, services = len(use.features), len(use.sources)
    return (
        f"{pieces} {'piece' if pieces == 1 else 'pieces'} of data from {services}"
        f" {'service' if services == 1 else 'services'} make the order."
    )


def describe_points(use: DataUse) -> list[dict[str, Any]]:
    """Return each point of the released list in words, the most first; none where it is no points list."""
    features = {feature["name"]: feature for feature in use.bundle.get("features", ())}
    rows = []
    for rule in use.bundle.get("points", ()):
        feature = features[rule["feature"]]
        fact = str(feature["reason"]).format(value=describe_bound(feature, rule))
        rows.append({"fact": f"{fact[:1].upper()}{fact[1:]}", "points": rule["points"]})
    return sorted(rows, key=lambda row: (-row["points"], row["fact"]))


def describe_check(check: Check, public: PublicFile) -> dict[str, str]:
    """Return what the front page shows of a question that other services may ask."""
    words = public.describe_use(check.purpose)
    asking = [service.replace("_", " ") for service in check.asked_by]
    law = "; ".join([*check.conditions, *([check.gateway] if check.gateway else [])])
    return {
        "purpose": check.purpose,
        "title": words.title if words else check.title,
        "why": words.why if words else NOBODY_WROTE,
        "asked_by": ", ".join(asking),
        "basis": f"{check.basis} ({law})" if law else check.basis,
    }


def _begin_small(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"
