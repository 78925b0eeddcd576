"""Whether something of a household may leave: each way out, in each state of its list, and each reason why not."""

from __future__ import annotations

import pytest

from charter.rules.showing import ASK_FOR_HELP, ENDED, LIVE, SHADOW, STATES, SUSPENDED, WAYS, Asking, Standing
from charter.rules.showing import find_refusals as refusals

EVERY = {LIVE, SHADOW, SUSPENDED, ENDED}
# A way out, its purpose, and the states of a list in which it is open.
OPEN = {
    "list": ("display", {LIVE, ENDED}),
    "case": ("display", {LIVE, ENDED}),
    "decision": ("rank", {LIVE}),
    "transfer": ("rank", {LIVE}),
    "step_up": ("rank", EVERY),
    "answer": ("rank", EVERY),
    "score": ("rank", {LIVE}),
    "paper": ("display", {LIVE}),
    "blind": ("evaluate", {LIVE, SHADOW, ENDED}),
    "second_look": ("evaluate", {LIVE, ENDED}),
    "rows": ("evaluate", {LIVE, SHADOW, ENDED}),
    "trace": ("evaluate", EVERY),
    "sealed": ("evaluate", EVERY),
    "rights": ("display", EVERY),
}


def ids(asking: Asking) -> list[str]:
    return [refusal.id for refusal in refusals(asking)]


def test_there_are_these_states_and_these_ways_each_with_its_purpose() -> None:
    assert set(STATES) == EVERY == {"live", "shadow", "suspended", "ended"}
    assert {way.id: way.purpose for way in WAYS.values()} == {way: purpose for way, (purpose, _) in OPEN.items()}
    assert all(key == way.id and len(way.title) > 5 for key, way in WAYS.items())


@pytest.mark.parametrize("way", OPEN)
@pytest.mark.parametrize("state", [*sorted(EVERY), "nobody knows"])
def test_a_way_is_open_in_its_states_alone(way: str, state: str) -> None:
    found = refusals(Asking(way, Standing(state, "Why.")))
    if state in OPEN[way][1]:
        assert found == ()
        return
    (refusal,) = found
    assert (refusal.id, refusal.status) == ("ended" if state == ENDED else "silence", 409)
    assert (refusal.message, refusal.state) == ("Why.", state)
    if state == ENDED:
        assert "step up at once" in refusal.next_step
    else:
        assert refusal.next_step == ASK_FOR_HELP
        assert "never pass through the list" in ASK_FOR_HELP


@pytest.mark.parametrize("way", OPEN)
def test_who_may_not_works_elsewhere_or_knows_the_family_is_refused_by_every_way(way: str) -> None:
    live = Standing(LIVE)
    assert ids(Asking(way, live, role_may=False)) == ["role"]
    assert ids(Asking(way, live, in_team=False)) == ["team"]
    assert ids(Asking(way, live, role_may=False, in_team=False)) == ["role"]
    assert ids(Asking(way, live, knows=True)) == ["conflict"]
    assert ids(Asking(way, live, taken_off=True)) == ([] if way in {"trace", "sealed", "rights"} else ["taken_off"])
    assert ids(Asking(way, live, practised=False)) == (["practice"] if way == "decision" else [])


def test_every_reason_is_said_in_its_order_with_its_status_and_what_to_do() -> None:
    asking = Asking("decision", Standing(SHADOW, "S."), True, False, True, True, False)
    found = refusals(asking)
    assert [(refusal.id, refusal.status) for refusal in found] == [
        ("team", 403),
        ("taken_off", 410),
        ("conflict", 403),
        ("silence", 409),
        ("practice", 403),
    ]
    assert all(refusal.message.endswith(".") and refusal.next_step for refusal in found)
    assert [refusal.state for refusal in found if refusal.state] == [SHADOW]
