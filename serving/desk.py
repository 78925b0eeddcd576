"""What a request of the casework service works with: council, settings, store, vault, and the bundle in use."""

from __future__ import annotations

import base64
import hashlib
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from charter.contracts.files import find_current, read_json
from charter.council.council import Council, Team
from charter.council.practice import Practice
from charter.council.receivers import Receivers
from charter.council.worklist_settings import WorklistFile
from charter.errors import CharterError, DataError
from charter.invocation import Invocation
from charter.rules.roles import Roles
from charter.rules.showing import ENDED, LIVE, SHADOW, SUSPENDED, Standing
from charter.signing.closures import find_closure, find_day
from charter.signing.second_gate import in_shadow
from charter.vault.anchors import Anchors
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.envelope import VAULT_FILE
from charter.vault.key import Key
from charter.vault.made_up import is_confirmed
from charter.vault.vault import NamedPerson, Vault
from serving.access.clients import ApiClients
from serving.access.entrance import Entrance
from serving.access.rules import SignInTable
from serving.access.standing import StandingJudge
from serving.how_much import HowMuch
from serving.identity import Identity
from serving.practice_cases import PASSED
from serving.ranking.elsewhere import SeekingTeam, find_seeking_teams
from serving.ranking.reasons import write_day
from serving.ranking.sealed_record import SealedRecord, read_record
from serving.ranking.standing_in import find_stand_in_folder, list_models
from serving.ranking.strengths import Usual, read_usual
from serving.ranking.year_of_looks import RANDOM
from serving.session import Sessions
from serving.store.actions import Exporter
from serving.store.counting.allowances import Allowances
from serving.store.emergencies import Emergencies
from serving.store.invitations import Invitations
from serving.store.papers import Papers
from serving.store.store import IssuedList, Referral, Store, make_store, write_moment
from serving.suspension import Suspension, list_feeds, read_suspensions

__all__ = ["Desk", "FaultError"]

_ASKED_AGAIN = 5.0
"""Seconds after which it is asked again whether all data is made up."""


class FaultError(DataError):
    """A part that a request needs is not there, or is another; `fault` is its word in serving.faults."""

    def __init__(self, fault: str) -> None:
        super().__init__("a part that this needs is not there.", "Tell whoever runs the service.")
        self.fault = fault


