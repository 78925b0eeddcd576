"""What is confidential from the household is marked where a worker reads it, and is on no list or paper."""

from __future__ import annotations

from dataclasses import replace

import pytest

from charter.council.worklist_settings import OwnView
from serving.casework.printing import print_worklist
from serving.casework.view import CaseFile, view_case, view_row
from serving.desk import Desk
from serving.ranking.bundle import make_bundle
from serving.ranking.worklist import rank_households
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, SERVICES, World

ALONE = "For you alone: never say or write this to anybody in the household."


@pytest.fixture
def desk(world: World) -> Desk:
    hidden = {name: {**said, "confidential": name == "education"} for name, said in SERVICES.items()}
    make_bundle(world.invocation, world.release, hidden)
    rank_households(world.invocation, world.matrix, AS_OF)
    opened = Desk.open(world.invocation, demo=True)
    return replace(opened, settings=opened.settings.replace(own_view=OwnView(one_in=0)))


def test_a_reason_on_a_confidential_feed_is_marked_on_the_case_and_first_on_no_list(desk: Desk) -> None:
    client = Client(guarded(desk))
    client.sign_in("demo-north-lead_practitioner")
    paper = print_worklist(desk.invocation, "north", holder="worker-7")
    marked = 0
    for referral in desk.store.referrals("early_help", "north-2026-09-28"):
        file = CaseFile(referral, desk.record(referral), desk.manifest(referral.bundle))
        seen = view_case(file, desk.settings, desk.usual(file.record), [], desk.day)
        for line in (*seen.why, *seen.quiet, *seen.strengths, *seen.less):
            about = any(signal.startswith("education.") for signal in line.reason.signals)
            assert line.confidential == (about and not line.reason.text.endswith(": none"))
            marked += line.confidential
        html = client.get(f"/cases/{referral.id}").text
        assert html.count(ALONE) == sum(
            one.confidential for one in (*seen.why, *seen.quiet, *seen.strengths, *seen.less)
        )
        line = view_row(file, desk.settings)
        hidden = {one.reason.text for one in (*seen.why, *seen.quiet) if one.confidential}
        assert line.why_now not in hidden
        assert "Schools" not in line.workers
        assert f"Why now: {line.why_now}" in paper
    assert marked, "the seeded households have reasons about school, or nothing was tested"
