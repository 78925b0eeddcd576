"""A list on paper, for the day the network is down: numbered, expiring, logged, and saying what it is not."""

from __future__ import annotations

from dataclasses import replace

from charter.errors import UsageError
from charter.invocation import Invocation
from charter.plain_text import clean_line
from serving.asking_to_show import keep_shown, require_list
from serving.casework.view import CaseFile, describe_list, view_row, write_day
from serving.desk import Desk
from serving.identity import identify_command, require_user_id
from serving.ranking.standing_in import say_standing_in
from serving.store.store import write_moment

__all__ = ["print_worklist"]

_LIMITS = (
    "It orders whom to think about first when places are few. You decide.",
    "It is not evidence of harm, and not for court, enforcement or fraud work.",
    "Whoever is not listed may need help as much.",
)


def print_worklist(invocation: Invocation, team_id: str, *, holder: str = "", role: str = "") -> str:
    """Return a team's newest list as plain text to print; the copy's number is that of its line in the audit log.

    `holder` is who takes the copy, by the id that they sign in with (by default whoever prints): families that they, or
    whoever prints, said they know are not on it. Raises UsageError for an unknown team or one without a list,
    CharterError for a role that may not read lists, BlockedError unless the list is live,
    TooMuchError for one copy more than they may make in a day.
    """
    desk = Desk.open(invocation, demo=False, chain="print")
    try:
        team = desk.team(team_id)
        header = desk.store.current_list(desk.programme, team_id) if team else None
        if team is None or header is None:
            teams = ", ".join(team.id for team in invocation.council.teams)
            raise UsageError(f"the team {team_id!r} has no list.", f"Choose one of: {teams}; or run `sooner rank`.")
        printer = identify_command(desk.roles.choose(role, "worklist.read"))
        holder = require_user_id(holder or printer.user)
        require_list(desk, "paper", team_id, header)
        desk.how_much.take_export(printer)
        standing = desk.store.worked(header, write_moment())
        for reader in (printer, replace(printer, user=holder)):
            standing = keep_shown(desk, reader, "paper", standing)
        records = {referral.id: desk.record(referral) for referral in standing}
        persons = desk.people(printer, records, "printed list")
        copy = desk.store.log(
            printer,
            "list.printed",
            subject=header.id,
            purpose="display",
            detail={"referrals": sorted(records), "holder": holder},
        )
        until = write_day(desk.day(header.expires_at))
        lines = [
            f"{desk.settings.list.title}: {team.title}",
            f"Copy {copy.digest[:8].upper()} of {header.id}. {describe_list(header, desk.day)}.",
            f"For {holder}. Destroy this copy after {until}.",
            *filter(None, [say_standing_in(desk.manifest(header.bundle))]),
            "",
        ]
        for referral in standing:
            line = view_row(
                CaseFile(referral, records[referral.id], desk.manifest(referral.bundle), persons), desk.settings
            )
            workers = ", ".join(line.workers) or "no open work that a list may name"
            late = f"; not seen or late: {', '.join(line.unseen)}" if line.unseen else ""
            lines += [
                f"{line.rank:>3}. {line.household} ({line.reference}), youngest {line.youngest}, {line.people} people",
                f"     {line.need}",
                f"     Why now: {line.why_now}",
                f"     Status: {line.status_title}. Working with them: {workers}",
                f"     Data to {line.data_to or 'not known'}{late}",
                "",
            ]
        lines += [*_LIMITS, f"Worried that somebody isn't safe? Don't wait for a list: {invocation.council.contact}"]
        # A name may hold whatever a service typed: it moves no cursor and forges no line.
        return "\n".join(clean_line(line) for line in lines)
    finally:
        desk.store.close()
