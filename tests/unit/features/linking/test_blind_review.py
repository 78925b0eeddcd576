"""Pairs drawn by lot and read twice: what they say of linkage is held against the borough's own truth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from charter.errors import CharterError, DataError, UsageError
from charter.invocation import Invocation
from charter.vault.blind_pairs import PAIR_PAPER, DrawnPair, list_unread, settle_readings
from charter.vault.key import Key
from charter.vault.vault import Vault
from features.commands import verbs
from features.intake.database import give_rows, open_database
from features.linking.accuracy import read_truth
from features.linking.blind_review import draw_pairs, keep_readings, reckon_accuracy
from features.linking.fitted_numbers import loosen_parameters
from features.linking.joining.linkage import Linkage
from features.linking.parameters import Parameters
from features.linking.review import Candidate, list_undecided, open_links, show_pairs
from features.rights.vault_clearing import drop_papers_about
from tests.unit.features.conftest import Town
from tests.unit.features.linking.said import COLUMNS, KINDS, link_said, make_strangers

WHO = {"role": "data_protection_officer", "reason": "a yearly check"}


def forget(entry: Mapping[str, object]) -> None:
    """Log nothing."""


def unread_by(invocation: Invocation, reader: str) -> Sequence[DrawnPair]:
    """Return what a reader has not read yet."""
    return list_unread(
        Vault.open(invocation.workspace.vault, Key.load(invocation.council, invocation.workspace)), reader
    )


def truth_of(town: Town) -> Mapping[str, str]:
    key = Key.load(town.invocation.council, town.invocation.workspace)
    with open_database(key) as database:
        rows = read_truth(database, key, town.workspace / "extracts/truth/references.parquet").fetchall()
    return dict(rows)


def read_by_truth(town: Town, reader: str, person: Mapping[str, str], slips: int = 0) -> None:
    """Let a reader say of all that is unread what is true, but for the first `slips` pairs."""
    unread = unread_by(town.invocation, reader)
    says = {
        pair.name: "same" if (person[pair.refs[0]] == person[pair.refs[1]]) != (place < slips) else "different"
        for place, pair in enumerate(unread)
    }
    assert keep_readings(town.invocation, says, reader=reader, log=forget, **WHO) == len(says)


def shares_of_all(town: Town, person: Mapping[str, str]) -> tuple[float, float]:
    """Return the precision of all links, and the share of those right and those left for a person that were made."""
    with open_links(town.invocation.workspace.snapshot()) as database:
        made = database.execute("select ref, other_ref from links where other_ref is not null").fetchall()
    right = sum(person[one] == person[other] for one, other in made)
    missed = sum(person[pair.one] == person[pair.other] for pair in list_undecided(town.invocation.workspace))
    return right / len(made), right / (right + missed)


def test_a_drawn_sample_that_two_read_says_how_right_the_whole_is(borough_town: Town) -> None:
    person = truth_of(borough_town)
    counts = draw_pairs(borough_town.invocation, size=240, seed=3, log=forget, **WHO)
    assert {"joined: name and date", "joined: certain", "joined: uncertain", "left: close"} <= counts.keys()
    assert 230 <= sum(drawn for drawn, _ in counts.values()) <= 246
    first = [pair.refs for pair in unread_by(borough_town.invocation, "first")]
    with pytest.raises(DataError, match="settled"):
        reckon_accuracy(borough_town.invocation, log=forget, **WHO)
    read_by_truth(borough_town, "first", person)
    read_by_truth(borough_town, "second", person, slips=4)
    open_before = reckon_accuracy(borough_town.invocation, log=forget, **WHO)
    assert (open_before.read_twice, open_before.alike, open_before.unsettled) == (len(first), len(first) - 4, 4)
    assert [pair.refs for pair in unread_by(borough_town.invocation, "third")] == first[:4]
    read_by_truth(borough_town, "third", person)
    found = reckon_accuracy(borough_town.invocation, log=forget, **WHO)
    precision, recall = shares_of_all(borough_town, person)
    assert found.unsettled == 0
    assert found.precision[1] <= precision <= found.precision[2]
    assert found.recall[1] <= recall <= found.recall[2]
    assert open_before.recall[1] <= found.recall[0] <= open_before.recall[2]
    assert abs(found.recall[0] - recall) < 0.02
    draw_pairs(borough_town.invocation, size=240, seed=3, log=forget, **WHO)
    assert [pair.refs for pair in unread_by(borough_town.invocation, "first")] == first


def test_who_reads_sees_neither_the_other_s_word_nor_what_linkage_did(borough_town: Town) -> None:
    draw_pairs(borough_town.invocation, size=60, seed=1, log=forget, **WHO)
    pairs = unread_by(borough_town.invocation, "first")
    joined = [pair for pair in pairs if pair.joined]
    assert 20 < len(joined) < len(pairs)
    sides = show_pairs(
        borough_town.invocation,
        [Candidate(*pair.refs, None, "", ((), ())) for pair in joined],
        blind=True,
        log=forget,
        **WHO,
    )
    assert len(sides) == len(joined)
    assert all(len(both) == 2 and both[0] and both[1] for both in sides)
    common = ["--workspace", str(borough_town.workspace), "--council", str(borough_town.council)]
    words = ["link", "blind", "read", "--reader", "first", "--top", "60", *common]
    shown = CliRunner().invoke(verbs, [*words, "--role", WHO["role"], "--reason", WHO["reason"]]).stdout
    assert shown.count(pairs[0].name) == 1
    assert not any(word in shown for word in ("bits", "joined", "close", "certain", "left:"))
    with pytest.raises(CharterError):
        draw_pairs(borough_town.invocation, size=60, seed=1, log=forget, role="analyst", reason="curious")
    says = {pairs[0].name: "same"}
    with pytest.raises(UsageError, match="differ"):
        keep_readings(borough_town.invocation, says, reader="third", log=forget, **WHO)


def test_whoever_is_erased_leaves_sample_and_readings(borough_town: Town) -> None:
    invocation = borough_town.invocation
    draw_pairs(invocation, size=40, seed=2, log=forget, **WHO)
    says = {pair.name: "same" for pair in unread_by(invocation, "first")}
    for reader in ("first", "second"):
        keep_readings(invocation, says, reader=reader, log=forget, **WHO)
    vault = Vault.open(invocation.workspace.vault, Key.load(invocation.council, invocation.workspace))
    assert len(settle_readings(vault)) == len(says)
    refs = json.loads(next(iter(vault.papers(PAIR_PAPER).values())))["refs"]
    drop_papers_about(vault, refs)
    assert 0 < len(settle_readings(vault)) < len(says)
    assert not any(set(refs) & set(pair) for pair in settle_readings(vault))
    assert not any(set(refs) & set(json.loads(paper)["refs"]) for paper in vault.papers(PAIR_PAPER).values())
    assert not invocation.workspace.judgements.exists()


def test_what_is_settled_is_learned_from_and_joins_nobody() -> None:
    strangers = make_strangers(80)
    married = [
        {**row, "ref": f"again{place}", "surname": "Otherwise", "household_id": "nowhere"}
        for place, row in enumerate(strangers[:40])
    ]
    pairs = [tuple(sorted((of["ref"], row["ref"]))) for of, row in zip(strangers[:40], married, strict=True)]
    told = [dict.fromkeys(pairs, says) for says in (True, False)]
    taught, denied = (link_with_readings([*strangers, *married], readings) for readings in told)
    assert taught.model.person["surname"][4] > denied.model.person["surname"][4] + 0.5
    assert sum(link.method == "judged" for link in taught.links.values()) == 0


def link_with_readings(rows: list[dict[str, Any]], readings: Mapping[tuple[str, str], bool]) -> Linkage:
    table = pa.table(
        {name: pa.array([row.get(name) for row in rows], KINDS.get(name, pa.string())) for name in COLUMNS}
    )
    with open_database(Key(b"k" * 32), 1) as database:
        parameters = loosen_parameters(Parameters.load())
        return link_said(database, give_rows(database, table), parameters=parameters, readings=readings)