@dataclass(frozen=True)
class Desk:
    """One process's desk; open it once with `Desk.open` and share it between threads."""

    invocation: Invocation
    settings: WorklistFile
    store: Store
    key: Key
    demo: bool

    @classmethod
    def open(cls, invocation: Invocation, *, demo: bool, chain: str = "worker") -> Desk:
        """Read worklist.toml, open the database (bringing it to the newest form) and the key.

        `demo` lets people sign in as made-up workers; only ever on data that is made up too.
        """
        key = Key.load(invocation.council, invocation.workspace)
        settings = invocation.settings.worklist
        settings.require_decisions()
        store = make_store(invocation.workspace, chain=chain, key=key.derive(LOG_PURPOSE))
        return cls(invocation, settings, store, key, demo)

    @property
    def demonstrates(self) -> bool:
        """Whether the demonstration's sign-in is open: asked for, and bundle and lists are of made-up data alone."""
        if not self.demo:
            return False
        now = time.monotonic()
        if not self._made_up or now - self._made_up[-1][0] > _ASKED_AGAIN:
            bundle = str(self.manifest().get("snapshot", ""))
            snapshots = {bundle, *self.store.snapshots_listed()} - {""}
            self._made_up.append((now, is_confirmed(self.invocation.workspace, self.key, snapshots)))
        return self._made_up[-1][1]

    @cached_property
    def _made_up(self) -> deque[tuple[float, bool]]:
        return deque(maxlen=1)

    @cached_property
    def sign_in(self) -> SignInTable:
        """The council's sign-in table, as it is now."""
        return SignInTable(self.invocation)

    @cached_property
    def sessions(self) -> Sessions:
        """The sessions that all workers of this council share."""
        secret = self.key.derive("sessions")
        rows = self.store.sessions(secret)
        return Sessions(
            secret,
            rows,
            rules=lambda: self.sign_in.rules.sessions,
            admit=self.admit,
            judge=StandingJudge(self.sign_in, rows, self.invitations, demo=lambda: self.demonstrates).judge,
            log=lambda who, act, detail: self.store.log(who, act, purpose="display", detail=detail),
        )

    @cached_property
    def entrance(self) -> Entrance:
        """The one place that says who asks."""
        clients = ApiClients(self.sign_in, self.admit, self.allowances)
        secret = self.key.derive("sign-in")
        return Entrance(self.sessions, clients, self.sign_in, Fernet(base64.urlsafe_b64encode(secret)))

    @cached_property
    def invitations(self) -> Invitations:
        """The council's guests."""
        return self.store.invitations(self.key.derive("invitations"))

    @cached_property
    def emergencies(self) -> Emergencies:
        """Access that was given in an emergency."""
        return self.store.emergencies(self.key.derive("emergencies"))

    @cached_property
    def allowances(self) -> Allowances:
        """How often somebody did a thing, for limits."""
        return self.store.allowances()

    @cached_property
    def how_much(self) -> HowMuch:
        """What anybody may ask in a day."""
        return HowMuch(self.invocation, self.store, self.key)

    @cached_property
    def papers(self) -> Papers:
        """What people typed and have not sent."""
        return self.store.papers(self.key.derive("papers"))

    @cached_property
    def receivers(self) -> Receivers:
        """Whom something can be sent to; nobody where the council has no receivers.toml."""
        return self.invocation.receivers

    @cached_property
    def roles(self) -> Roles:
        """The roles of the council's charter. An overdue review ends nobody's: the kill switch is one of their acts."""
        return self.invocation.roles

    def admit(self, user: str, role: str, teams: frozenset[str]) -> Identity:
        """Return who somebody is now: the acts of their role, and the teams they act for today, cover included.

        Raises CharterError for a role that the charter does not know.
        """
        council, today = self.invocation.council, self.today()
        covered = self.store.covering(teams, [team.id for team in council.teams], today) if teams else teams
        return Identity.of(user, self.roles.find(role), council.covering(teams, today) | covered)

    @cached_property
    def exporter(self) -> Exporter:
        """Keeps `actions.csv` up with the decisions made here."""
        return Exporter(self.invocation.workspace, self.store)

    def close(self) -> None:
        """Write what is not written yet, sign how far this process's log came, and let go of the database."""
        self.exporter.catch_up()
        self.store.close()

    @property
    def vault(self) -> Vault | None:
        """The vault, or None where the data never held a name (sources that hand over pseudonyms).

        Raises FaultError where there was one and it is gone, or is sealed with another key.
        """
        folder = self.invocation.workspace.vault
        if (folder / VAULT_FILE).exists():
            return self._opened_vault
        if "vault" in self._recorded_parts:
            raise FaultError("vault")
        return None

    @cached_property
    def _opened_vault(self) -> Vault:
        try:
            return Vault.open(self.invocation.workspace.vault, self.key)
        except CharterError:
            raise FaultError("key") from None

    @property
    def anchors(self) -> Anchors:
        """The anchors of this workspace's log."""
        return Anchors.of(self.invocation.workspace, self.key.derive(LOG_PURPOSE))

    @cached_property
    def _recorded_parts(self) -> frozenset[str]:
        """Every part that an anchor names: what was there must be there. Read once: there may be many lines."""
        return self.anchors.parts()

    @cached_property
    def practice(self) -> Practice:
        """The council's practice cases."""
        return Practice.load(self.invocation.council.folder)

    def practised_until(self, identity: Identity) -> date | None:
        """Return the local date until which somebody's practice holds, or None where it ended or never was."""
        passed = self.store.last_done(identity, PASSED)
        end = datetime.fromisoformat(passed) + self.practice.valid if passed else None
        return self.day(end.isoformat()) if end is not None and datetime.now(UTC) < end else None

    def has_practised(self, identity: Identity, bundle: str) -> bool:
        """Whether this person practised within the time, or all data here is made up."""
        return self.manifest(bundle).get("synthetic") is True or self.practised_until(identity) is not None

    @property
    def programme(self) -> str:
        """The programme's name."""
        return self.invocation.programme

    def team(self, team_id: str) -> Team | None:
        """Return the council's team of that id, or None."""
        return next((team for team in self.invocation.council.teams if team.id == team_id), None)

    @cached_property
    def _all_teams(self) -> Sequence[Team]:
        return Council.load(self.invocation.council.folder).teams

    def others(self, team: Team) -> list[Team]:
        """Return the other teams to which a case can be moved today: those that serve and have help to offer."""
        today = datetime.now(self.invocation.council.time_zone).date()
        teams = self.invocation.council.teams
        return [
            receiver for receiver in teams if receiver.id != team.id and receiver.serves(today) and receiver.places > 0
        ]

    def seeking_teams(self) -> Mapping[str, tuple[SeekingTeam, ...]]:
        """Return, by household, the other programmes' teams that would have listed it too."""
        return find_seeking_teams(self.store, self.programme, write_moment(), self._all_teams)

    def standing(
        self, team: str | None = None, bundle: str | None = None, header: IssuedList | None = None
    ) -> Standing:
        """Return how a list stands now: of a team that works it, made with a bundle (by default the one in use).

        Without a `header` it is a list that is not made yet, or scores of none: it can't have ended.
        """
        closure = find_closure(self.invocation.workspace)
        if closure is not None:
            day = write_day(find_day(closure, self.invocation.council.time_zone))
            return Standing(ENDED, f"This programme was closed on {day}: {closure.reason}")
        teams = {team, header.team} if header else {team}
        if any(self.suspended(name, bundle) for name in teams):
            return Standing(SUSPENDED, "This list is suspended: nothing is ranked or shown until two roles resume it.")
        if not self.settings.list.shown:
            return Standing(SHADOW, "This list is in shadow: it is made to be measured, and shown to nobody.")
        today = datetime.now(self.invocation.council.time_zone).date()
        shadow = in_shadow(self.invocation.workspace, str(self.manifest(bundle).get("release", "")), today)
        if shadow:
            return Standing(SHADOW, shadow)
        if header is not None and self.expired(header):
            return Standing(ENDED, f"This list ended on {write_day(self.day(header.expires_at))}.")
        return Standing(LIVE)

    def suspended(self, team: str | None = None, bundle: str | None = None) -> Suspension | None:
        """Return what stops this programme, team or bundle now, or None. Read from files at each request."""
        suspensions = read_suspensions(self.invocation.workspace)
        if not suspensions:
            return None
        manifest = self.manifest(bundle)
        models = list_models(manifest)
        feeds = list_feeds(manifest)
        return next((stop for stop in suspensions if stop.holds(self.programme, team, feeds, models)), None)

    def manifest(self, bundle: str | None = None) -> Mapping[str, Any]:
        """Return the manifest of a bundle, by default of the one in use; empty where there is none yet.

        Raises FaultError where there was one in use and it is gone.
        """
        folder = find_current(self.invocation.workspace.bundle) if bundle is None else None
        name = bundle or (folder.name if folder else "")
        path = self.invocation.workspace.bundle / name / "manifest.json"
        if name and path.exists():
            try:
                return _manifest(path)
            except DataError:
                stand_in = find_stand_in_folder(self.invocation.workspace) if bundle is None else None
                if stand_in is None:
                    raise
                return _manifest(stand_in / "manifest.json")
        if bundle is None and any(part.startswith(f"bundle/{self.programme}/") for part in self._recorded_parts):
            raise FaultError("bundle")
        return {}

    def record(self, referral: Referral) -> SealedRecord:
        """Return a referral's sealed record; raise DataError where it was changed."""
        return read_record(referral)

    def usual(self, record: SealedRecord) -> Usual:
        """Return what is usual among the households that were listed with a record's, its own among them."""
        listed = self.store.referrals(record.programme, record.list)
        records = [self.record(referral) for referral in listed if not referral.removed]
        return read_usual([listed for listed in records if listed.bundle == record.bundle])

    def expired(self, header: IssuedList) -> bool:
        """Whether a list has ended."""
        return datetime.now(UTC) >= datetime.fromisoformat(header.expires_at)

    def people(
        self, identity: Identity, referrals: Mapping[str, SealedRecord], reason: str
    ) -> Mapping[str, NamedPerson]:
        """Return who lives in the households of `referrals` (records by id), after one line in the log.

        Empty where the data never held a name, and of a look below the line until somebody there sees a need: whoever
        looks has no names, and whoever offers help has.
        """
        looks = [name for name, record in referrals.items() if record.arm == RANDOM]
        nameless = frozenset(looks) - self.store.needs_seen(looks)
        referrals = {name: record for name, record in referrals.items() if name not in nameless}
        if self.vault is None or (nameless and not referrals):
            return {}
        persons = [person for record in referrals.values() for person in record.person_ids]

        def log(entry: Mapping[str, object]) -> None:
            self.store.log(
                identity,
                str(entry["action"]),
                subject=next(iter(referrals)) if len(referrals) == 1 else f"{len(referrals)} referrals",
                purpose="display",
                detail={"reason": reason, "people": entry["count"], "referrals": sorted(referrals)},
            )

        return self.vault.identify(persons, role=identity.role, reason=reason, log=log)

    def holds_names_back(self, referral: Referral) -> bool:
        """Whether a case is a look below the line at which nobody has seen a need, so that nobody has its names."""
        return referral.arm == RANDOM and not self.store.needs_seen([referral.id])

    def asks_own_view(self, identity: Identity, referral: Referral) -> bool:
        """Whether this reviewer is asked for their own view of this case first: a lottery, one in so many."""
        one_in = self.settings.own_view.one_in
        if not one_in or referral.status != "new":
            return False
        lot = int.from_bytes(hashlib.sha256(f"{referral.id}{identity.user}".encode()).digest()[:4], "big")
        return lot % one_in == 0 and self.store.own_view(identity, referral.id) is None

    def today(self) -> date:
        """Return today's date in the council's time zone."""
        return datetime.now(self.invocation.council.time_zone).date()

    def local_time(self, moment: str) -> datetime:
        """Return a moment (UTC, ISO 8601) in the council's time zone."""
        return datetime.fromisoformat(moment).astimezone(self.invocation.council.time_zone)

    def day(self, moment: str) -> date:
        """Return the local date of a moment (UTC, ISO 8601)."""
        return self.local_time(moment).date()


@lru_cache(maxsize=8)
def _manifest(path: Path) -> Mapping[str, Any]:
    """Read a bundle's manifest once: its folder is named by its content, so it never changes."""
    manifest: Mapping[str, Any] = read_json(path)
    return manifest
