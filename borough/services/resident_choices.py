"""The resident desk: consents to health visiting's use, refusals, objections and restrictions, made and withdrawn."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from borough.days import NEVER, number_day
from borough.post import Post, make_references, repeat_rows, take_rows, take_text
from borough.town import Town

__all__ = ["send_extract"]

_KINDS = ("consent", "refusal", "objection", "restriction")
_STATUSES = ("received", "upheld", "overruled")
_PURPOSES = ("*", "rank", "train", "display")
_DAY = 86400
# Of the families asked by health visiting: consent, refusal; the rest never answered.
_CONSENT, _REFUSAL = 0.90, 0.05
_WITHDRAWN = 0.04
_OBJECTIONS = 0.006


def send_extract(town: Town, post: Post) -> None:
    """Write the choices of people whom services have references for; call it after the services."""
    rng = town.chance.stream("choices")
    columns, ends = _draw_consents(town, post, rng)
    others = _draw_objections(town, post, rng)
    merged = {
        name: pa.concat_arrays([columns[name], others[name]])
        if isinstance(columns[name], pa.Array)
        else np.concatenate([columns[name], others[name]])
        for name in columns
    }
    ends = np.concatenate([ends, np.full(len(others["start"]), NEVER, dtype=np.int64)])
    order = np.argsort(merged["start"], kind="stable")
    merged = take_rows(merged, order)
    ends = ends[order]
    size = len(order)
    status = merged.pop("outcome")
    decided = merged.pop("decided_at")
    base = {
        "choice_id": make_references("CH", np.arange(size) + 1, 6),
        **merged,
        "status": take_text(_STATUSES, np.zeros(size, dtype=np.int64)),
        "end": np.full(size, NEVER, dtype=np.int64),
        "decided_by": pa.nulls(size, pa.string()),
        "recorded_on": merged["start"],
        "corrected_on": np.full(size, NEVER, dtype=np.int64),
    }
    withdrawn = np.flatnonzero((ends != NEVER) & (ends < number_day(town.rates.last_day) * _DAY - 2 * _DAY))
    settled = np.flatnonzero(status > 0)
    sent = repeat_rows(base, withdrawn, {"end": ends[withdrawn], "corrected_on": ends[withdrawn]})
    changes = {
        "status": take_text(_STATUSES, status[settled]),
        "decided_by": pa.array(["data_protection_officer"] * len(settled), pa.string()),
        "corrected_on": decided[settled],
    }
    rows = repeat_rows(sent, settled, changes)
    if post.senders:
        about = zip(rows["reference_of"].to_pylist(), rows["service"].to_pylist(), strict=True)
        rows = take_rows(rows, np.flatnonzero([post.sends(known_by) and post.sends(of) for known_by, of in about]))
    post.send("choices", "choices", rows)


def _draw_moments(rng: np.random.Generator, day: np.ndarray) -> np.ndarray:
    return day.astype(np.int64) * _DAY + rng.integers(9 * 3600, 17 * 3600, len(day))


def _draw_consents(
    town: Town, post: Post, rng: np.random.Generator
) -> tuple[dict[str, pa.Array | np.ndarray], np.ndarray]:
    """Return consents and refusals given when a child was registered, and when consents were withdrawn."""
    references, people = post.references["health_visiting"]
    child = np.flatnonzero(town.people.role[people] == 2)
    dice = rng.random(len(child))
    answered = np.flatnonzero(dice < _CONSENT + _REFUSAL)
    kind = np.where(dice[answered] < _CONSENT, 0, 1)
    rows = child[answered]
    opens = number_day(post.feeds["health_visiting"].covers_from)
    first, _ = town.presence
    person = people[rows]
    day = np.maximum(np.maximum(town.people.birth[person] + 12, first[person] + 5), opens)
    start = _draw_moments(rng, np.minimum(day, town.days.last - 5))
    withdraws = (kind == 0) & (rng.random(len(rows)) < _WITHDRAWN)
    ends = np.where(withdraws, start + rng.integers(30, 1400, len(rows)) * _DAY, NEVER)
    size = len(rows)
    return {
        "reference_of": pa.array(["health_visiting"] * size, pa.string()),
        "reference": references.take(pa.array(rows)),
        "service": pa.array(["health_visiting"] * size, pa.string()),
        "purpose": pa.array(["*"] * size, pa.string()),
        "kind": take_text(_KINDS, kind),
        "start": start,
        "outcome": np.zeros(size, dtype=np.int64),
        "decided_at": np.full(size, NEVER, dtype=np.int64),
    }, ends


def _draw_objections(town: Town, post: Post, rng: np.random.Generator) -> dict[str, pa.Array | np.ndarray]:
    """Return objections and restrictions, some settled; by adults of any service that has them."""
    services = ("housing", "council_tax", "education", "social_care")
    parts: list[tuple[pa.Array, np.ndarray]] = []
    for service in services:
        references, people = post.references[service]
        chosen = np.flatnonzero(rng.random(len(people)) < _OBJECTIONS)
        parts.append((references.take(pa.array(chosen)), people[chosen]))
    references = pa.concat_arrays([part[0] for part in parts])
    sizes = [len(part[1]) for part in parts]
    sender = np.repeat(np.arange(len(services)), sizes)
    size = len(sender)
    day = rng.integers(town.days.first + 400, town.days.last - 10, size)
    start = _draw_moments(rng, day)
    outcome = np.where(rng.random(size) < 0.6, np.where(rng.random(size) < 0.7, 1, 2), 0)
    decided = start + rng.integers(7, 60, size) * _DAY
    late = decided >= (town.days.last - 1) * _DAY
    everything = rng.random(size) < 0.5
    return {
        "reference_of": take_text(services, sender),
        "reference": references,
        "service": take_text((*services, "*"), np.where(everything, len(services), sender)),
        "purpose": take_text(_PURPOSES, np.where(everything, 0, rng.integers(0, len(_PURPOSES), size))),
        "kind": take_text(_KINDS, np.where(rng.random(size) < 0.75, 2, 3)),
        "start": start,
        "outcome": np.where(late, 0, outcome),
        "decided_at": np.where(late | (outcome == 0), NEVER, decided),
    }
