"""What the public reads of groups gives no small count away, alone or by two columns side by side."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from charter.contracts.files import find_current, read_json
from fairness_reports.publish.public_figures import hide_for_public, is_hidden

Row = dict[str, Any]


def share(group: str, counted: int, households: int, rest: tuple[int, int]) -> Row:
    """Return a finding as the audit writes them: so many of so many households, and everyone else's."""

    def side(of: tuple[int, int]) -> Row:
        return {"n": of[1], "clusters": of[1], "estimate": of[0] / of[1], "interval": [0.0, 1.0]}

    beside = {"difference": 0.0, "difference_interval": [0.0, 0.0], "ratio": 1.0, "ratio_interval": [0.5, 2.0]}
    kind = {"measure": "recall", "characteristic": "sex", "model": "points", "at": "as used", "component": None}
    return {**kind, **side((counted, households)), **beside, "group": group, "rest": side(rest)}


def three_groups(counted: int, households: int) -> list[Row]:
    """Return women, men and a small group, each beside the other two."""
    groups = {"female": (108, 191), "male": (94, 167), "not recorded": (counted, households)}
    together = tuple(sum(of[place] for of in groups.values()) for place in (0, 1))
    return [share(group, *of, (together[0] - of[0], together[1] - of[1])) for group, of in groups.items()]


def recover_hidden(rows: list[Row], shown: list[Any]) -> set[int]:
    """Return what whoever knows all sizes can tell of how many of the last group are counted, to one decimal."""
    sizes = [row["clusters"] for row in rows]
    possible = set()
    for counted in range(sizes[2] + 1):
        told = three_groups(counted, sizes[2])
        agrees = all(
            figure is None or f"{100 * figure:.1f}" == f"{100 * side:.1f}"
            for row, public in zip(told, shown, strict=True)
            for figure, side in (
                (public["estimate"], row["estimate"]),
                (public["rest"]["estimate"], row["rest"]["estimate"]),
            )
        )
        if agrees:
            possible.add(counted)
    return possible


@pytest.mark.parametrize(("counted", "households"), [(0, 1), (1, 1), (1, 3), (2, 40), (38, 40), (12, 12)])
def test_a_hidden_group_stays_hidden_beside_the_others(counted: int, households: int) -> None:
    """Broken by showing everyone else beside men: then it is known of one person whether they were listed."""
    rows = three_groups(counted, households)
    shown = hide_for_public(rows)
    assert [row["estimate"] is None for row in shown] == [False, False, True]
    assert all(row["ratio"] is None and row["rest"]["estimate"] is None for row in shown)
    assert recover_hidden(rows, shown) == set(range(households + 1))
    assert len(recover_hidden(rows, rows)) == 1


def test_what_gives_nothing_away_is_shown_as_it_is() -> None:
    rows = three_groups(20, 40)
    assert hide_for_public(rows) == rows
    assert not any(is_hidden({**row, "group": None}) for row in three_groups(0, 1))
    mean = {**share("male", 9, 10, (9, 10)), "measure": "days_before", "estimate": 0.1}
    assert not is_hidden(mean)


def test_no_public_share_of_the_demo_is_of_one_to_five_households(demo_workspace: Path) -> None:
    """Every group's figure that the site and the records may show, attacked with all sizes known."""
    folder = find_current(demo_workspace / "audit" / "early_help")
    assert folder
    rows = read_json(folder / "findings.json")["findings"]
    shares = ("recall", "false_positive_rate", "selection_rate", "listed_before_need")
    by_key: dict[tuple[str, ...], list[tuple[Row, Any]]] = defaultdict(list)
    for row, shown in zip(rows, hide_for_public(rows), strict=True):
        if row["group"] is not None and row["measure"] in shares:
            by_key[row["measure"], row["characteristic"], row["model"], row["at"]].append((row, shown))
    assert len(by_key) > 10
    hidden = 0
    for pairs in by_key.values():
        for row, shown in pairs:
            if shown["estimate"] is not None:
                counted = round(shown["estimate"] * row["clusters"])
                assert not 1 <= counted <= 5
                assert not 1 <= row["clusters"] - counted <= 5
            hidden += shown["estimate"] is None
        if any(shown["estimate"] is None for _, shown in pairs):
            assert all(shown["rest"]["estimate"] is None and shown["ratio"] is None for _, shown in pairs)
    assert hidden
