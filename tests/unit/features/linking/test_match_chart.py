from __future__ import annotations

import re

import pyarrow as pa
import pytest

from charter.vault.key import Key
from features.intake.database import give_rows, open_database
from features.linking.joining.linkage import Linkage
from features.linking.match_chart import Explained, draw_chart, list_steps
from features.linking.parameters import Parameters
from tests.unit.features.linking.said import COLUMNS, KINDS, link_said, make_strangers, say


def link_town(false_links: float | None = None) -> Linkage:
    """Link 80 people of whom the tax list has one again, as sure as it can be, and 30 by name and home alone."""
    town = make_strangers(80)
    again = [say("school", "same", town[0]["forename"], town[0]["surname"], town[0]["birth_date"],
                 household_id=town[0]["household_id"])]  # fmt: skip
    again += [
        say("school", f"s{number}", of["forename"], of["surname"], None, household_id=of["household_id"])
        for number, of in enumerate(town[1:31])
    ]
    rows = [*town, *again]
    columns = {name: pa.array([row.get(name) for row in rows], KINDS.get(name, pa.string())) for name in COLUMNS}
    parameters = Parameters.load().model_copy(update={"false_links": false_links})
    with open_database(Key(b"k" * 32), 1) as database:
        return link_said(database, give_rows(database, pa.table(columns)), parameters=parameters)


def test_a_limit_of_wrong_links_leaves_the_weakest_to_a_person() -> None:
    free, limited = link_town(), link_town(1.0)
    joined = [sum(link.other is not None for link in linkage.links.values()) for linkage in (free, limited)]
    assert joined[0] > joined[1] > 0
    assert limited.expected_wrong <= 1.0 * 111 / 10_000 < free.expected_wrong
    assert not [pair for pair in free.review if pair.rule == "limit"]
    assert [pair for pair in limited.review if pair.rule == "limit"]


def test_the_steps_of_every_link_and_pair_add_up_to_its_weight() -> None:
    linkage = link_town(1.0)
    weighed = [(of.weight, of.evidence, of.bits) for of in linkage.links.values() if of.weight is not None]
    weighed += [(of.weight, of.evidence, of.bits) for of in linkage.review if of.bits]
    assert len(weighed) > 10
    for weight, evidence, bits in weighed:
        assert weight is not None
        *steps, whole = list_steps(Explained("a-b", weight, evidence, bits, 2.0, 7.0))
        assert steps[-1].end == pytest.approx(weight, abs=0.06)
        assert whole.bits == weight
        assert len(steps) > 2


def test_the_picture_says_in_words_what_the_table_says() -> None:
    evidence = "forename same; surname alike; birth date not known to both"
    pair = Explained("a-b", -1.5, evidence, (-14.0, 7.25, 8.5, 0.0, -3.25), 2.0, 7.0)
    page = draw_chart(pair)
    said = re.search("<desc[^>]*>(.*?)</desc>", page)
    assert said is not None
    figures = re.findall(r"<td>([^<]+)</td>", page)
    assert len(figures) == 5
    assert [part.rsplit(" ", 1)[1] for part in said[1].split("; ")] == figures
    assert "not known" not in page
    assert "Under 2 bits a person decides" in page


def test_somebody_who_fits_as_well_is_a_step_of_its_own() -> None:
    steps = list_steps(Explained("a-b", 0.5, "forename same", (-10.0, 14.0, -1.0), 2.0, 7.0))
    assert steps[-2].title == "Somebody else fits as well"
    assert steps[-2].bits == pytest.approx(-2.5)
