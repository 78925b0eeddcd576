"""What a panel typed into a session's forms: a case of its own, a made-up family, a recommendation, a question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from charter.plain_text import is_whole
from charter.rules.policy import Policy
from charter.rules.scenarios import Scenario
from charter.signing.panel_sessions import MOST_LETTERS, PanelSession
from serving.casework.panel.shown_cases import PointsInUse

__all__ = ["CLOSE", "read_remark", "read_rule", "try_family"]

CLOSE = "close"
_REMARKS = {"recommendation": "Write what the council should do", "question": "Write your question"}

Errors = dict[str, str]


def read_rule(fields: Mapping[str, str], session: PanelSession, policy: Policy) -> tuple[Scenario | None, Errors]:
    """Return the case that a panel added, as a row of scenarios.toml, or what its form lacks."""
    values = {
        name: fields.get(name, "").strip()
        for name in ("story", "role", "act", "data", "purpose", "expected", "reason", "principle")
    }
    errors = _refuse_long(values)
    if not values["story"]:
        errors["story"] = "Tell the case in a sentence or two"
    if values["expected"] not in ("allowed", "refused"):
        errors["expected-1"] = "Choose what you expect"
    if not values["reason"]:
        errors["reason"] = "Say why"
    if bool(values["role"]) != bool(values["act"]):
        errors["role" if values["act"] else "act"] = "Name who would do it, and what they would do"
    if bool(values["data"]) != bool(values["purpose"]):
        errors["data" if values["purpose"] else "purpose"] = "Name the data, and what it would be used for"
    if not any(values[name] for name in ("role", "act", "data", "purpose")):
        errors["role"] = "Name who would do what, or which data would be used and for what"
    if values["principle"] not in {principle.id for principle in policy.principles}:
        errors["principle"] = "Choose the promise that it is about"
    if errors:
        return None, errors
    data = values.pop("data")
    kind = "characteristic" if data in policy.characteristics else "signal"
    number = len(session.entries) + 1
    name = f"panel_{session.id.replace('-', '_')}_{number}"
    row = {key: text for key, text in {**values, kind: data}.items() if text}
    return Scenario.model_validate({"id": name, **row}), {}


def try_family(fields: Mapping[str, str], points: PointsInUse | None, most: int) -> tuple[dict[str, Any], Errors]:
    """Return a made-up family with the points that the list gives it, or what its form lacks; `most` facts at most."""
    story = fields.get("family_story", "").strip()
    texts = [fields.get(f"fact-{number}", "") for number in range(1, most + 1)]
    errors = _refuse_long({"family_story": story})
    if not story:
        errors["family_story"] = "Say who they are: made up, and like nobody you know"
    if points is None:
        return {}, {"family_story": "No points list is in use, so there is none to ask"}
    picks = [int(text) for text in texts if is_whole(text) and int(text) < len(points.facts)]
    if not picks:
        errors["fact-1"] = "Choose at least one fact"
    elif points.has_twice(picks):
        errors["fact-1"] = "Two of the facts are of one kind: choose each kind once"
    if errors:
        return {}, errors
    total, gave = points.add_up(picks)
    most_points = sum(max(0, fact.points) for fact in points.facts)
    return {"story": story, "points": total, "most": most_points, "gave": gave}, {}


def read_remark(fields: Mapping[str, str], what: str) -> tuple[dict[str, Any], Errors]:
    """Return a recommendation or question, or what its form lacks."""
    words = fields.get(what, "").strip()
    errors = _refuse_long({what: words})
    if not words:
        errors[what] = _REMARKS[what]
    return {"words": words}, errors


def _refuse_long(values: Mapping[str, str]) -> Errors:
    return {
        name: f"Write at most {MOST_LETTERS} characters" for name, text in values.items() if len(text) > MOST_LETTERS
    }
