"""What a desk knows of a list, a case and whoever asks, put to the one function (charter.rules.showing).

list_refusals    every reason why not        require_shown    raises the first of them
keep_shown       of several referrals, those that this person may be shown by this way
require_sealed, require_rows, require_stranger    what commands ask before they show anything
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from charter.errors import BlockedError, CharterError
from charter.invocation import Invocation
from charter.rules.showing import ENDED, LIVE, WAYS, Asking, Refusal, Standing, find_refusals
from serving.desk import Desk
from serving.identity import Identity, identify_command
from serving.store.place import is_begun
from serving.store.store import IssuedList, Referral
from serving.suspension import require_running

__all__ = [
    "UnshownError",
    "find_case_standing",
    "keep_shown",
    "list_refusals",
    "require_list",
    "require_rows",
    "require_sealed",
    "require_shown",
    "require_stranger",
]


def list_refusals(
    desk: Desk, identity: Identity, way: str, referral: Referral, act: str = "", *, by_team: bool = True
) -> tuple[Refusal, ...]:
    """Return every reason why this person is not shown this referral by this way, none where they may be.

    With an `act` their role must be allowed it, and for the team that works the case unless not `by_team`: a command
    is typed for no team.
    """
    asking = Asking(
        way,
        find_case_standing(desk, referral),
        role_may=not act or identity.may(act),
        in_team=not act or not by_team or identity.may(act, referral.team),
        knows=desk.store.knows_family(identity, referral.id),
        taken_off=bool(referral.removed),
        practised=not WAYS[way].practised or desk.has_practised(identity, referral.bundle),
    )
    return find_refusals(asking)


class UnshownError(BlockedError):
    """A list is not shown now, or no longer decided on: `state` is shadow, suspended or ended."""

    def __init__(self, message: str, next_step: str, state: str) -> None:
        super().__init__(message, next_step)
        self.state = state


def find_case_standing(desk: Desk, referral: Referral, header: IssuedList | None = None) -> Standing:
    """Return how the list stands that a referral is on: stopped where its own team is, or the one that works it now.

    `header` is its list's, where that was read already. A case that was deferred to a day has no list's end from that
    day on: its decision said that it returns.
    """
    header = header or desk.store.issued_list(referral.programme, referral.list)
    standing = desk.standing(referral.team, referral.bundle, header)
    returned = standing.state == ENDED and referral.status == "deferred"
    if returned and desk.store.due_days([referral.id]).get(referral.id, "9") <= desk.today().isoformat():
        return Standing(LIVE)
    return standing


def keep_shown(
    desk: Desk, identity: Identity, way: str, referrals: Sequence[Referral], headers: Sequence[IssuedList] = ()
) -> list[Referral]:
    """Return those of `referrals`, in their order, of which nothing speaks against showing them by this way.

    Role and team are settled by then. What they have in common (a list, families known) is asked for once, and not of
    lists whose `headers` were read already.
    """
    families = desk.store.families_known(identity)
    standings: dict[tuple[str, str, str], Standing] = {}
    read = {(header.programme, header.id): header for header in headers}
    shown = []
    for referral in referrals:
        where = (referral.team, referral.bundle, referral.list)
        if where not in standings:
            header = read.get((referral.programme, referral.list))
            standings[where] = find_case_standing(desk, referral, header)
        asking = Asking(
            way, standings[where], knows=referral.id in families, taken_off=bool(referral.removed), practised=True
        )
        if not find_refusals(asking):
            shown.append(referral)
    return shown


def require_list(desk: Desk, way: str, team: str, header: IssuedList | None) -> None:
    """Raise UnshownError unless a team's list may be shown by this way; None is a list that is not made yet."""
    standing = desk.standing(team, header.bundle if header else None, header)
    _raise_first(find_refusals(Asking(way, standing)))


def require_shown(desk: Desk, identity: Identity, way: str, referral: Referral, act: str = "") -> None:
    """Raise unless nothing speaks against showing a referral: UnshownError for how its list stands, else CharterError.

    For commands: `act` is what the role must be allowed, for whichever team.
    """
    _raise_first(list_refusals(desk, identity, way, referral, act, by_team=False))


def require_sealed(invocation: Invocation, referral_id: str, role: str) -> None:
    """Raise unless whoever types this may have a referral's sealed record made again; a line in the log says so.

    By default the role is the first that may read the log: what was issued is sealed for the data protection officer
    and complaints alone. Nothing is raised for a referral that there is none of.
    """
    with _open_desk(invocation) as desk:
        identity = identify_command(desk.roles.choose(role, "log.read"))
        referral = desk.store.referral(referral_id)
        if referral is not None:
            require_shown(desk, identity, "sealed", referral, "log.read")
            desk.how_much.take_household(identity, referral.entity)
            desk.store.log(identity, "record.reproduced", subject=referral.id, purpose="evaluate")


def require_rows(invocation: Invocation, entity: str, role: str) -> None:
    """Raise unless whoever types this may see the rows behind a value of a household (or person), on a list or not.

    Raises BlockedError while the programme is suspended, CharterError for a role that may not read cases, a household
    that was taken off its list, or one that they said they know. A line in the log says who asked.
    """
    identity = identify_command(invocation.roles.choose(role, "referral.read"))
    if not is_begun(invocation.workspace):
        require_running(invocation.workspace)
        return
    with _open_desk(invocation) as desk:
        referrals = desk.store.touched(programme=invocation.programme, entity=entity)
        newest = max(referrals, key=lambda referral: referral.list, default=None)
        if newest is not None:
            require_shown(desk, identity, "rows", newest, "referral.read")
        else:
            knows = entity in desk.store.persons_known(identity)
            _raise_first(find_refusals(Asking("rows", desk.standing(), knows=knows)))
        desk.how_much.take_household(identity, entity)
        desk.store.log(identity, "rows.explained", subject=entity, purpose="evaluate")


def require_stranger(invocation: Invocation, person: str, role: str, act: str) -> None:
    """Raise CharterError where whoever serves a resident here said that they know the family, or may not do `act`.

    What they are shown counts as a copy that they make (TooMuchError for one more than they may in a day).
    """
    identity = identify_command(invocation.roles.require(role, act))
    if not is_begun(invocation.workspace):
        return
    with _open_desk(invocation) as desk:
        knows = person in desk.store.persons_known(identity)
        _raise_first(find_refusals(Asking("rights", desk.standing(), knows=knows)))
        desk.how_much.take_export(identity)


@contextmanager
def _open_desk(invocation: Invocation) -> Iterator[Desk]:
    desk = Desk.open(invocation, demo=False, chain="command")
    try:
        yield desk
    finally:
        desk.store.close()


def _raise_first(refusals: Sequence[Refusal]) -> None:
    for refusal in refusals[:1]:
        if refusal.state:
            raise UnshownError(refusal.message, refusal.next_step, refusal.state)
        raise CharterError(refusal.message, refusal.next_step)
