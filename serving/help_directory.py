"""Help on offer, from a directory in Open Referral UK's form (HSDS-UK 3.0), beside what the council's teams offer.

    file or API   each service judged by the profile's own rules   valid, active ones kept in the workspace
                                                                   the others left out, each with its rule

`sooner directory` reads it; pages read what it left. A directory of which more than half breaks the rules is refused
whole, and what was there before stays. Source of the rules: the HSDS-UK 3.0 profile's schema of a service (`id`, `name`
and `status` required; types and formats of the rest).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from charter.contracts.files import read_json, write_json
from charter.council.receivers import Directory
from charter.errors import DataError, UsageError
from charter.plain_text import clean_line
from serving.sending.channels import fetch_json

__all__ = ["Harvest", "HelpOffer", "find_directory", "fits_ages", "harvest_directory", "is_old", "read_offers"]

_MOST_PAGES, _MOST_SERVICES = 200, 5_000
_LONGEST = 400


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)


class _Named(_Part):
    name: str = ""


class _Cost(_Part):
    amount: float | None = None
    amount_description: str = ""
    option: str = ""


class _Service(_Part):
    """A service as HSDS-UK 3.0 has it: what is read of it, by the profile's own types."""

    id: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    status: Literal["active", "inactive", "defunct", "temporarily closed"]
    description: str = ""
    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    email: Annotated[str, Field(pattern=r"^([^@\s]+@[^@\s]+)?$")] = ""
    fees: str = ""
    minimum_age: float | None = None
    maximum_age: float | None = None
    wait_time: str = ""
    last_modified: str = ""
    organization: _Named | None = None
    service_areas: list[_Named] = []
    cost_options: list[_Cost] = []


@dataclass(frozen=True)
class HelpOffer:
    """A service that a family can be told of; ages in years, None where none is stated, `changed` a day or ''."""

    id: str
    title: str
    by: str
    what: str
    youngest: float | None
    oldest: float | None
    areas: tuple[str, ...]
    waiting: str
    cost: str
    url: str
    changed: str


@dataclass(frozen=True)
class Harvest:
    """What was read: the offers kept, how many are closed now, and each that was left out with the rule it breaks."""

    offers: Sequence[HelpOffer]
    closed: int
    left_out: Sequence[str]


def find_directory(root: Path) -> Path:
    """Return where a workspace keeps its directory."""
    return root / "help_on_offer.json"


def harvest_directory(directory: Directory, council: Path, root: Path) -> Harvest:
    """Read a directory, keep its valid and active services in the workspace, and return what was found.

    Raises DataError where it can't be read or more than half of it breaks the rules, UsageError for a missing file.
    """
    offers: dict[str, HelpOffer] = {}
    left_out: list[str] = []
    closed = number = 0
    for number, raw in enumerate(_list_services(directory, council), start=1):
        try:
            service = _Service.model_validate(_leave_out_nulls(raw))
        except ValidationError as error:
            left_out.append(f"service {number}: {_name_rules(error)}")
            continue
        if service.status == "active":
            offers.setdefault(service.id, _make_offer(service))
        else:
            closed += 1
    if not number or 2 * len(left_out) > number:
        raise DataError(
            f"of {number} services in the directory {len(left_out)} break the rules of HSDS-UK 3.0"
            f"{f' (the first: {left_out[0]})' if left_out else ''}.",
            "Ask who keeps the directory. What was there before stays.",
        )
    write_json(find_directory(root), {"schema_version": 1, "offers": [asdict(offer) for offer in offers.values()]})
    return Harvest(tuple(offers.values()), closed, left_out)


def _list_services(directory: Directory, council: Path) -> Iterator[Any]:
    if directory.file:
        path = council / directory.file
        if not path.exists():
            raise UsageError(f"{directory.file} of [directory] is not in the council's folder.", "Put it there.")
        try:
            yield from _contents(json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            raise DataError(f"{directory.file} is no JSON.", "Ask who keeps the directory.") from None
        return
    base, asked = directory.url.rstrip("/"), 0
    for page in range(1, _MOST_PAGES + 1):
        answer = fetch_json(f"{base}/services?page={page}")
        for listed in _contents(answer):
            asked += 1
            if asked > _MOST_SERVICES:
                return
            yield _complete(base, listed)
        if (
            not isinstance(answer, dict)
            or answer.get("last_page", True)
            or page >= int(answer.get("total_pages", page))
        ):
            return


def _complete(base: str, listed: Any) -> Any:
    """Return a service with its areas and ages: a list of an API may leave them to the service's own page."""
    name = listed.get("id") if isinstance(listed, dict) else None
    if not isinstance(name, str) or not name or "service_areas" in listed:
        return listed
    try:
        whole = fetch_json(f"{base}/services/{quote(name, safe='')}")
    except DataError:
        return listed
    return {**listed, **whole} if isinstance(whole, dict) and whole.get("id") == name else listed


def _leave_out_nulls(raw: Any) -> Any:
    """Return what an API sent without its nulls, which say as much as a key that is not there."""
    if isinstance(raw, dict):
        return {key: _leave_out_nulls(value) for key, value in raw.items() if value is not None}
    return [_leave_out_nulls(value) for value in raw] if isinstance(raw, list) else raw


def _contents(answer: Any) -> list[Any]:
    services = answer.get("contents") if isinstance(answer, dict) else answer
    if not isinstance(services, list):
        raise DataError("the directory has no list of services in `contents`.", "Name an HSDS-UK 3.0 directory.")
    return services


def _name_rules(error: ValidationError) -> str:
    places = [f"{'/'.join(map(str, each['loc']))} {each['type'].replace('_', ' ')}" for each in error.errors()]
    return "; ".join(places[:3])


def _make_offer(service: _Service) -> HelpOffer:
    costs = [
        " ".join(filter(None, [f"£{cost.amount:.2f}" if cost.amount is not None else "", cost.amount_description]))
        for cost in service.cost_options
    ]
    return HelpOffer(
        id=service.id[:64],
        title=_cut(service.name),
        by=_cut(service.organization.name if service.organization else ""),
        what=_cut(service.description),
        youngest=service.minimum_age,
        oldest=service.maximum_age,
        areas=tuple(_cut(area.name) for area in service.service_areas if area.name),
        waiting=_cut(service.wait_time),
        cost=_cut("; ".join(filter(None, costs))),
        url=service.url,
        changed=_read_day(service.last_modified),
    )


def _cut(text: str) -> str:
    line = " ".join(clean_line(text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _read_day(text: str) -> str:
    try:
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        return ""


def read_offers(root: Path) -> Sequence[HelpOffer]:
    """Return the offers that the workspace keeps; none where no directory was read."""
    path = find_directory(root)
    if not path.exists():
        return ()
    stat = path.stat()
    return _read_kept(path, (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=2)
def _read_kept(path: Path, _version: tuple[int, int]) -> Sequence[HelpOffer]:
    rows: Sequence[Mapping[str, Any]] = read_json(path)["offers"]
    return tuple(HelpOffer(**{**row, "areas": tuple(row["areas"])}) for row in rows)


def fits_ages(offer: HelpOffer, ages: Sequence[int]) -> bool:
    """Whether an offer is for somebody of one of these ages (years); where no age is known, it may be."""
    youngest, oldest = offer.youngest or 0, offer.oldest if offer.oldest is not None else 200
    return not ages or any(youngest <= age <= oldest for age in ages)


def is_old(offer: HelpOffer, today: date, days: int) -> bool:
    """Whether an entry was changed longer ago than so many days, or nobody says when."""
    return not offer.changed or (today - date.fromisoformat(offer.changed)).days > days
