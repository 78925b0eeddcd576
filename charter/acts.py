"""What anybody can be allowed to do: the closed list of acts that pages, routes, verbs and residents' scenarios name.

Which role may do what is the council's: `may` of each [[role]] in charter.toml (charter.rules.roles). An act that is
not here is nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ACTS", "COMMAND", "GATE", "NO_ROLE", "SYSTEM", "TEAM_ACTS"]

ACTS: Mapping[str, str] = {
    "worklist.read": "Read a team's worklist",
    "referral.read": "Read a case",
    "referral.decide": "Decide on a case, step it up, answer a challenge",
    "score.listed": "Ask for the scores of listed households",
    "score.features": "Score rows of features, of nobody in particular",
    "manager.read": "See a team's figures and look at cases a second time",
    "referral.transfer": "Move a case to another team",
    "list.refresh": "Ask for a new list before this one ends",
    "review.give": "Review cases blind",
    "analyst.read": "See how fresh sources are and how far margins moved",
    "board.read": "Read what is in use, why, and the gate's packs",
    "board.speak": "Speak for or against a decision, or ask about it",
    "panel.sit": "Keep what the residents' panel says of cases, and have its own cases asked of the rules",
    "decision.sign": "Accept or refuse a decision",
    "suspend": "Stop lists at once, and ask to start again",
    "link.review": "Say of two records whether they are one person",
    "log.read": "Read the audit log",
    "metrics.read": "Read the service's metrics",
    "rights.file": "File what a resident asks for",
    "export.release": "Release what is held of a resident to them",
    "objection.overrule": "Decide that an objection or restriction does not stand",
    "retention.carry_out": "Remove what is past its date, and hold what must stay",
    "access.team": "See who of one's teams is signed in, and end their sessions",
    "access.manage": "End anybody's sessions, invite guests, review access in an emergency",
    "map.read": "See maps of need by area, of nobody in particular",
    "residence.check": "Ask what is checked once: residence, age, school roll, entitlement",
}
"""Every act, and what it is called."""

TEAM_ACTS = frozenset(
    {
        "worklist.read", "referral.read", "referral.decide", "score.listed", "manager.read", "referral.transfer",
        "list.refresh", "review.give",
    }
)  # fmt: skip
"""The acts that are done for a team: somebody may do them for their own teams alone."""

SYSTEM, COMMAND, GATE = "system", "command", "gate"
NO_ROLE = frozenset({SYSTEM, COMMAND, GATE})
"""Who acts in no role, in the log: what runs by itself, whoever types a command that asks for no role, the charter's
own gate. No council's role has such an id."""
