"""Why a household is on the list, in plain words: for and against, and what could not be seen.

Every sentence comes from a feature's own `reason` in the definition, with its value; nothing here knows a feature by
name. A missing value is never a reason. Contributions are what a reason adds to (for) or takes from (against) the
margin; the sum of all of them, of what was not seen and of the base is the margin.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field

from features.grammar.words import DAYS_SINCE, describe_value

__all__ = [
    "ExplainedRow",
    "Reason",
    "ReasonGroup",
    "Reasons",
    "Seeing",
    "explain_row",
    "group_by_source",
    "write_day",
    "write_sentence",
]

_PEOPLE = "people"
_SMALLEST = 1e-9


@dataclass(frozen=True)
class Reason:
    """One sentence and what it rests on; `contribution` is in the margin's units (log-odds).

    `uncertain`: some of the records are with this household by a link that is likely but not certain.
    """

    text: str
    because: str
    service: str
    source: str
    data_to: str
    seen: str
    signals: tuple[str, ...]
    contribution: float
    about_service: bool
    uncertain: bool = False

    def document(self) -> dict[str, Any]:
        """Return it as JSON values, for the sealed record and the API."""
        return asdict(self) | {"signals": list(self.signals)}


@dataclass(frozen=True)
class Seeing:
    """What a service let us see of this household: `state` is seen, partly, not seen or late; `words` say it."""

    service: str
    source: str
    contact: str
    state: str
    words: str
    data_to: str


@dataclass(frozen=True)
class Reasons:
    """All reasons of one referral, strongest first; `unseen` is what missing values add to the margin together."""

    for_: Annotated[tuple[Reason, ...], Field(alias="for")]
    against: tuple[Reason, ...]
    seeing: tuple[Seeing, ...]
    base: float
    unseen: float

    def document(self) -> dict[str, Any]:
        """Return them as JSON values, for the sealed record and the API."""
        return {
            "for": [reason.document() for reason in self.for_],
            "against": [reason.document() for reason in self.against],
            "seeing": [asdict(service) for service in self.seeing],
            "base": self.base,
            "unseen": self.unseen,
        }


@dataclass(frozen=True)
class ReasonGroup:
    """The reasons that one source gives, strongest first, and what they add to the margin together."""

    source: str
    contribution: float
    reasons: tuple[Reason, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON values, for the API."""
        return {
            "source": self.source,
            "contribution": self.contribution,
            "reasons": [reason.document() for reason in self.reasons],
        }


@dataclass(frozen=True)
class ExplainedRow:
    """One household's row as it is put into words. `values` and `contributions` (features,), NaN for not seen.

    `seen` is how many of its `members` were seen, by the name of the seen column; `uncertain` the services of which
    some records are this household's by an uncertain link.
    """

    values: Sequence[float]
    contributions: Sequence[float]
    base: float
    seen: Mapping[str, int]
    members: int
    uncertain: Collection[str] = ()


def explain_row(
    manifest: Mapping[str, Any], row: ExplainedRow, freshness: Mapping[str, str], as_of: date, time_zone: ZoneInfo
) -> Reasons:
    """Return the reasons of one row, in the order of the features of `manifest` (the bundle's).

    `freshness` is the end of the newest data by service (UTC, ISO 8601).
    """
    ends = {service: _local_day(moment, time_zone) for service, moment in freshness.items()}
    visible = []
    unseen = 0.0
    for feature, value, contribution in zip(manifest["features"], row.values, row.contributions, strict=True):
        if math.isnan(value):
            unseen += contribution
        elif abs(contribution) > _SMALLEST:
            text = write_sentence(feature, value, as_of)
            visible.append(_explain_feature(manifest, feature, text, contribution, row, ends))
    return Reasons(
        for_=tuple(sorted((reason for reason in visible if reason.contribution > 0), key=_strongest_first)),
        against=tuple(sorted((reason for reason in visible if reason.contribution < 0), key=_strongest_first)),
        seeing=tuple(
            _explain_sight(name, manifest, row, ends, as_of)
            for name in sorted(manifest["services"])
            if any(name in feature["services"] for feature in manifest["features"])
        ),
        base=row.base,
        unseen=unseen,
    )


