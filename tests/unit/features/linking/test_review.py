"""The clerical review: pairs side by side, what a role says of them, and histories that come apart again."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from charter.contracts.files import read_json
from charter.contracts.matrix import Matrix
from charter.errors import CharterError, DataError, UsageError
from charter.vault.key import Key
from charter.vault.link_judgements import drop_judgements, read_judgements
from features.build import build_matrix
from features.commands import verbs
from features.linking.parameters import Parameters
from features.linking.review import decide_pairs, list_pairs, list_undecided, show_pairs
from tests.unit.features.conftest import Town

DEFINITION = """
from features.grammar import Cohort, Feature, Outcome, any_of, count, months, signal, total

arrears = signal("housing.arrears")
COHORT = Cohort("Homes", entity="household", with_age=(0, 120), resident=months(1))
OUTCOME = Outcome("Arrears", any_of(arrears, next=months(1)))
FEATURES = [
    Feature("arrears", count(arrears, last=months(12)), reason="{value} arrears", because="They tell."),
    Feature("owed", total(arrears, last=months(12)), reason="{value} owed", because="It tells."),
]
"""
TENANTS = """person_ref,forename,surname,born,uprn,since
H1,Ada,Marsh,01/02/1980,000100,01/03/2020
H2,{name},Marsh,01/02/1980,000200,01/03/2020
"""
ARREARS = """id,person_ref,day,balance,stage,recorded,corrected
A1,H1,30/06/2024,120.50,letter,02/07/2024,
A2,H2,30/07/2024,99.00,letter,02/08/2024,
A3,H2,10/08/2024,12.00,court,12/08/2024,
"""
AS_OF = date(2024, 9, 1)


def housing(town: Town, second: str) -> Town:
    """Two tenants of two homes; `second` is the forename of the other."""
    (town.council / "help/definition.py").write_text(DEFINITION, encoding="utf-8")
    (town.council / "help/training.toml").write_text("[as_of]\ndates = [2024-09-01]\n", encoding="utf-8")
    (town.council / "help/worklist.toml").write_text("", encoding="utf-8")
    town.write("housing/tenants.csv", TENANTS.format(name=second))
    town.write("housing/arrears.csv", ARREARS)
    return town


def values(town: Town) -> Mapping[str, tuple[float, ...]]:
    """Return the features of each home, by its pseudonym, from a matrix built now."""
    rows = Matrix.open(build_matrix(town.invocation, as_of=[AS_OF], engine="reference")).at(AS_OF)
    return {
        home.decode(): tuple(np.nan_to_num(row, nan=-1).tolist())
        for home, row in zip(rows.entity, rows.features, strict=True)
    }


def references(town: Town) -> str:
    """Name the pair of the two tenants' references."""
    key = Key.load(town.invocation.council, town.invocation.workspace)
    return "-".join(key.pseudonym("reference", "housing", name) for name in ("H1", "H2"))


def said(town: Town, saying: str, **changed: str) -> None:
    """Say `saying` of the two tenants as the verb does, then link again."""
    entries: list[Mapping[str, object]] = []
    told = {"role": "resident_desk", "reason": "they rang"} | changed
    decide_pairs(town.invocation, [f"{references(town)}={saying}"], log=entries.append, **told)
    assert [entry["says"] for entry in entries] == [saying]
    assert town.link().made


def people(town: Town) -> int:
    """Return how many people there are."""
    return int(read_json(town.snapshots[0] / "manifest.json")["tables"]["people"]["rows"])


def test_splitting_a_wrong_merge_restores_both_histories(town: Town, tmp_path: Path) -> None:
    housing(town, "Bea")
    town.pull()
    town.link()
    apart = values(town)
    assert sorted(row[0] for row in apart.values()) == [1, 2]

    merged = Town(town.council, tmp_path / "merged")
    housing(merged, "Ada").deliver("housing")
    merged.pull()
    merged.link()
    assert people(merged) == 1
    assert values(merged) != apart
    pair = list_pairs(merged.invocation.workspace, links(merged)[0])
    assert [one.evidence for one in pair] == ["name and date"]

    said(merged, "different")
    assert people(merged) == 2
    assert values(merged) == apart

    said(merged, "cannot_tell")
    assert people(merged) == 1
    assert [one.says for one in read_judgements(merged.invocation.workspace)] == ["different", "cannot_tell"]


def links(town: Town) -> list[str]:
    """Return the people that references are linked to, in the order of references."""
    path = town.snapshots[0] / "tables/links.parquet"
    with duckdb.connect() as database:
        return [row[0] for row in database.execute(f"select person_id from '{path}' order by ref").fetchall()]


def test_two_who_are_judged_the_same_are_one_until_it_is_taken_back(town: Town) -> None:
    housing(town, "Bea").pull()
    town.link()
    before = links(town)
    said(town, "same")
    assert people(town) == 1
    assert len(set(links(town))) == 1
    said(town, "different")
    assert links(town) == before


