"""The table of who may do what: read by every page and route, and by the residents' scenarios.

role               worklist  decide  manage  board  log  score by features
front_door             x        x
lead_practitioner      x        x
team_manager           x        x       x
partner            (status only)
analyst            (figures of all alone)                     x
board                                           x
sro, cdo                                        x            (and suspend)
dpo                                             x     x      (and suspend)
resident_desk, operator

Managers move cases to other teams and ask for a new list; lead practitioners and managers review blind; the owner and
the chief data officer accept or refuse decisions where the charter lets them sign.

The resident desk and the data protection officer file residents' requests; the officer alone releases what is held of
somebody, or overrules an objection. Partners may ask whether somebody lives at an address.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ACTS", "ROLES"]

ROLES: Mapping[str, str] = {
    "front_door": "Front door",
    "lead_practitioner": "Lead practitioner",
    "team_manager": "Team manager",
    "partner": "Partner",
    "analyst": "Analyst",
    "board": "Governance board",
    "sro": "Senior responsible owner",
    "cdo": "Chief data officer",
    "dpo": "Data protection officer or auditor",
    "resident_desk": "Resident desk",
    "operator": "Operator",
}
"""Every role there is, and what it is called on pages."""

_WORKERS = frozenset({"front_door", "lead_practitioner", "team_manager"})

ACTS: Mapping[str, frozenset[str]] = {
    "worklist.read": _WORKERS,
    "referral.read": _WORKERS,
    "referral.decide": _WORKERS,
    "score.listed": _WORKERS,
    "score.features": frozenset({"analyst"}),
    "manager.read": frozenset({"team_manager"}),
    "referral.transfer": frozenset({"team_manager"}),
    "list.refresh": frozenset({"team_manager"}),
    "review.give": frozenset({"lead_practitioner", "team_manager"}),
    "analyst.read": frozenset({"analyst"}),
    "board.read": frozenset({"board", "sro", "cdo", "dpo"}),
    "decision.sign": frozenset({"sro", "cdo", "dpo"}),
    "suspend": frozenset({"sro", "cdo", "dpo"}),
    "link.review": frozenset({"front_door", "resident_desk", "dpo"}),
    "log.read": frozenset({"dpo"}),
    "metrics.read": frozenset({"operator"}),
    "rights.file": frozenset({"resident_desk", "dpo"}),
    "export.release": frozenset({"dpo"}),
    "objection.overrule": frozenset({"dpo"}),
    "residence.check": frozenset({"partner", "front_door", "resident_desk"}),
}
"""Which roles may do what; an act that is not here is nobody's."""
