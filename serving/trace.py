"""Looking back: whom a fault touched, and who holds it on paper, in a message, in an export."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from charter.contracts.files import read_json
from charter.council.register import Register
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.vault.log import FileLog
from features.grammar import Definition
from serving.asking_to_show import keep_shown
from serving.desk import Desk
from serving.identity import identify_command
from serving.ranking.sealed_record import read_record
from serving.store.store import Referral

__all__ = ["Copy", "Touched", "trace_fault"]


@dataclass(frozen=True)
class Touched:
    """A referral that the fault had a part in, and how much it added to the margin (None where that is not told)."""

    referral: str
    list: str
    rank: int
    status: str
    contribution: float | None

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """Say it to a person."""
        part = "" if self.contribution is None else f", part in the margin {self.contribution:+.3f}"
        return f"{self.referral}  {self.list}, place {self.rank}, {self.status.replace('_', ' ')}{part}"


_COPIES = {
    "paper": "On paper: copy {number} of {list}, held by {holder}, {at}.",
    "message": "Sent: message {number} about a case of {list}, held by {holder}, {at}.",
    "own copy": "A resident's own copy {number}, handed to whoever asked for it, {at}.",
    "open cases": "Open cases of {list}, file {number}, held by {holder}, {at}.",
}
"""Every kind of copy that can be held outside, and how it is said."""


@dataclass(frozen=True)
class Copy:
    """A copy outside that tells of a touched referral: its number, its list, who holds it ('' not said) and since.

    `kind` is one of paper, message (a receiver took it), own copy (a resident's export), open cases (at a closure).
    """

    number: str
    list: str
    holder: str
    at: str
    kind: str = "paper"

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """Say it to a person."""
        holder = self.holder or "nobody who was named"
        return _COPIES[self.kind].format(number=self.number, list=self.list, holder=holder, at=self.at)


def trace_fault(
    invocation: Invocation, *, role: str = "", feed: str = "", feature: str = "", bundle: str = "", snapshot: str = ""
) -> tuple[list[Touched], list[Copy]]:
    """Return the referrals of the programme that all the given things had a part in, and the copies of them outside.

    Referrals are in order of list and rank. A feed or feature had a part where one of its values was seen and added or
    took something. `role` must be one that may
    read the log (by default the first); families that whoever asks knows are left out. Raises UsageError for a
    bundle or snapshot that there never was and for a feed or feature that no bundle of these referrals knows,
    CharterError for another role.
    """
    desk = Desk.open(invocation, demo=False, chain="trace")
    try:
        identity = identify_command(desk.roles.choose(role, "log.read"))
        wanted = {"programme": invocation.programme, "bundle": bundle, "snapshot": snapshot}
        referrals = desk.store.touched(**{column: value for column, value in wanted.items() if value})
        handed_on = _list_handed_on(desk, bundle, snapshot)
        if not referrals and not handed_on:
            _refuse_unknown(invocation, bundle, snapshot)
        shown = keep_shown(desk, identity, "trace", referrals)
        touched = _list_touched(invocation, shown, feed, feature)
        detail = {"touched": len(touched), "feed": feed, "feature": feature, "bundle": bundle, "snapshot": snapshot}
        desk.store.log(identity, "fault.traced", purpose="evaluate", detail=detail)
        return touched, [*_list_copies(desk, {referral.referral for referral in touched}), *handed_on]
    finally:
        desk.store.close()


def _refuse_unknown(invocation: Invocation, bundle: str, snapshot: str) -> None:
    """Raise UsageError for a bundle or snapshot of which neither a referral nor a folder is left."""
    kinds = (("bundle", bundle, invocation.workspace.bundle), ("snapshot", snapshot, invocation.workspace.store))
    for kind, name, folder in kinds:
        if name and not (folder / name).is_dir():
            raise UsageError(
                f"there is no {kind} {name}, and no referral was made by one.", f"Look into {folder.name}/."
            )


def _list_copies(desk: Desk, referrals: Collection[str]) -> list[Copy]:
    """Return the copies of these referrals: on paper, sent, and residents' own.

    Older entries do not say which referrals a paper had, so all that print the list count.
    """
    lists = {referral.list for name in referrals if (referral := desk.store.referral(name))}
    copies = []
    for entry in desk.store.done("list.printed"):
        named = entry.detail.get("referrals")
        touches = bool(set(named) & set(referrals)) if isinstance(named, list) else entry.subject in lists
        if touches:
            copies.append(Copy(entry.digest[:8].upper(), entry.subject, str(entry.detail.get("holder", "")), entry.at))
    for message in desk.store.messages(state="delivered"):
        referral = desk.store.referral(message.referral) if message.referral in referrals else None
        if referral is not None:
            copies.append(
                Copy(message.name[:8].upper(), referral.list, message.receiver, message.settled_at, "message")
            )
    people = {person for name in referrals for person in desk.store.members(name)}
    copies += [
        Copy(str(entry.detail.get("digest", ""))[:8].upper(), "", "", entry.at, "own copy")
        for entry in FileLog(desk.invocation.workspace.log).entries()
        if entry.action == "export released" and entry.detail.get("person") in people
    ]
    return copies


def _list_handed_on(desk: Desk, bundle: str, snapshot: str) -> list[Copy]:
    """Return who took open cases when a programme was closed: its cases are gone, so the whole file counts."""
    return [
        Copy(entry.digest[:8].upper(), entry.subject, str(entry.detail.get("holder", "")), entry.at, "open cases")
        for entry in desk.store.done("cases.exported")
        if entry.subject.startswith(f"{desk.programme}/")
        and (not bundle or bundle in entry.detail.get("bundles", ()))
        and (not snapshot or snapshot in entry.detail.get("snapshots", ()))
    ]


def _list_touched(invocation: Invocation, referrals: Sequence[Referral], feed: str, feature: str) -> list[Touched]:
    if not feed and not feature:
        return [_describe_touched(referral, None) for referral in referrals]
    is_feature = False
    touched = []
    for referral in referrals:
        manifest = read_json(invocation.workspace.bundle / referral.bundle / "manifest.json")
        places = [
            place
            for place, entry in enumerate(manifest["features"])
            if (not feed or feed in entry["services"]) and (not feature or entry["name"] == feature)
        ]
        is_feature = is_feature or bool(places)
        record = read_record(referral)
        parts = [record.contributions[place] for place in places if record.values[place] is not None]
        if any(parts):
            touched.append(_describe_touched(referral, sum(parts)))
    if not is_feature and (referrals or not _is_declared(invocation, feed, feature)):
        raise UsageError(
            f"no bundle of these referrals reads {' '.join(filter(None, (feed, feature)))}.",
            f"Name a service of register.toml, or a feature of {invocation.programme}.",
        )
    return touched


def _is_declared(invocation: Invocation, feed: str, feature: str) -> bool:
    """Whether the register has the service, and the programme's definition the feature, where none was issued yet."""
    services = {source.service for source in Register.load(invocation.council.folder / "register.toml").sources}
    if feed and feed not in services:
        return False
    definition = invocation.council.folder / invocation.programme / "definition.py"
    return not feature or feature in {each.name for each in Definition.load(definition).features}


def _describe_touched(referral: Referral, contribution: float | None) -> Touched:
    return Touched(referral.id, referral.list, referral.rank, referral.status, contribution)
