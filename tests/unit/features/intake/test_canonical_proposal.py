"""A folder that is canonical already is drafted as such: its times and details are read, and nothing is guessed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from charter.council.programme import Programme
from charter.council.register import Register
from charter.starting.council_folder import write_council
from charter.starting.new_council import Answers
from features.intake.guessing.proposal import find_deliveries, propose_sources

EVENTS = """event_id,person_id,signal,valid_at,known_at,detail
1,a,city.inspection,2012-03-04,2012-03-11,Pass
2,a,city.inspection,2016-03-04,2016-03-11,Fail
3,b,city.complaint,2015-03-04,2015-03-04,
4,b,fire.visit,2014-01-02,2014-01-02,
"""


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    (tmp_path / "sent/ready").mkdir(parents=True)
    (tmp_path / "sent/ready/events.csv").write_text(EVENTS, encoding="utf-8")
    return tmp_path / "sent"


def test_each_service_of_a_ready_table_has_its_row(sent: Path, tmp_path: Path) -> None:
    deliveries, _ = find_deliveries(sent)
    proposed = propose_sources(deliveries)
    assert [one.source.service for one in proposed] == ["city", "fire"]
    assert {(one.source.format, one.source.folder) for one in proposed} == {("canonical", "ready")}
    city = proposed[0].source
    assert city.delivery is not None
    assert (city.delivery.covers_from, city.delivery.covers_to) == (date(2012, 3, 4), date(2016, 3, 12))
    assert {signal.name: signal.details for signal in city.signals} == {
        "city.complaint": (),
        "city.inspection": ("Fail", "Pass"),
    }
    write_council(tmp_path / "mine", Answers("A", "UTC", "", ("T",), "first"), proposed, date(2026, 1, 1))
    register = Register.load(tmp_path / "mine/register.toml")
    assert [source.format for source in register.sources] == ["canonical", "canonical"]
    Programme.load(tmp_path / "mine/first")


def test_a_table_that_lacks_what_every_event_needs_is_a_file_like_any_other(sent: Path) -> None:
    text = EVENTS.replace("signal", "kind")
    (sent / "ready/events.csv").write_text(text, encoding="utf-8")
    (proposal,) = propose_sources(find_deliveries(sent)[0])
    assert proposal.source.format == "csv"
    assert [file.name for file in proposal.source.files] == ["events.csv"]
