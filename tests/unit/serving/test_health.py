"""What an analyst watches: freshness, the share seen, and drift against the first list of the same model."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from charter.vault.key import Key
from charter.vault.made_up import confirm_snapshot
from serving.casework.managing.rules_that_left_out import LeftOut, count_left_out
from serving.casework.managing.small_multiples import draw_multiples
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.health import measure_drift, read_health
from serving.ranking.worklist import rank_households
from serving.store.issued import DecisionDraft
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, TEAMS, World, rows_of, write_matrix

LONDON = ZoneInfo("Europe/London")
WORKER = Identity("worker-1", "lead_practitioner", frozenset(TEAMS))


def rank_later(world: World, seed: int, *, hide: bool = False, shift: float = 0.0) -> None:
    """Rank two weeks later on other households: some with education hidden, or with more absences."""
    later = AS_OF + timedelta(days=14)
    arrays = rows_of(seed, 400)
    arrays["features"][:, 0] += shift
    if hide:
        arrays["features"][:200, 0:2] = np.nan
    folder = write_matrix(world.workspace.matrix / "later", arrays, snapshot="later")
    (folder / f"as_of={AS_OF}").rename(folder / f"as_of={later}")
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    (folder / "manifest.json").write_text(text.replace(AS_OF.isoformat(), later.isoformat()), encoding="utf-8")
    confirm_snapshot(world.workspace, Key.load(world.invocation.council, world.workspace), "later")
    rank_households(world.invocation, folder, later)


def test_drift_is_nothing_for_the_same_shares_and_grows_with_the_difference() -> None:
    same = np.array([10, 10, 10])
    assert measure_drift(same, same * 7) == pytest.approx(0)
    assert 0 < measure_drift(same, np.array([12, 10, 8])) < measure_drift(same, np.array([28, 1, 1]))
    # By hand: (0.75 - 0.5) ln(0.75 / 0.5) + (0.25 - 0.5) ln(0.25 / 0.5)
    assert measure_drift(np.array([5, 5]), np.array([75, 25])) == pytest.approx(0.274653)


def test_the_first_list_is_its_own_measure(world: World) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=True)
    found = read_health(world.workspace, desk.manifest(), LONDON)
    assert found is not None
    assert (found.as_of, found.since, found.rows) == ("2026-09-28", "2026-09-28", 400)
    assert found.drift == pytest.approx(0)
    assert "nothing to compare" in found.words
    assert not any(source.late for source in found.sources)


def test_like_households_drift_little_and_other_ones_much(world: World) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    rank_later(world, 8)
    desk = Desk.open(world.invocation, demo=True)
    like = read_health(world.workspace, desk.manifest(), LONDON)
    assert like is not None
    assert (like.as_of, like.since) == ("2026-10-12", "2026-09-28")
    assert like.drift < 0.1


def test_what_is_hidden_moved_or_late_is_said(world: World) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    rank_later(world, 8, hide=True, shift=6.0)
    desk = Desk.open(world.invocation, demo=True)
    found = read_health(world.workspace, desk.manifest(), LONDON)
    assert found is not None
    assert found.drift > 0.25
    schools = next(source for source in found.sources if source.title == "Schools")
    assert schools.seen < schools.seen_before - 0.3
    client = Client(guarded(desk))
    client.sign_in("demo-analyst")
    page = client.get("/analyst").text
    assert "Much of it changed" in page
    assert found.days == ("2026-09-28", "2026-10-12")
    assert found.drift_each == (0.0, found.drift)
    assert schools.seen_each == (schools.seen_before, schools.seen)
    drift, *shares = draw_multiples(found)
    assert drift.last == (156.0, 4.0), "twice what is customarily much is its top"
    assert [one.title for one in shares] == [source.title for source in found.sources]
    heights = [
        float(point.split(",")[1]) for point in next(one for one in shares if one.title == "Schools").points.split()
    ]
    assert heights[0] < heights[1] < 36, "what was seen less is drawn lower"
    assert page.count("<polyline") == len(found.sources) + 1
    assert f"{100 * schools.seen:.0f}%" in page
    assert "risk" not in page.lower()


def test_the_page_is_the_analysts_and_shows_no_household(world: World) -> None:
    client = Client(guarded(Desk.open(world.invocation, demo=True)))
    client.sign_in("demo-analyst")
    assert "no figures yet" in client.get("/analyst").text
    rank_households(world.invocation, world.matrix, AS_OF)
    page = client.get("/analyst").text
    assert client.get("/").headers["location"] == "/analyst"
    assert not any(name.decode() in page for name in world.arrays["entity"])
    for who in ("demo-north-lead_practitioner", "demo-board"):
        client.sign_in(who)
        assert client.get("/analyst").status_code == 403


def test_each_rule_that_left_people_out_is_named_with_how_many(world: World) -> None:
    """Broken by lists of one team alone, by older ones counted too, and by a rule that has no words."""
    path = world.invocation.programme_folder / "worklist.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("with_worker = []", 'with_worker = ["early_help_open"]'), encoding="utf-8")
    desk = Desk.open(world.invocation, demo=True)
    assert count_left_out(desk) == []
    rank_households(world.invocation, world.matrix, AS_OF)
    refused = desk.store.referrals("early_help", "north-2026-09-28")[0]
    decided = datetime(2026, 9, 29, 9, tzinfo=UTC)
    desk.store.decide(WORKER, refused.id, DecisionDraft("family_said_no", "declined_now", 1), at=decided)
    later = AS_OF + timedelta(days=14)
    rank_households(world.invocation, world.matrix_at(later), later)
    helped = int((world.arrays["features"][:, 5] > 0).sum())
    assert helped > 1
    assert count_left_out(desk) == [
        LeftOut("Somebody works with them already ([leave_out] of worklist.toml)", helped),
        LeftOut("They rest after a decision: family said no ([cooling_off] of worklist.toml)", 1),
    ]
    client = Client(guarded(desk))
    client.sign_in("demo-analyst")
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get("/analyst").text))
    assert f"Somebody works with them already ([leave_out] of worklist.toml) {helped} They rest" in page
