"""Make the fictional borough's extracts, as each service would send them, all at once or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from borough import truth
from borough.groups import deal_groups
from borough.post import Feed, Post
from borough.rates import Rates
from borough.services import (
    addresses,
    council_tax,
    early_help,
    education,
    food_bank,
    health_visiting,
    homelessness,
    hospital,
    housing,
    resident_choices,
    social_care,
    youth_justice,
)
from borough.town import Town
from charter.contracts.files import exchange_paths, read_json
from charter.council.council import Council
from charter.errors import UsageError
from charter.vault.made_up import mark_files

__all__ = ["SMALLEST", "UNFAIR", "VARIANTS", "list_feeds", "make_borough"]

UNFAIR = ("signals", "labels", "both")
VARIANTS = ("standard", "points")
SMALLEST = 100
"""Homes below which a borough would not have every service."""
_SERVICES = {
    "addresses": addresses,
    "housing": housing,
    "council_tax": council_tax,
    "homelessness": homelessness,
    "education": education,
    "social_care": social_care,
    "early_help": early_help,
    "youth_justice": youth_justice,
    "health_visiting": health_visiting,
    "hospital": hospital,
    "choices": resident_choices,
    "food_bank": food_bank,
}


def list_feeds(rates: Rates) -> Mapping[str, Feed]:
    """Return what each service's delivery covers: one started late, one stopped, one has gone stale."""
    first, last = rates.first_day, rates.last_day
    whole = Feed(first, last, last)
    return {
        **dict.fromkeys(_SERVICES, whole),
        "early_help": Feed(date(2019, 4, 1), last, last, "The service's system began in April 2019."),
        "food_bank": Feed(date(2018, 1, 1), last, last, "The food bank opened in January 2018."),
        "youth_justice": Feed(first, date(2026, 4, 1), date(2026, 4, 13), "The last before the supplier changed."),
        "health_visiting": Feed(date(2017, 4, 1), date(2026, 9, 1), date(2026, 9, 7), "Monthly; the next is due."),
    }


def make_borough(
    extracts: Path,
    council: Council,
    homes: int,
    seed: int,
    unfair: str = "",
    variant: str = "standard",
    progress: Callable[[int], None] | None = None,
    senders: Collection[str] = (),
) -> Mapping[str, Any]:
    """Write the extracts of a borough with `homes` homes into `extracts`, replacing what was there when complete.

    `unfair` is empty or one of UNFAIR; `variant` one of VARIANTS; `senders` are the services that send anything, all
    where none of them is one of the borough's. Returns counts. The same arguments give the same bytes. `progress` is
    called with 1 for each of the steps that `count_steps()` counts. Raises UsageError for arguments that make no
    borough, and where a delivery lies in `extracts` that nobody made up.
    """
    if homes < SMALLEST:
        raise UsageError(
            f"a borough of {homes} homes is too small to have every service.", f"Ask for {SMALLEST} or more."
        )
    if seed < 0:
        raise UsageError(f"the seed {seed} is negative.", "Choose a seed of 0 or more.")
    if unfair not in ("", *UNFAIR):
        raise UsageError(f"there is no unfair borough of kind {unfair!r}.", f"Choose one of: {', '.join(UNFAIR)}.")
    if variant not in VARIANTS:
        raise UsageError(f"there is no variant {variant!r}.", f"Choose one of: {', '.join(VARIANTS)}.")
    if not council.areas:
        raise UsageError(f"{council.name} has no areas to put homes in.", "Add [[area]] rows to council.toml.")
    _refuse_real_deliveries(extracts)
    step = progress or (lambda _: None)
    town = deal_groups(Town.build(council, homes, seed, variant), unfair)
    step(1)
    extracts.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".new-", dir=extracts.parent))
    try:
        heard = frozenset(senders) & _SERVICES.keys()
        post = Post(beside, council.time_zone, list_feeds(town.rates), heard)
        for service in _SERVICES.values():
            service.send_extract(town, post)
            step(1)
        post.deliver()
        truth.write_truth(town, post, beside / "truth")
        _replace_extracts(beside, extracts)
        mark_files(extracts)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return {
        "homes": homes,
        "people": len(town.people),
        "seed": seed,
        "unfair": unfair or None,
        "variant": variant,
        "rows": dict(sorted(post.rows.items())),
        "total_rows": sum(post.rows.values()),
    }


def count_steps() -> int:
    """Return how many steps `make_borough` reports."""
    return len(_SERVICES) + 1


def _refuse_real_deliveries(extracts: Path) -> None:
    """Refuse to take the place of deliveries that are not marked synthetic: they may be somebody's only copy."""
    for folder in sorted(extracts.iterdir()) if extracts.is_dir() else ():
        if folder.is_dir() and folder.name != "truth" and not _is_synthetic(folder / "delivery.json"):
            raise UsageError(
                f"{extracts} holds {folder.name}/, a delivery that is not marked synthetic: nothing takes its place.",
                "Name another folder with --workspace, or move the extracts away.",
            )


def _is_synthetic(delivery: Path) -> bool:
    document = read_json(delivery) if delivery.exists() else {}
    return isinstance(document, dict) and document.get("synthetic") is True


def _replace_extracts(beside: Path, extracts: Path) -> None:
    """Put the finished folder in place, so that a kill at any moment leaves the old extracts or the new ones."""
    for path in beside.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
    if extracts.exists():
        exchange_paths(beside, extracts)
    else:
        beside.rename(extracts)