def test_at_a_terminal_a_reviewer_is_asked_about_each_pair(town: Town) -> None:
    housing(town, "Ada").pull()
    town.link()
    assert people(town) == 1
    words = ["link", "review", "--of", links(town)[0], "--role", "resident_desk", "--reason", "they rang"]
    places = ["--council", str(town.council), "--workspace", str(town.invocation.workspace.root)]
    keyboard, terminal = pty.openpty()
    os.write(keyboard, b"x\nd\n")
    told = subprocess.run(
        [sys.executable, "-m", "sooner", *words, *places], stdin=terminal, capture_output=True, text=True, check=True
    )
    os.close(keyboard)
    os.close(terminal)
    assert "Type one of s, d, c, n or q" in told.stdout
    assert "1 pairs, 1 decided. Linking again." in told.stdout
    assert people(town) == 2
    assert [(one.says, one.role) for one in read_judgements(town.invocation.workspace)] == [
        ("different", "resident_desk")
    ]


def test_a_judgement_holds_in_every_later_snapshot(town: Town) -> None:
    housing(town, "Ada").pull()
    town.link()
    said(town, "different")
    town.write("housing/arrears.csv", ARREARS + "A4,H1,12/08/2024,1.00,letter,13/08/2024,\n")
    town.pull()
    town.link()
    assert len(town.snapshots) == 2
    assert int(read_json(town.invocation.workspace.snapshot() / "manifest.json")["tables"]["people"]["rows"]) == 2


@pytest.mark.parametrize(
    ("text", "role", "reason", "error", "says"),
    [
        ("{pair}=same", "analyst", "because", CharterError, "does not let analyst do link.review"),
        ("{pair}=same", "data_protection_officer", " ", CharterError, "without a reason"),
        ("{pair}=maybe", "data_protection_officer", "because", UsageError, "judges no pair"),
        ("{one}-{one}=same", "data_protection_officer", "because", UsageError, "one reference twice"),
        ("{one}-abc=same", "data_protection_officer", "because", UsageError, "no reference"),
    ],
)
def test_what_cannot_be_judged_is_refused_and_nothing_is_filed(town: Town, text, role, reason, error, says) -> None:
    housing(town, "Ada").pull()
    town.link()
    pair = references(town)
    with pytest.raises(error, match=says):
        decide_pairs(
            town.invocation,
            [f"{pair}=same", text.format(pair=pair, one=pair.split("-")[0])],
            role=role,
            reason=reason,
            log=lambda entry: pytest.fail(str(entry)),
        )
    assert read_judgements(town.invocation.workspace) == ()


def test_a_spoilt_line_of_the_judgements_stops_the_link(town: Town) -> None:
    housing(town, "Ada").pull()
    town.invocation.workspace.judgements.write_text('{"one": "b", "other": "a"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"line 1 of link_judgements\.jsonl is not a judgement"):
        town.link()


def test_judgements_of_whoever_is_erased_are_dropped(town: Town) -> None:
    housing(town, "Ada").pull()
    town.link()
    said(town, "different")
    assert drop_judgements(town.invocation.workspace, frozenset({references(town).split("-")[0]})) == 1
    assert read_judgements(town.invocation.workspace) == ()


def test_names_are_shown_side_by_side_once_the_log_has_who_asked(borough_town: Town) -> None:
    found = list_undecided(borough_town.invocation.workspace)
    parameters = Parameters.load()
    assert len(found) > 20
    assert all(parameters.review <= one.weight < parameters.threshold for one in found if one.rule == "close")
    assert {one.rule for one in found} >= {"close", "rivals"}
    entries: list[Mapping[str, object]] = []
    sides = show_pairs(
        borough_town.invocation, found[:5], role="data_protection_officer", reason="a review", log=entries.append
    )
    assert [entry["action"] for entry in entries] == ["identify"]
    assert all(line.split(", ")[0] in one.services[place] for one, both in zip(found, sides, strict=False)
               for place, side in enumerate(both) for line in side)  # fmt: skip
    assert any("born" in line for both in sides for side in both for line in side)
    with pytest.raises(CharterError):
        show_pairs(borough_town.invocation, found[:1], role="analyst", reason="a review", log=entries.append)
    assert len(entries) == 1


def test_the_list_for_scripts_names_nobody_whoever_asks(borough_town: Town) -> None:
    workspace = borough_town.invocation.workspace
    words = [
        "link",
        "review",
        "--workspace",
        str(workspace.root),
        "--council",
        str(borough_town.council),
        "--top",
        "3",
    ]
    role = ["--role", "data_protection_officer", "--reason", "a review"]
    told = CliRunner().invoke(verbs, [*words, *role, "--json"])
    pairs = json.loads(told.stdout)
    assert set(pairs["listed"][0]) == {"pair", "weight", "evidence", "services", "rule"}
    assert not workspace.log.exists()
    side_by_side = CliRunner().invoke(verbs, [*words, *role]).stdout
    names = [line.split(", ")[1] for line in side_by_side.splitlines() if line.startswith("  A")]
    assert names
    assert not any(name in told.stdout for name in names)
    assert workspace.log.read_text(encoding="utf-8").count('"action": "identify"') >= 1
    assert not any(name in workspace.log.read_text(encoding="utf-8") for name in names)
