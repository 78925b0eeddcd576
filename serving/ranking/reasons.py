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
from typing import Any
from zoneinfo import ZoneInfo

from features.grammar.words import value_text

__all__ = ["Reason", "Reasons", "Seeing", "by_service", "reasons", "sentence"]

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
    uncertain: bool


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

    for_: tuple[Reason, ...]
    against: tuple[Reason, ...]
    seeing: tuple[Seeing, ...]
    base: float
    unseen: float

    def document(self) -> dict[str, Any]:
        """Return them as JSON values, for the sealed record and the API."""
        return {
            "for": [asdict(reason) | {"signals": list(reason.signals)} for reason in self.for_],
            "against": [asdict(reason) | {"signals": list(reason.signals)} for reason in self.against],
            "seeing": [asdict(one) for one in self.seeing],
            "base": self.base,
            "unseen": self.unseen,
        }


def reasons(
    manifest: Mapping[str, Any],
    values: Sequence[float],
    contributions: Sequence[float],
    base: float,
    *,
    seen: Mapping[str, int],
    members: int,
    freshness: Mapping[str, str],
    as_of: date,
    time_zone: ZoneInfo,
    uncertain: Collection[str] = (),
) -> Reasons:
    """Return the reasons of one row.

    `manifest` is the bundle's; `values` and `contributions` (features,) in its order, NaN for not seen; `seen` how many
    members were seen by the name of the seen column; `freshness` the end of the newest data by service, ISO 8601 UTC;
    `uncertain` the services of which some records are this household's by an uncertain link.
    """
    ends = {service: _local(moment, time_zone) for service, moment in freshness.items()}
    found = []
    unseen = 0.0
    for feature, value, contribution in zip(manifest["features"], values, contributions, strict=True):
        if math.isnan(value):
            unseen += contribution
        else:
            text = sentence(feature, value, as_of)
            found.append(_reason(manifest, feature, text, contribution, seen, members, ends, uncertain))
    told = [reason for reason in found if abs(reason.contribution) > _SMALLEST]
    return Reasons(
        for_=tuple(sorted((r for r in told if r.contribution > 0), key=_strongest_first)),
        against=tuple(sorted((r for r in told if r.contribution < 0), key=_strongest_first)),
        seeing=tuple(
            _seeing(name, service, manifest, values, seen, members, ends, as_of)
            for name, service in sorted(manifest["services"].items())
            if any(name in feature["services"] for feature in manifest["features"])
        ),
        base=base,
        unseen=unseen,
    )


def by_service(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return reasons (JSON values) grouped by source, the strongest source first, with each group's sum."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for reason in found:
        groups.setdefault(str(reason["source"]), []).append(reason)
    summed = [
        {"source": source, "contribution": math.fsum(r["contribution"] for r in rows), "reasons": list(rows)}
        for source, rows in groups.items()
    ]
    return sorted(summed, key=lambda group: (-abs(group["contribution"]), group["source"]))


def sentence(feature: Mapping[str, Any], value: float, as_of: date) -> str:
    """Return the feature's reason with `value` in it, in the grammar's words; "more" or "fewer" for a change."""
    unit, word = feature["unit"], feature["expression"]["word"]
    if word == "change":
        said = "no change" if value == 0 else f"{value_text(feature, abs(value), as_of)} {_more(unit, value)}"
    elif value == 0 and word not in ("any_of", "age_of_youngest", "days_since"):
        said = "none"
    else:
        said = value_text(feature, value, as_of)
    text = str(feature["reason"]).format(value=said)
    text = text.replace("none ", "no ", 1) if feature["reason"].startswith("{value} ") else text
    return f"{text[:1].upper()}{text[1:]}"


def _more(unit: str, value: float) -> str:
    if value > 0:
        return "more"
    return "less" if unit == "GBP" else "fewer"


def _reason(
    manifest: Mapping[str, Any],
    feature: Mapping[str, Any],
    text: str,
    contribution: float,
    seen: Mapping[str, int],
    members: int,
    ends: Mapping[str, date],
    uncertain: Collection[str],
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
        seen=_seen_words(feature["seen"], seen, members),
        signals=tuple(feature["signals"]),
        contribution=contribution,
        about_service=bool(feature["system_response"]),
        uncertain=any(name in uncertain for name in services),
    )


def _seen_words(columns: Sequence[str], seen: Mapping[str, int], members: int) -> str:
    counts = [seen[name] for name in columns if name in seen]
    if not counts or members < 1 or min(counts) >= members:
        return ""
    return f"seen for {min(counts)} of {members} {_PEOPLE}"


def _seeing(
    name: str,
    service: Mapping[str, Any],
    manifest: Mapping[str, Any],
    values: Sequence[float],
    seen: Mapping[str, int],
    members: int,
    ends: Mapping[str, date],
    as_of: date,
) -> Seeing:
    rows = [
        (feature, value)
        for feature, value in zip(manifest["features"], values, strict=True)
        if name in feature["services"]
    ]
    # What another service hid of a feature that reads both is that service's to say.
    alone = [value for feature, value in rows if feature["services"] == [name]] or [value for _, value in rows]
    columns = {column for feature, _ in rows for column in feature["seen"] if column.split(":")[0] == name}
    least = min((seen[column] for column in columns if column in seen), default=members)
    end = ends.get(name)
    allowed = timedelta(days=int(service.get("promised_lag_days", 0)) + 1)
    if all(math.isnan(value) for value in alone):
        state, words = "not seen", "Not seen: nothing here speaks for or against"
    elif end is not None and end < as_of - allowed:
        state, words = "late", f"Late: what happened after {_day(end)} is not here yet"
    elif any(math.isnan(value) for value in alone) or least < members:
        state, words = "partly", f"Seen for {least} of {members} {_PEOPLE}" if least < members else "Seen in part"
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


def _local(moment: str, time_zone: ZoneInfo) -> date:
    return datetime.fromisoformat(moment).astimezone(time_zone).date()


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _strongest_first(reason: Reason) -> tuple[float, str]:
    return (-abs(reason.contribution), reason.text)
