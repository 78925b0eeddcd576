"""What somebody must hear of before they look: no list this morning, late data, a broken log, a backup that is due.

    look    each alarm that stands now, of a kind of KINDS
    tell    each receiver that gets alerts, once a day for each alarm, through the outbox (decision 0200)

An alarm names teams and sources, never a household, a person or a worker. What can't be looked at is an alarm as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from charter.acts import SYSTEM
from charter.contracts.files import find_current, read_json
from charter.council.receivers import ALERT
from charter.errors import SoonerError
from charter.signing.closures import find_closure
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.health import read_health
from serving.ranking.standing_in import find_stand_in_folder
from serving.store.arriving.resident_forms import find_due_day
from serving.store.leaving.outbox import MessageDraft
from serving.verification import verify_logs

__all__ = ["KINDS", "Alarm", "list_alarms", "look_at_log", "tell_receivers"]

NO_LIST, FEED, STOPPED, MODEL, DRIFT, HARM, LOG, BACKUP, UNDELIVERED, FORM_DUE = (
    "no_list", "feed_late", "suspended", "model_unreadable", "drift", "harm", "log_not_whole", "backup_overdue",
    "not_delivered", "form_due",
)  # fmt: skip
KINDS: Mapping[str, str] = {
    NO_LIST: "a team has no list that holds, on a morning on which it should",
    FEED: "a source's newest data is older than it promised",
    STOPPED: "a gate or a role stopped the programme",
    MODEL: "the model in use cannot be read, and the signed points list stands in, or nothing does",
    DRIFT: "a series that is watched changed since the test (`sooner audit live`)",
    HARM: "a group was seen to fare worse than the charter's limit on issued lists (`sooner audit live`)",
    LOG: "the audit log is not whole (`sooner verify-log`)",
    BACKUP: "the last whole backup is too long ago",
    UNDELIVERED: "messages did not reach their receiver",
    FORM_DUE: "the clock of what a resident sent is over in a few days, or is over",
}
"""Every kind of alarm, for labels that stay few."""


_SOON = timedelta(days=5)
"""So long before a resident's clock is over, somebody is told."""


@dataclass(frozen=True)
class Alarm:
    """Something that somebody must hear of: its kind, what it is of, and what is said."""

    kind: str
    of: str
    title: str
    sentence: str
    next_step: str

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def list_alarms(desk: Desk, now: datetime | None = None) -> list[Alarm]:
    """Return what stands now but for the log, which takes longer (`look_at_log`); of a closed programme no lists."""
    moment = (now or datetime.now(UTC)).astimezone(desk.invocation.council.time_zone)
    if find_closure(desk.invocation.workspace):
        return [*_look_at_backups(desk, moment), *_look_at_outbox(desk, moment), *_look_at_forms(desk, moment)]
    looks: tuple[Callable[[Desk, datetime], Iterable[Alarm]], ...] = (
        _look_for_lists, _look_at_feeds, _look_for_stops, _look_at_model, _look_at_drift, _look_at_backups,
        _look_at_outbox, _look_at_forms,
    )  # fmt: skip
    return [alarm for look in looks for alarm in look(desk, moment)]


def look_at_log(desk: Desk) -> list[Alarm]:
    """Return an alarm where the log of commands or of the database is not whole; that it was read is logged."""
    try:
        verify_logs(desk.invocation)
    except SoonerError:
        # What is wrong stays here: it names entries, and a mail may be read by anybody who reads that mailbox.
        return [Alarm(LOG, "", "the audit log is not whole", "An entry of the audit log was changed, or is missing.",
                      "Change nothing. Keep a copy of everything, and run `sooner verify-log`.")]  # fmt: skip
    return []


def tell_receivers(desk: Desk, alarms: Iterable[Alarm], now: datetime | None = None) -> int:
    """Put each alarm into the outbox for each receiver of alerts, once a local day; return how many are new."""
    day = (now or datetime.now(UTC)).astimezone(desk.invocation.council.time_zone).date()
    sooner = Identity("sooner", SYSTEM, frozenset())
    new = 0
    for alarm in alarms:
        for receiver in desk.receivers.sent(ALERT):
            words = f"{ALERT}/{receiver.id}/{desk.programme}/{alarm.kind}/{alarm.of}/{day}"
            name = hashlib.sha256(words.encode()).hexdigest()[:32]
            if not desk.store.messages(name=name):
                desk.store.put_message(sooner, MessageDraft(receiver.id, ALERT, alarm.document(), name=name))
                new += 1
    return new


def _look_for_lists(desk: Desk, moment: datetime) -> Iterator[Alarm]:
    settings = desk.receivers.alerts
    if not settings.wants_list(moment):
        return
    for team in desk.invocation.council.serving(desk.programme).teams:
        header = desk.store.current_list(desk.programme, team.id)
        if header is None or datetime.fromisoformat(header.expires_at) <= moment:
            yield Alarm(
                NO_LIST, team.id, f"no list for {team.title}",
                f"{team.title} has no list that holds, and it is after {settings.list_by}.",
                "Look which unit of the night failed (journalctl), and run `sooner rank` once it is mended.",
            )  # fmt: skip


