"""Opening access in an emergency: by whoever runs the service, with a reason and an end, for a role of the table."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from charter.errors import CharterError, UsageError
from charter.plain_text import clean_line
from serving.desk import Desk
from serving.identity import Identity, identify_command, require_user_id

__all__ = ["open_emergency"]

_SHORTEST, _LONGEST = 10, 300


def open_emergency(
    desk: Desk, user: str, role: str, teams: Collection[str], reason: str, minutes: int
) -> tuple[datetime, str]:
    """Open access for somebody; return when it ends and the code that lets them in once.

    Raises UsageError for an id, a team, a reason or a time that does not fit, CharterError for a role that the table
    gives no emergency access.
    """
    rules = desk.sign_in.rules.emergency
    if role not in rules.roles:
        raise CharterError(
            f"sign_in.toml gives the role {role!r} no access in an emergency.",
            f"Choose one of: {', '.join(sorted(rules.roles)) or 'none; name them in `roles` of [emergency]'}.",
        )
    team_ids = [team.id for team in desk.invocation.council.teams]
    unknown = sorted(set(teams) - set(team_ids))
    if unknown:
        raise UsageError(f"there is no team {unknown[0]!r}.", f"Choose of: {', '.join(team_ids)}.")
    if not 1 <= minutes <= rules.longest_minutes:
        raise UsageError("an emergency has an end.", f"Give it 1 to {rules.longest_minutes} minutes.")
    why = clean_line(reason).strip()
    if not _SHORTEST <= len(why) <= _LONGEST:
        raise UsageError(
            "an emergency has a reason.", f"Say it in {_SHORTEST} to {_LONGEST} letters; it is reviewed tomorrow."
        )
    identity = Identity(require_user_id(user), desk.roles.find(role).id, frozenset(teams))
    ends_at = datetime.now(UTC) + timedelta(minutes=minutes)
    emergency, code = desk.emergencies.open(identity, why, ends_at)
    detail = {"for": user, "role": role, "teams": sorted(teams), "until": emergency.ends_at}
    desk.store.log(identify_command(), "emergency.opened", subject=emergency.id, purpose="display", detail=detail)
    return ends_at, code