def group_by_source(reasons: Sequence[Reason]) -> list[ReasonGroup]:
    """Return reasons grouped by source, the strongest source first."""
    groups: dict[str, list[Reason]] = {}
    for reason in reasons:
        groups.setdefault(reason.source, []).append(reason)
    summed = [
        ReasonGroup(source, math.fsum(reason.contribution for reason in rows), tuple(rows))
        for source, rows in groups.items()
    ]
    return sorted(summed, key=lambda group: (-abs(group.contribution), group.source))


def write_sentence(feature: Mapping[str, Any], value: float, as_of: date) -> str:
    """Return the feature's reason with `value` in it, in the grammar's words; "more" or "fewer" for a change."""
    unit, word = feature["unit"], feature["expression"]["word"]
    if word == "change":
        amount = "no change" if value == 0 else f"{describe_value(feature, abs(value), as_of)} {_more(unit, value)}"
    elif value == 0 and word not in ("any_of", "age_of_youngest", *DAYS_SINCE):
        amount = "none"
    else:
        amount = describe_value(feature, value, as_of)
    text = str(feature["reason"]).format(value=amount)
    text = text.replace("none ", "no ", 1) if feature["reason"].startswith("{value} ") else text
    return f"{text[:1].upper()}{text[1:]}"


def _more(unit: str, value: float) -> str:
    if value > 0:
        return "more"
    return "less" if unit == "GBP" else "fewer"


def _explain_feature(
    manifest: Mapping[str, Any],
    feature: Mapping[str, Any],
    text: str,
    contribution: float,
    row: ExplainedRow,
    ends: Mapping[str, date],
) -> Reason:
    services = feature["services"]
    titles = [manifest["services"].get(name, {}).get("title", name.replace("_", " ")) for name in services]
    dates = [ends[name] for name in services if name in ends]
    return Reason(
        text=text,
        because=feature["because"],
        service=services[0] if services else "",
        source=" and ".join(titles) or "Who lives there",
        data_to=min(dates).isoformat() if dates else "",
        seen=_seen_words(feature["seen"], row),
        signals=tuple(feature["signals"]),
        contribution=contribution,
        about_service=bool(feature["system_response"]),
        uncertain=any(name in row.uncertain for name in services),
    )


def _seen_words(columns: Sequence[str], row: ExplainedRow) -> str:
    counts = [row.seen[name] for name in columns if name in row.seen]
    if not counts or row.members < 1 or min(counts) >= row.members:
        return ""
    return f"seen for {min(counts)} of {row.members} {_PEOPLE}"


def _explain_sight(
    name: str, manifest: Mapping[str, Any], row: ExplainedRow, ends: Mapping[str, date], as_of: date
) -> Seeing:
    """Say what the service `name` let us see of a row."""
    service = manifest["services"][name]
    pairs = [
        (feature, value)
        for feature, value in zip(manifest["features"], row.values, strict=True)
        if name in feature["services"]
    ]
    # What another service hid of a feature that reads both is that service's to say.
    alone = [value for feature, value in pairs if feature["services"] == [name]] or [value for _, value in pairs]
    columns = {column for feature, _ in pairs for column in feature["seen"] if column.split(":")[0] == name}
    least = min((row.seen[column] for column in columns if column in row.seen), default=row.members)
    end = ends.get(name)
    allowed = timedelta(days=int(service.get("promised_lag_days", 0)) + 1)
    if all(math.isnan(value) for value in alone):
        state, words = "not seen", "Not seen: nothing here speaks for or against"
    elif end is not None and end < as_of - allowed:
        state, words = "late", f"Late: what happened after {write_day(end)} is not here yet"
    elif any(math.isnan(value) for value in alone) or least < row.members:
        part = f"Seen for {least} of {row.members} {_PEOPLE}" if least < row.members else "Seen in part"
        state, words = "partly", part
    else:
        state, words = "seen", "Seen"
    return Seeing(
        service=name,
        source=service.get("title", name.replace("_", " ")),
        contact=service.get("contact", ""),
        state=state,
        words=words,
        data_to=end.isoformat() if end else "",
    )


def _local_day(moment: str, time_zone: ZoneInfo) -> date:
    return datetime.fromisoformat(moment).astimezone(time_zone).date()


def write_day(day: date | str) -> str:
    """Return a day as people write it: 28 September 2026; '' for none."""
    if not day:
        return ""
    moment = date.fromisoformat(day[:10]) if isinstance(day, str) else day
    return f"{moment.day} {moment:%B %Y}"


def _strongest_first(reason: Reason) -> tuple[float, str]:
    return (-abs(reason.contribution), reason.text)
