"""What a panel is shown: the council's cases, made-up families, and the cases that the panel adds itself.

    rule       a case of scenarios.toml, or one that the panel added: asked of the rules that production uses
    practice   a made-up family of practice.toml: what its page would say
    family     a made-up family that the panel put together from facts of the points list

Nobody real is among them, and none is made from a household. What the rules answer, and what a colleague would find, is
said once the panel has answered: so that it says its own view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from charter.contracts.files import read_json
from charter.council.practice import Practice, PracticeCase
from charter.invocation import Invocation
from charter.rules.scenarios import Scenario, Scenarios, answer_scenarios
from charter.signing.panel_sessions import PanelSession
from features.grammar.points_in_words import describe_rule_held
from serving.desk import Desk
from serving.ranking.standing_in import find_stand_in_folder

__all__ = ["Fact", "PointsInUse", "ShownCase", "find_points", "list_cases", "run_rule"]


@dataclass(frozen=True)
class ShownCase:
    """One case: `kind` is one of charter.signing.panel_sessions.SAYS; `own` where the panel added it.

    `facts` are said at once, `rules` ('' where no rule answers) and `afterwards` once the panel has answered.
    """

    id: str
    kind: str
    story: str
    own: bool = False
    facts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    rules: str = ""
    afterwards: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Fact:
    """One rule of a points list in words, with its number in the list, its feature and its points."""

    number: int
    words: str
    feature: str
    points: int


@dataclass(frozen=True)
class PointsInUse:
    """The points list of a bundle: its rules as `features.grammar.points_in_words` gives them, and each in words."""

    rules: Sequence[Mapping[str, Any]]
    facts: tuple[Fact, ...]

    def add_up(self, chosen: Sequence[int]) -> tuple[int, list[str]]:
        """Return the points of a made-up family, and the rules that gave them; `chosen` are numbers of facts.

        A fact stands for the least that it asks: whoever has 5 of something has 2 as well, and is given both. What is
        not chosen was not seen, and gives none.
        """
        facts = []
        for number, rule in enumerate(self.rules):
            same = [self.rules[pick] for pick in chosen if self.rules[pick]["feature"] == rule["feature"]]
            if any((_least_value(pick) >= rule["threshold"]) == rule["at_least"] for pick in same):
                facts.append(self.facts[number])
        return sum(fact.points for fact in facts), [fact.words for fact in facts]

    def has_twice(self, chosen: Sequence[int]) -> bool:
        """Whether two of the chosen facts say different things of one feature."""
        features = [self.rules[pick]["feature"] for pick in chosen]
        return len(set(features)) < len(features)


def _least_value(rule: Mapping[str, Any]) -> float:
    """Return a value for which a rule holds: its threshold, or the next number below it."""
    threshold = float(rule["threshold"])
    return threshold if rule["at_least"] else float(np.nextafter(threshold, -np.inf))


def find_points(desk: Desk) -> PointsInUse | None:
    """Return the points list in use, or the one that was signed to stand in for the model; None where neither is."""
    manifest: Mapping[str, Any] = desk.manifest()
    if not manifest.get("points"):
        folder = find_stand_in_folder(desk.invocation.workspace)
        manifest = read_json(folder / "manifest.json") if folder else {}
    features = {feature["name"]: feature for feature in manifest.get("features", ())}
    rules = manifest.get("points", ())
    facts = [
        Fact(number, describe_rule_held(features[rule["feature"]], rule), rule["feature"], rule["points"])
        for number, rule in enumerate(rules)
    ]
    return PointsInUse(rules, tuple(facts)) if facts else None


def run_rule(invocation: Invocation, case: Scenario) -> str:
    """Return what charter and register answer a case now: allowed or refused."""
    (row,) = answer_scenarios((case,), invocation.charter, invocation.register)
    return str(row["answer"])


def list_cases(invocation: Invocation, session: PanelSession) -> list[ShownCase]:
    """Return every case of a session: the council's, the made-up families, then the panel's own."""
    scenarios = Scenarios.load(invocation.council.folder / "scenarios.toml", invocation.charter).scenarios
    cases = [_show_rule(case.id, case, run_rule(invocation, case), own=False) for case in scenarios]
    families = Practice.load(invocation.council.folder).cases
    cases += [_show_practice(f"family-{number}", case) for number, case in enumerate(families, start=1)]
    for name, entry in session.list_kind("rule"):
        cases.append(_show_rule(name, Scenario(**entry.values["case"]), entry.values["answer"], own=True))
    for name, entry in session.list_kind("family"):
        counts = tuple(entry.values["gave"]) or ("None: no service recorded any of it",)
        points = entry.values["points"]
        facts = (("Facts that count", counts), ("Points together", (f"{points} of at most {entry.values['most']}",)))
        cases.append(ShownCase(name, "family", entry.values["story"], own=True, facts=facts))
    return cases


def _show_rule(name: str, case: Scenario, answer: str, *, own: bool) -> ShownCase:
    whose = "What you expected" if own else "What a panel said before"
    ending = ((whose, f"{case.expected.capitalize()}. {case.reason}"),)
    return ShownCase(name, "rule", case.story, own=own, rules=answer, afterwards=ending)


def _show_practice(name: str, case: PracticeCase) -> ShownCase:
    facts = (
        ("What the page says", (case.band,)),
        ("Speaks for a need", case.for_ or ("Nothing recorded",)),
        ("Speaks against it", case.against or ("Nothing recorded",)),
        ("Not seen", case.not_seen or ("Nothing: every source was seen",)),
    )
    ending = (("What somebody who looked found", case.known), ("What that means", case.because))
    return ShownCase(name, "practice", case.title, facts=facts, afterwards=ending)