def _look_at_feeds(desk: Desk, _moment: datetime) -> Iterator[Alarm]:
    manifest = desk.manifest()
    council = desk.invocation.council
    health = read_health(desk.invocation.workspace, manifest, council.time_zone) if manifest else None
    for source in health.sources if health else ():
        if source.late:
            yield Alarm(
                FEED, source.title, f"{source.title} is late",
                f"The newest data of {source.title} is of {source.data_to or 'no day'}; "
                f"{source.promised_lag_days} days were promised.",
                "Ask who sends it. Lists go on, and say that it is late.",
            )  # fmt: skip


def _look_for_stops(desk: Desk, _moment: datetime) -> Iterator[Alarm]:
    stop = desk.suspended()
    if stop is not None:
        yield Alarm(STOPPED, stop.id, "lists are stopped", f"Lists are stopped since {stop.at[:16]}, by {stop.role}.",
                    "Two roles resume it (`sooner resume`), once what made them stop is mended.")  # fmt: skip


def _look_at_model(desk: Desk, _moment: datetime) -> Iterator[Alarm]:
    # Here and not above: it loads what scores.
    from serving.ranking.bundle import Bundle

    workspace = desk.invocation.workspace
    folder = find_current(workspace.bundle)
    if folder is None:
        return
    try:
        Bundle.open(folder)
    except (SoonerError, OSError, ValueError, KeyError):
        stand_in = find_stand_in_folder(workspace)
        serves = "Nothing stands in for it" if stand_in is None else "The points list that was signed with it stands in"
        yield Alarm(MODEL, folder.name, "the model cannot be read", f"The model in use cannot be read. {serves}.",
                    "Bring its folder back from a backup, or `sooner promote` again.")  # fmt: skip


def _look_at_drift(desk: Desk, _moment: datetime) -> Iterator[Alarm]:
    release = find_current(desk.invocation.workspace.release)
    if release is None:
        return
    run = read_json(release / "manifest.json")["run"]
    findings = desk.invocation.workspace.audit / run / "live" / "findings.json"
    document = read_json(findings) if findings.exists() else {}
    for series in document.get("harm_watch", ()):
        if series["alarm"]:
            yield Alarm(HARM, f"{series['gate']}: {series['group']}", "a group fares worse than the limit",
                        f"{series['group']} ({series['characteristic']}) fares worse than the limit of"
                        f" {series['gate']}, seen on {series['alarm']}.",
                        "Run `sooner decide --live`: it stops the lists.")  # fmt: skip
    for series in document.get("drift", ()):
        if series["alarm"]:
            yield Alarm(DRIFT, series["title"], "something changed since the test",
                        f"{series['title']}: changed, seen on {series['alarm']}.",
                        "Look at the page of `sooner audit live`, and decide whether to train again.")  # fmt: skip


def _look_at_backups(desk: Desk, moment: datetime) -> Iterator[Alarm]:
    days, path = desk.receivers.alerts.backup_days, desk.invocation.workspace.backup_taken
    at = datetime.fromisoformat(read_json(path)["at"]) if path.exists() else None
    if at is None or moment - at > timedelta(days=days):
        last = (
            "There is no whole backup yet" if at is None else f"The last whole backup is of {desk.day(at.isoformat())}"
        )
        yield Alarm(BACKUP, "", "a backup is due", f"{last}; one every {days} days was agreed.",
                    "Run `sooner backup DIR`, and look why its timer did not.")  # fmt: skip


def _look_at_outbox(desk: Desk, moment: datetime) -> Iterator[Alarm]:
    """Yield who was not reached; an alert that did not arrive raises no other, which would not arrive either."""
    since = (moment - timedelta(days=1)).astimezone(UTC).isoformat()
    lost = [
        message
        for state in ("refused", "given_up")
        for message in desk.store.messages(state=state)
        if message.kind != ALERT and message.settled_at >= since
    ]
    for receiver in sorted({message.receiver for message in lost}):
        count = sum(message.receiver == receiver for message in lost)
        yield Alarm(UNDELIVERED, receiver, "messages did not arrive", f"{count} messages did not reach {receiver}.",
                    "Run `sooner outbox`; each stands on its case, to be typed in.")  # fmt: skip


def _look_at_forms(desk: Desk, moment: datetime) -> Iterator[Alarm]:
    last = (moment + _SOON).date()
    zone = desk.invocation.council.time_zone
    due = [form for form in desk.store.forms() if form.waits and find_due_day(form, zone) <= last]
    if due:
        yield Alarm(FORM_DUE, "", "residents wait for an answer",
                    f"{len(due)} residents' clocks are over within {_SOON.days} days, or are over.",
                    "Open “What residents sent”.")  # fmt: skip
