"""Early help: episodes with a family, begun in 2019, and the members of the families."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from borough.days import NEVER, measure_age, number_day
from borough.post import Post, make_references, repeat_endings, take_text
from borough.town import Town

__all__ = ["send_extract"]

_ROLES = ("parent", "child", "other")
_REASONS = ("OM", "SU", "DI", "NF")


def send_extract(town: Town, post: Post) -> None:
    """Write family members and episodes."""
    rng = town.chance.stream("early_help")
    families = town.families
    level = town.need.level("family", 0.6, families.month, families.unit)
    level = 0.5 * level + 0.5 * town.need.level("school", 0.9, families.month, families.unit)
    rate = town.rates.of("early_help", "episode")
    hit = town.chance.happens(rng, np.minimum(rate * level, 0.3), len(families.month))
    start = town.days.within(rng, families.month[hit])
    begun = number_day(post.feeds["early_help"].covers_from)
    keep = (start >= begun) & town.recording.signal(rng, families.unit[hit])
    hit, start = hit[keep], start[keep]
    order = np.argsort(start, kind="stable")
    hit, start = hit[order], start[order]
    family_refs = make_references("EH", np.arange(len(hit)) + 100_001, 6)
    _, first = families.children(hit)
    which, _ = families.children(hit)
    child = town.child_months.child[first[np.searchsorted(which, np.arange(len(hit)))]]
    member = _send_members(town, post, family_refs, families.unit[hit], child, start)
    length = np.clip(rng.normal(150, 60, len(hit)), 28, 400).astype(np.int32)
    end = start + length
    reason = np.searchsorted([0.58, 0.72, 0.90], rng.random(len(hit)))
    open_still = end >= town.days.last
    post.send(
        "early_help",
        "episodes",
        repeat_endings(
            {
                "episode_ref": make_references("EP", np.arange(len(hit)) + 1, 6),
                "family_ref": family_refs,
                "member_ref": member,
                "started_on": start,
                "ended_on": np.where(open_still, NEVER, end).astype(np.int32),
                "end_reason": take_text(_REASONS, np.where(open_still, -1, reason)),
                "recorded_on": start + rng.integers(0, 20, len(hit), dtype=np.int32),
            },
            "ended_on",
            rng.integers(0, 25, len(hit)),
        ),
    )


def _send_members(
    town: Town, post: Post, family_refs: pa.Array, unit: np.ndarray, child: np.ndarray, day: np.ndarray
) -> pa.Array:
    """Write everybody in each family; return the reference of the child that each episode is for."""
    rng = town.chance.stream("early_help", "members")
    people, spells = town.people, town.population.residence
    family, row = town.household(unit, day)
    who = spells.who[row]
    other = who != child[family]
    episode = np.arange(len(unit))
    family = np.concatenate([episode, family[other]])
    row = np.concatenate([town.stay(child, day), row[other]])
    who = np.concatenate([child, who[other]])
    order = np.argsort(family, kind="stable")
    family, row, who = family[order], row[order], who[order]
    position = np.arange(len(family)) - np.searchsorted(family, episode)[family]
    keep = position < 26
    family, row, who, position = family[keep], row[keep], who[keep], position[keep]
    letters = take_text([chr(65 + step) for step in range(26)], position)
    refs = pc.binary_join_element_wise(family_refs.take(pa.array(family)), letters, "-")
    post.know("early_help", refs, who)
    age = measure_age(people.birth[who], day[family])
    role = np.select([people.role[who] < 2, age < 18], [0, 1], 2)
    has_uprn = (rng.random(len(unit)) > 0.05)[family]
    post.send(
        "early_help",
        "family_members",
        {
            "member_ref": refs,
            "family_ref": family_refs.take(pa.array(family)),
            "role": take_text(_ROLES, role),
            **town.spelled(town.names.record(rng, town.rates, people, who, homely=3.0)),
            **town.address(spells.place[row], has_uprn=has_uprn),
            "resident_from": np.maximum(day[family], people.birth[who]),
            "recorded_on": day[family] + rng.integers(0, 20, len(who), dtype=np.int32),
        },
    )
    return refs.take(pa.array(np.searchsorted(family, episode)))
