"""A printed list: for the day the network is down."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from charter.errors import BlockedError, UsageError
from serving.casework.printing import print_worklist
from serving.desk import Desk
from serving.ranking.worklist import rank_households
from tests.unit.serving.conftest import AS_OF, World


def test_a_printed_list_is_numbered_expiring_and_logged(world: World) -> None:
    rank_households(world.invocation, world.matrix, AS_OF)
    text = print_worklist(world.invocation, "north", holder="worker-7")
    store = Desk.open(world.invocation, demo=False).store
    entry = next(entry for entry in store.entries() if entry.action == "list.printed")
    assert f"Copy {entry.digest[:8].upper()} of north-2026-09-28" in text
    assert "Destroy this copy after" in text
    assert "not evidence of harm" in text
    assert text.count("Why now:") == 8
    for referral in store.referrals("early_help", "north-2026-09-28"):
        assert referral.entity not in text
    assert print_worklist(world.invocation, "north", holder="worker-7") != text


def test_a_list_that_ended_or_is_suspended_or_unknown_is_not_printed(world: World) -> None:
    with pytest.raises(UsageError, match="no list"):
        print_worklist(world.invocation, "north", holder="worker-7")
    rank_households(world.invocation, world.matrix, AS_OF, now=datetime(2026, 9, 28, 8, tzinfo=UTC))
    with pytest.raises(BlockedError, match="ended on"):
        print_worklist(world.invocation, "north", holder="worker-7")
    world.workspace.suspensions.mkdir()
    for what, name in (("team", "north"), ("feed", "education"), ("model", "release1"), ("all", "")):
        (world.workspace.suspensions / "s.json").write_text(f'{{"what": "{what}", "name": "{name}"}}')
        with pytest.raises(BlockedError):
            print_worklist(world.invocation, "north", holder="worker-7")
    (world.workspace.suspensions / "s.json").unlink()
    (world.workspace.live / "release1.json").unlink()
    with pytest.raises(BlockedError, match="in shadow"):
        print_worklist(world.invocation, "north", holder="worker-7")
    with pytest.raises(UsageError, match="Choose one of: north"):
        print_worklist(world.invocation, "nowhere", holder="worker-7")
