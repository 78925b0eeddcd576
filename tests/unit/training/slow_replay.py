"""The replay as one would do it by hand: one week after the other, one place after the other, with dictionaries.

What replay_kernel.py makes fast is here in the order in which it happens; test_replay.py holds the two together.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from charter.rules.left_out import count_lists_left_out
from training.data.list_rules import ListRules
from training.data.weeks import ListWeeks

MASK = 2**64 - 1
STEP = 0x9E3779B97F4A7C15


def finish(value: int) -> int:
    """Return SplitMix64's finish of 64 bits, as published."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def lot_of(seed: int, key: int, copy: int, week: int) -> int:
    """Return the lot of one copy of a household on the lists of one week."""
    return finish((finish(seed ^ finish((key + copy * STEP) & MASK)) + (week + 1) * STEP) & MASK)


def decision_of(rules: ListRules, lot: int) -> str | None:
    """Return what is decided on a listing, or None where it is undecided when the next list comes."""
    share, until = (finish(lot ^ 0xD1B54A32D192ED03) >> 11) / 2**53, 0.0
    for name, part in rules.answers.items():
        until += part
        if share < until:
            return name
    return None


def replay_slowly(
    weeks: ListWeeks,
    margins: np.ndarray,
    part: np.ndarray,
    rules: ListRules,
    keys: np.ndarray,
    times: np.ndarray,
    seed: int,
) -> dict[int, Counter[str]]:
    """Return what was listed and what came of it, by part: `times` (households,) says how many copies each has."""
    totals = {number: Counter() for number in range(int(part.max(initial=-1)) + 1)}
    until: dict[tuple[int, int], int] = {}
    counted: set[tuple[str, int, int, int]] = set()
    for number, team in enumerate(weeks.list_team):
        week = int(weeks.list_week[number])
        waiting = []
        for row in np.flatnonzero(weeks.list_of == number).tolist():
            household = int(weeks.household[row])
            for copy in range(int(times[household])):
                if until.get((household, copy), 0) <= week:
                    lot = lot_of(seed, int(keys[household]), copy, week)
                    waiting.append((-float(margins[row]), lot, household, copy, row))
        assert team
        listed = sorted(waiting)[: int(weeks.room[number])]
        for _, lot, household, copy, _ in listed:
            decision = decision_of(rules, lot)
            lists = count_lists_left_out(rules.weeks.get(decision or "", 0), rules.decided_after, rules.apart)
            until[household, copy] = week + (lists if decision else 1)
        if part[week] < 0:
            continue
        total, where = totals[int(part[week])], int(part[week])
        total["places"] += len(listed)
        total["unused"] += int(weeks.room[number]) - len(listed)
        for _, _, household, copy, row in listed:
            if not weeks.labelled[row]:
                continue
            total["spells"] += 1
            total["needed"] += int(weeks.needed[row])
            total["new"] += int(weeks.new[row])
            total["new and needed"] += int(weeks.new[row] and weeks.needed[row])
            if ("listed", where, household, copy) not in counted:
                counted.add(("listed", where, household, copy))
                total["families"] += 1
            if weeks.needed[row] and ("before", where, household, copy) not in counted:
                counted.add(("before", where, household, copy))
                total["before"] += 1
                total["days"] += float(weeks.days_until[row])
    return totals
