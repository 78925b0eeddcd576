"""What `link` leaves for the pages: sheets of pairs, gone with whoever is erased, and whose each reference is."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from charter.contracts.reference_index import REFERENCES, find_person
from charter.vault.key import Key
from charter.vault.link_judgements import Judgement, append_judgements
from charter.vault.link_sheets import BLIND_SHEET, LINK_SHEET, LinkSheet, open_sheet, read_sheets
from charter.vault.rights_ledger import Request
from charter.vault.vault import Vault
from features.linking.blind_review import draw_pairs
from features.linking.review import Candidate, list_undecided, show_pairs
from features.rights.vault_clearing import clear_vault
from tests.unit.features.conftest import Town

WHO = {"role": "data_protection_officer", "reason": "a yearly check"}


def forget(entry: Mapping[str, object]) -> None:
    """Log nothing."""


def vault_of(town: Town) -> Vault:
    workspace = town.invocation.workspace
    return Vault.open(workspace.vault, Key.load(town.invocation.council, workspace))


def write_lines(sheet: LinkSheet) -> list[list[str]]:
    return [
        [
            ", ".join(part for part in (of.service, of.name, of.birth_date and f"born {of.birth_date}", of.sex, of.home)
                      if part)
            for of in side
        ]
        for side in sheet.sides
    ]  # fmt: skip


def test_sheets_say_what_the_verb_says_and_go_with_whoever_is_on_them(borough_town: Town) -> None:
    """Broken by sheets of other sides than the verb's, and by a kind left out of what an erasure drops."""
    invocation, vault = borough_town.invocation, vault_of(borough_town)
    undecided = list_undecided(invocation.workspace)
    append_judgements(invocation.workspace, [_judge(undecided[-1])])
    assert borough_town.link().made
    undecided = list_undecided(invocation.workspace)
    sheets = read_sheets(vault, LINK_SHEET)
    assert 3 < len(sheets) == min(len(undecided), 200)
    assert [sheet.name for sheet in sheets][:50] == [pair.name for pair in undecided][:50]
    shown = show_pairs(invocation, undecided[:20], log=forget, **WHO)
    by_name = {sheet.name: sheet for sheet in sheets}
    assert [write_lines(by_name[pair.name]) for pair in undecided[:20]] == [list(map(list, both)) for both in shown]
    weighed = [sheet for sheet in sheets if sheet.agreement]
    assert weighed
    for sheet in weighed:
        assert sheet.weight is not None
        assert abs(sum(bits for _, bits in sheet.agreement) - sheet.weight) < 0.05

    draw_pairs(invocation, size=30, seed=1, log=forget, **WHO)
    drawn = read_sheets(vault, BLIND_SHEET)
    assert len(drawn) >= 25
    assert not any(sheet.agreement or sheet.rule or sheet.weight for sheet in drawn)
    joined = [sheet for sheet in drawn if len(sheet.people) == 1]
    assert joined
    for sheet in joined:
        assert set(sheet.sides[0]).isdisjoint(sheet.sides[1]), "a blind pair shows each side as if it were not joined"
    pair = Candidate(*drawn[0].pair, None, "", ((), ()))
    assert [write_lines(drawn[0])] == [list(map(list, both)) for both in
                                       show_pairs(invocation, [pair], blind=True, log=forget, **WHO)]  # fmt: skip
    entries: list[Mapping[str, object]] = []
    assert open_sheet(vault, BLIND_SHEET, drawn[0].name, log=entries.append) == drawn[0]
    assert entries[0]["subjects"] == list(drawn[0].people)
    assert open_sheet(vault, BLIND_SHEET, "x-y", log=entries.append) is None

    # Links anew: the drawn pairs' sheets are made of the newest links.
    append_judgements(invocation.workspace, [_judge(undecided[0])])
    assert borough_town.link().made
    assert undecided[0].name not in {sheet.name for sheet in read_sheets(vault, LINK_SHEET)}
    assert {sheet.name for sheet in read_sheets(vault, BLIND_SHEET)} == {sheet.name for sheet in drawn}

    gone = {"erase": drawn[0].pair[0], "object": undecided[1].one}
    for action, ref in gone.items():
        purpose = "*" if action == "erase" else "link"
        request = Request(action, "2026-01-01T00:00:00+00:00", "housing", ref, (ref,), "*", purpose)
        clear_vault(invocation.workspace, vault, [request])
        left = [each for kind in (LINK_SHEET, BLIND_SHEET) for each in read_sheets(vault, kind) if ref in each.refs]
        assert left == [], action


def _judge(pair: Candidate) -> Judgement:
    return Judgement(pair.one, pair.other, "different", "resident_desk", "2026-01-01T00:00:00+00:00")


def test_each_reference_in_use_leads_to_its_person_and_no_other_to_anybody(borough_town: Town) -> None:
    """Broken by references that are not in use."""
    borough_town.link()
    tables = borough_town.invocation.workspace.snapshot() / "tables"
    with duckdb.connect() as database:
        rows = database.execute(f"select ref, person_id, used from '{tables}/links.parquet'").fetchall()
    assert len(rows) > 1000
    assert all(find_person(tables, ref) == (person if used else None) for ref, person, used in rows)
    assert {find_person(tables, ref) for ref in ("0" * 32, "f" * 32, "", "T-1", rows[0][0][:31])} == {None}
    (tables / REFERENCES).unlink()
    assert find_person(tables, rows[0][0]) is None
