"""Looking back: whom a fault touched, and whether the audit logs are whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from charter.contracts.files import read_json
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.vault.key import Key
from charter.vault.log import FileLog, verify_chains
from serving.ranking.sealed_record import read_record
from serving.store.store import Referral, open_store

__all__ = ["Touched", "trace_fault", "verify_logs"]


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


def trace_fault(
    invocation: Invocation, *, feed: str = "", feature: str = "", bundle: str = "", snapshot: str = ""
) -> list[Touched]:
    """Return the referrals of the programme that all the given things had a part in, by list and rank.

    A feed or feature had a part where one of its values was seen and added or took something. Raises UsageError for a
    feed or feature that no bundle of these referrals knows.
    """
    with open_store(invocation.workspace) as store:
        wanted = {"programme": invocation.programme, "bundle": bundle, "snapshot": snapshot}
        referrals = store.touched(**{column: value for column, value in wanted.items() if value})
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
    if referrals and not is_feature:
        raise UsageError(
            f"no bundle of these referrals reads {feed or feature}.", "Name a service of register.toml, or a feature."
        )
    return touched


def _describe_touched(referral: Referral, contribution: float | None) -> Touched:
    return Touched(referral.id, referral.list, referral.rank, referral.status, contribution)


def verify_logs(invocation: Invocation) -> Mapping[str, int]:
    """Return how many entries each chain of both logs holds: the casework database's and that of typed commands.

    Raises DataError naming the chain and the entry where one was edited, removed or moved.
    """
    counts = dict(verify_chains(FileLog(invocation.workspace.log).entries()))
    key = Key.load(invocation.council, invocation.workspace).derive("audit log")
    with open_store(invocation.workspace, key=key) as store:
        counts |= store.verify_log()
    return counts
