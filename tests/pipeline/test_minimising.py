"""Which services the demo's list can do without, from the replay to the board's page."""

from __future__ import annotations

from pathlib import Path

import pytest

from charter.invocation import Invocation
from training.models.planning import make_plan
from training.studies.minimising import NOT_NEEDED, OPEN, UNREAD, minimise_data, rank_services


@pytest.mark.deep
def test_what_is_not_needed_stays_out_while_the_next_is_judged(own_workspace: Path) -> None:
    invocation = Invocation.open(Path("council"), "early_help", own_workspace, quiet=True)
    planned = make_plan(invocation)
    definition = planned.data.matrix.definition
    told: list[None] = []
    document = minimise_data(invocation, planned, "points", 1.0, lambda: told.append(None))
    steps = document["steps"]
    assert len(steps) == len(told) - 1 == len(rank_services(definition, {}))
    # A margin of all that is listed: nothing is needed, until nothing would be left to learn from.
    assert {step["answer"] for step in steps} <= {NOT_NEEDED, UNREAD, OPEN}
    assert document["without"] == [step["service"] for step in steps if step["answer"] != OPEN]
    for place, step in enumerate(steps):
        assert step["also_without"] == [one["service"] for one in steps[:place] if one["answer"] != OPEN]
    unread = [step for step in steps if step["answer"] == UNREAD]
    assert all(step["fewer_of_100"] == {"estimate": 0.0, "low": 0.0, "high": 0.0} for step in unread)
    strict = minimise_data(invocation, planned, "points", -1.0, lambda: None)
    assert set(strict["without"]) == {step["service"] for step in unread}
    # The pieces of the services that stay: each that the order reads is left out once, and none is found not needed.
    pieces, every = strict["pieces"], {feature["name"] for feature in definition["features"]}
    asked = [step["piece"] for step in pieces["steps"]]
    gone = {name for step in unread for name in step["features"]}
    assert asked
    assert set(asked) <= set(pieces["kept"]) == every - gone
    assert (pieces["unread"], {step["answer"] for step in pieces["steps"]} & {NOT_NEEDED}) == ([], set())
    # With a margin of all, one is left to learn from, whatever order they come in.
    assert len(document["pieces"]["kept"]) == 1
    assert document["pieces"]["fewer_of_100"]["estimate"] is not None
