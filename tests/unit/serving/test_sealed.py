"""Sealed records: the same bytes from the same snapshot, or the cause why not."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields, replace

import numpy as np
import pytest

from charter.contracts import check_document
from charter.errors import DataError, UsageError, WithdrawnError
from serving.ranking.reasons import Reason, Reasons, Seeing
from serving.ranking.reproduction import find_origin, reproduce_record
from serving.ranking.sealed_record import (
    ListedPerson,
    RecordedEvent,
    SealedRecord,
    Timeline,
    digest_record,
    read_record,
    write_canonical,
)
from serving.ranking.worklist import rank_households
from serving.store.connection import begin_writing, open_engine
from serving.store.place import find_database_url
from serving.store.store import Referral, Store
from serving.store.tables import referrals
from tests.unit.serving.conftest import AS_OF, ROOT, World, open_casework, rows_of, write_matrix


def issued(world: World, team: str = "north") -> list[Referral]:
    rank_households(world.invocation, world.matrix, AS_OF)
    return open_casework(world).referrals("early_help", f"{team}-2026-09-28")


def withdraw(world: World, person: str, **more: str) -> None:
    folder = world.workspace.store / "snapshot1"
    folder.mkdir(parents=True, exist_ok=True)
    row = {"people": [person], "service": "education", "purpose": "*", "kind": "withdraw",
           "at": "2126-10-01T09:00:00+00:00", "rows_removed": {"events": 3}} | more  # fmt: skip
    with (folder / "tombstones.jsonl").open("a") as handle:
        handle.write(json.dumps(row) + "\n")


def test_every_referral_comes_out_again_byte_for_byte(world: World) -> None:
    for team in ("north", "west"):
        for referral in issued(world, team):
            assert reproduce_record(world.invocation, referral.id, world.matrix) == referral.sealed
            assert digest_record(referral.sealed) == referral.digest
    assert find_origin(world.invocation, referral.id) == ("snapshot1", AS_OF)


def test_new_data_and_a_new_model_change_no_past_referral(world: World) -> None:
    referral = issued(world)[0]
    later = rows_of(99, 400)
    write_matrix(world.workspace.matrix / "matrix-snapshot2", later, snapshot="snapshot2")
    from serving.ranking.bundle import make_bundle
    from tests.unit.serving.conftest import SERVICES, train, write_release

    make_bundle(world.invocation, write_release(world.workspace, train(2), "release2"), SERVICES)
    assert reproduce_record(world.invocation, referral.id, world.matrix) == referral.sealed


def test_the_wrong_matrix_is_told_from_a_withdrawal(world: World) -> None:
    referral = issued(world)[0]
    other = write_matrix(world.workspace.matrix / "other", rows_of(99, 400), snapshot="snapshot2")
    with pytest.raises(DataError, match="comes out differently") as refused:
        reproduce_record(world.invocation, referral.id, other)
    assert not isinstance(refused.value, WithdrawnError)
    assert "--snapshot snapshot1" in refused.value.next_step


def test_after_a_withdrawal_in_the_household_the_cause_is_named(world: World) -> None:
    referral = issued(world)[0]
    person = json.loads(referral.sealed)["people"][0]["person"]
    withdraw(world, person)
    with pytest.raises(WithdrawnError, match=r"of this household .* \(withdrawal for education") as gone:
        reproduce_record(world.invocation, referral.id, world.matrix)
    assert gone.value.exit_code == 12
    assert referral.digest in gone.value.next_step
    assert person not in str(gone.value)


def test_a_withdrawal_elsewhere_that_moves_the_list_is_named_too(world: World) -> None:
    rows = issued(world)
    first, second = rows[0], rows[1]
    place = [name.decode() for name in world.arrays["entity"].tolist()].index(first.entity)
    world.arrays["features"][place] = np.nan
    shutil.rmtree(world.matrix)
    write_matrix(world.matrix, world.arrays)
    withdraw(world, "somebody-else")
    with pytest.raises(WithdrawnError, match="of another household on its list"):
        reproduce_record(world.invocation, second.id, world.matrix)


def test_a_withdrawal_in_one_team_leaves_the_records_of_others_as_they_are(world: World) -> None:
    first, west = issued(world)[0], issued(world, "west")[0]
    place = [name.decode() for name in world.arrays["entity"].tolist()].index(first.entity)
    world.arrays["features"][place] = np.nan
    shutil.rmtree(world.matrix)
    write_matrix(world.matrix, world.arrays)
    text = (world.matrix / "manifest.json").read_text().replace("matrix-snapshot1", "matrix-after")
    (world.matrix / "manifest.json").write_text(text)
    withdraw(world, "somebody-else")
    assert reproduce_record(world.invocation, west.id, world.matrix) == west.sealed


def test_a_withdrawal_that_touches_nothing_here_changes_nothing(world: World) -> None:
    referral = issued(world)[3]
    withdraw(world, "somebody-else")
    assert reproduce_record(world.invocation, referral.id, world.matrix) == referral.sealed


def test_a_changed_record_is_found_before_it_is_shown(world: World) -> None:
    referral = issued(world)[0]
    engine = open_engine(find_database_url(world.workspace))
    with begin_writing(engine) as connection:
        connection.execute(
            referrals.update()
            .where(referrals.c.id == referral.id)
            .values(sealed=referral.sealed.replace(b"1", b"2", 1))
        )
    with pytest.raises(DataError, match="was changed"):
        reproduce_record(world.invocation, referral.id, world.matrix)
    stored = Store(engine).referral(referral.id)
    assert stored is not None
    with pytest.raises(DataError, match="was changed"):
        read_record(stored)


def test_an_unknown_referral_is_a_usage_error(world: World) -> None:
    issued(world)
    with pytest.raises(UsageError, match="no referral"):
        reproduce_record(world.invocation, "0123456789abcdef", world.matrix)


def test_a_record_is_read_back_whole_and_keeps_its_contract(world: World) -> None:
    for referral in issued(world):
        record = read_record(referral)
        assert record.sealed() == referral.sealed
        document = json.loads(referral.sealed)
        check_document("sealed_record", document)
        for lacking in ("members", "reasons", "model_sha256"):
            with pytest.raises(DataError, match="breaks its contract"):
                check_document("sealed_record", {key: value for key, value in document.items() if key != lacking})
        assert (record.id, record.band, record.as_of) == (referral.id, referral.band, AS_OF)
        # Nothing of this list was drawn by lot, which a record says by saying nothing of it.
        assert not {"exploration", "inclusion"} & document.keys()
        assert (record.exploration, record.inclusion) == (0.0, 1.0)


def test_what_was_not_kept_of_an_event_has_no_key(world: World) -> None:
    event = RecordedEvent("housing", "housing.arrears_stage", "2026-03-01", None)
    kept = {"service": "housing", "signal": "housing.arrears_stage", "day": "2026-03-01", "until": None}
    record = replace(read_record(issued(world)[0]), timeline=Timeline(6, (event,)))
    assert record.document()["timeline"] == {"months": 6, "entries": [kept]}


def test_the_contract_names_what_the_value_has() -> None:
    schema = json.loads((ROOT / "charter/contracts/schemas/sealed_record.schema.json").read_text(encoding="utf-8"))
    reasons = schema["properties"]["reasons"]
    for value, described in (
        (SealedRecord, schema),
        (Reason, reasons["properties"]["for"]["items"]),
        (Seeing, reasons["properties"]["seeing"]["items"]),
        (ListedPerson, schema["properties"]["people"]["items"]),
        (RecordedEvent, schema["properties"]["timeline"]["properties"]["entries"]["items"]),
    ):
        assert [field.name for field in fields(value)] == list(described["properties"]), value
    assert {field.name.rstrip("_") for field in fields(Reasons)} == set(reasons["properties"])


def test_a_record_of_before_there_were_uncertain_links_is_read_and_a_broken_one_is_named(world: World) -> None:
    referral = issued(world)[0]
    document = json.loads(referral.sealed)
    for reason in (*document["reasons"]["for"], *document["reasons"]["against"]):
        del reason["uncertain"]
    sealed = write_canonical(document)
    record = read_record(replace(referral, sealed=sealed, digest=digest_record(sealed)))
    assert record.reasons.for_
    assert record.reasons.for_ == read_record(referral).reasons.for_
    del document["reasons"]["base"]
    sealed = write_canonical(document)
    with pytest.raises(DataError, match="breaks its contract at reasons/base"):
        read_record(replace(referral, sealed=sealed, digest=digest_record(sealed)))


def test_canonical_bytes_do_not_depend_on_order_and_refuse_what_is_no_number() -> None:
    assert (
        write_canonical({"b": 1.5, "a": "é"}) == write_canonical({"a": "é", "b": 1.5}) == '{"a":"é","b":1.5}'.encode()
    )
    with pytest.raises(ValueError, match="Out of range"):
        write_canonical({"a": float("nan")})


def test_a_withdrawal_before_the_list_was_made_is_no_cause(world: World) -> None:
    referral = issued(world)[0]
    person = json.loads(referral.sealed)["people"][0]["person"]
    withdraw(world, person, at="2026-09-01T09:00:00+00:00")
    assert reproduce_record(world.invocation, referral.id, world.matrix) == referral.sealed
