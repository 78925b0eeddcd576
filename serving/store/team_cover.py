"""Who stands in for a team, as its manager said on their page: lines of the log, beside what council.toml says.

    cover.set     a team, who stands in for it, the first day and the day after the last
    cover.ended   the cover that such a line began holds no more

A cover is named by the line that began it: its chain and number.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam, select

from serving.identity import Identity
from serving.store.audit_log import AuditLog
from serving.store.connection import PreparedQuery, begin_reading
from serving.store.tables import audit

__all__ = ["StandingCover", "TeamCover"]

_SET, _ENDED = "cover.set", "cover.ended"
_COVERS = PreparedQuery(
    select(audit.c.chain, audit.c.number, audit.c.action, audit.c.subject, audit.c.detail).where(
        audit.c.subject.in_(bindparam("teams", expanding=True)), audit.c.action.in_((_SET, _ENDED))
    )
)


@dataclass(frozen=True)
class StandingCover:
    """The team `by` sees and decides for `team` from `start` to the day before `end`."""

    name: str
    team: str
    by: str
    start: date
    end: date


class TeamCover(AuditLog):
    """Cover that managers set, as one process reads and writes it."""

    def set_cover(self, identity: Identity, team: str, by: str, start: date, end: date) -> None:
        """Let a team stand in for another between two days (half-open)."""
        detail = {"by": by, "start": start.isoformat(), "end": end.isoformat()}
        self.log(identity, _SET, subject=team, purpose="display", detail=detail)

    def end_cover(self, identity: Identity, cover: StandingCover) -> None:
        """Let a cover hold no more."""
        self.log(identity, _ENDED, subject=cover.team, purpose="display", detail={"cover": cover.name})

    def covers(self, teams: Collection[str], today: date) -> Sequence[StandingCover]:
        """Return what stands of the cover of some teams, today or later, in the order of its days."""
        with begin_reading(self._engine) as connection:
            rows = [(row, json.loads(row.detail)) for row in _COVERS.ask(connection, {"teams": sorted(teams)})]
        ended = {detail["cover"] for row, detail in rows if row.action == _ENDED}
        covers = [
            StandingCover(name, row.subject, detail["by"], date.fromisoformat(detail["start"]), end)
            for row, detail in rows
            if row.action == _SET
            and (name := f"{row.chain}/{row.number}") not in ended
            and (end := date.fromisoformat(detail["end"])) > today
        ]
        return sorted(covers, key=lambda cover: (cover.start, cover.end, cover.name))

    def covering(self, teams: frozenset[str], every_team: Collection[str], today: date) -> frozenset[str]:
        """Return the teams that some teams (ids) stand in for today, as managers said."""
        return frozenset(
            cover.team for cover in self.covers(every_team, today) if cover.by in teams and cover.start <= today
        )
