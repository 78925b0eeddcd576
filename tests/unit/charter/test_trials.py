"""A trial counts when it is signed and registered, of these very bytes; its lots can be drawn again by anybody."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from charter.council.trial_design import TrialFile
from charter.errors import CharterError, DataError, DefinitionError, SignOffError, SoonerError, UsageError
from charter.invocation import Invocation, shipped_council
from charter.rules.holdout import LISTED, TailLot, derive_seed, draw_tail
from charter.signing.acceptance import Signable, sign_as
from charter.signing.signoffs import read_signoffs
from charter.signing.trial_lots import ListLots, check_lots, find_lots, read_lots, write_lots
from charter.signing.trials import find_running_trial, list_registrations, read_registration, register_trial
from charter.vault.command_log import CommandLog
from sooner.check import check_council
from tests.trial_files import sign_trial, write_trial

DAY = date(2027, 3, 1)
ANALYSIS = {"estimator": "stratified by list"}
POOL = [(rank, f"h{rank:02d}") for rank in range(5, 13)]


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    council = tmp_path / "council"
    shutil.copytree(shipped_council(), council)
    write_trial(council)
    return Invocation.open(council, "early_help", tmp_path / "workspace", quiet=True)


def test_the_example_is_read_and_checked_with_the_folder(invocation: Invocation) -> None:
    trial = TrialFile.load(invocation.council)
    assert (trial.design, trial.holdout.tail, trial.answer.looks) == ("holdout", 0.5, 3)
    assert trial.runs_on(date(2027, 1, 4))
    assert not trial.runs_on(date(2028, 1, 3))
    assert check_council(invocation.council.folder, date(2026, 11, 28)) == ()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("until", "2027-01-04", "not after the day"),
        ("name", '"Now Or Later"', "is no id"),
        ("programme", '"early_hepl"', "Did you mean 'early_help'"),
        ("tail", "0.6", "at most 0.5"),
        ("design", '"shadow_play"', "not known"),
        ("worth_seeing", "0.0", "above 0"),
        ("question", '"Who is at risk?"', "Write need or likelihood"),
    ],
)
def test_each_slip_is_said_with_its_key(invocation: Invocation, key: str, value: str, words: str) -> None:
    write_trial(invocation.council.folder, **{key: value})
    with pytest.raises(DefinitionError) as caught:
        TrialFile.load(invocation.council)
    assert f"'{key}'" in str(caught.value)
    assert words in str(caught.value)
    assert [str(fault) for fault in check_council(invocation.council.folder, DAY)] == [str(caught.value)]


def test_encouragement_is_refused_with_what_to_choose(invocation: Invocation) -> None:
    write_trial(invocation.council.folder, design='"encouragement"')
    with pytest.raises(DefinitionError, match="whose lots are not issued yet"):
        TrialFile.load(invocation.council)


def test_only_who_signs_trials_signs_it_and_no_other_bytes(invocation: Invocation) -> None:
    with pytest.raises(UsageError, match="does not sign a trial"):
        sign_as(invocation, "chief_data_officer", Signable("trial"), demo=True)
    sign_trial(invocation)
    (signoff,) = read_signoffs(invocation.workspace.signoffs)
    assert (signoff.what, signoff.sha256) == ("trial", TrialFile.load(invocation.council).sha256)
    trial = TrialFile.load(invocation.council)
    assert register_trial(invocation, trial, ANALYSIS, synthetic=True).trial.model_dump() == trial.model_dump()
    write_trial(invocation.council.folder, tail="0.4")
    assert "not signed" in find_running_trial(invocation, DAY, synthetic=True)[1]


def test_a_demos_signature_holds_nobody_out_of_real_lists(invocation: Invocation) -> None:
    sign_trial(invocation)
    with pytest.raises(SignOffError, match="not signed"):
        register_trial(invocation, TrialFile.load(invocation.council), ANALYSIS, synthetic=False)


def test_where_no_role_signs_trials_nothing_counts_as_signed(invocation: Invocation) -> None:
    path = invocation.council.folder / "charter.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(', "trial"]', "]"), encoding="utf-8")
    with pytest.raises(CharterError, match="names no role that signs a trial"):
        register_trial(invocation, TrialFile.load(invocation.council), ANALYSIS, synthetic=True)
    assert find_running_trial(invocation, DAY, synthetic=True)[0] is None


def test_it_runs_once_signed_and_registered_within_its_days(invocation: Invocation) -> None:
    def running(day: date = DAY) -> tuple[bool, str]:
        found, why = find_running_trial(invocation, day, synthetic=True)
        return found is not None, why

    assert "not signed" in running()[1]
    sign_trial(invocation)
    assert "not registered" in running()[1]
    registration = register_trial(invocation, TrialFile.load(invocation.council), ANALYSIS, synthetic=True)
    assert running() == (True, "")
    assert running(date(2028, 1, 3)) == (False, "")
    assert find_running_trial(replace(invocation, programme="homelessness"), DAY, synthetic=True) == (None, "")
    entry = CommandLog.open(invocation.council, invocation.workspace).file.entries()[-1]
    assert entry.action == "register trial"
    assert entry.detail["seed_sha256"] == hashlib.sha256(bytes.fromhex(registration.seed)).hexdigest()
    with pytest.raises(UsageError, match="registered already"):
        register_trial(invocation, TrialFile.load(invocation.council), ANALYSIS, synthetic=True)
    assert [one.name for one in list_registrations(invocation.workspace)] == ["now_or_later_2027"]


def test_a_registration_that_was_changed_is_refused(invocation: Invocation) -> None:
    sign_trial(invocation)
    register_trial(invocation, TrialFile.load(invocation.council), ANALYSIS, synthetic=True)
    path = invocation.workspace.trials / "now_or_later_2027" / "registration.json"
    path.write_text(path.read_text(encoding="utf-8").replace("stratified", "unstratified"), encoding="utf-8")
    with pytest.raises(DataError, match="was changed"):
        read_registration(invocation.workspace, "now_or_later_2027")


def test_without_a_file_there_is_no_trial(invocation: Invocation) -> None:
    (invocation.council.folder / "trial.toml").unlink()
    assert find_running_trial(invocation, DAY, synthetic=True) == (None, "")
    with pytest.raises(UsageError, match="no trial is planned"):
        TrialFile.load(invocation.council)


@pytest.fixture
def lot() -> Callable[..., TailLot]:
    def make(list_id: str = "north-1", **more: frozenset[str]) -> TailLot:
        return TailLot(derive_seed("5a" * 32, list_id), list_id, 0.5, **more)

    return make


def test_each_of_a_tail_wins_as_often_as_its_probability_says(lot: Callable[..., TailLot]) -> None:
    wins: Counter[str] = Counter()
    for number in range(2000):
        draw = draw_tail(lot(f"north-{number}"), POOL, 4)
        assert Counter(row.arm for row in draw.households) == {"ranked": 4, "control": 4}
        assert {row.inclusion for row in draw.households} == {0.5}
        wins.update(row.entity for row in draw.households if row.has_place)
    # Of 2,000 fair draws four standard deviations are 89.
    assert len(wins) == 8
    assert all(abs(number - 1000) < 89 for number in wins.values())


def test_no_place_stands_empty_for_anybodys_sake(lot: Callable[..., TailLot]) -> None:
    few = draw_tail(lot(), POOL[:3], 4)
    assert all(row.has_place and not row.arm and row.inclusion == 1 for row in few.households)
    lost = frozenset(name for _, name in POOL[:6])
    draw = draw_tail(lot(losers=lost), POOL, 4)
    assert [row.entity for row in draw.households if row.has_place] == ["h05", "h06", "h11", "h12"]
    assert not draw.lots


def test_a_lot_that_stands_is_not_drawn_again(lot: Callable[..., TailLot]) -> None:
    draw = draw_tail(lot(winners=frozenset({"h12", "h11"}), losers=frozenset({"h05"})), POOL, 4)
    listed = {row.entity for row in draw.households if row.has_place}
    assert {"h11", "h12"} < listed
    assert "h05" not in listed
    assert {row.entity for row in draw.lots} == {f"h{rank:02d}" for rank in range(6, 11)}
    assert {row.inclusion for row in draw.lots} == {2 / 5}


def test_a_list_that_was_not_drawn_by_its_seed_is_found(tmp_path: Path, lot: Callable[..., TailLot]) -> None:
    workspace = Invocation.open(None, "early_help", tmp_path / "workspace").workspace
    lots = ListLots("t", "north", DAY, lot(), 4, draw_tail(lot(), POOL, 4).households, (0.5,) * 8)
    write_lots(workspace, lots)
    assert find_lots(workspace, "north-1") == lots
    assert find_lots(workspace, "north-2") is None
    assert list(check_lots(read_lots(workspace, "t"), "5a" * 32)) == []
    assert len(list(check_lots([lots], "5b" * 32))) == 1
    swapped = tuple(replace(row, has_place=not row.has_place) for row in lots.households)
    assert len(list(check_lots([replace(lots, households=swapped)]))) == 1
    (workspace.trials / "t" / "lots" / "north-1.json").write_text("{}")
    with pytest.raises(SoonerError, match="holds no lots"):
        read_lots(workspace, "t")


def test_the_lot_decides_and_not_the_rank() -> None:
    """Of 400 lists with four places for eight, each rank wins half of the time: 40 in 100 would not be chance."""
    wins = Counter[int]()
    for number in range(400):
        lot = TailLot(derive_seed(f"{number:064x}", "north"), "north", 0.5)
        draw = draw_tail(lot, [(rank, f"h{number}-{rank}") for rank in range(1, 9)], 4)
        wins.update(row.rank for row in draw.households if row.arm == LISTED)
    assert sum(wins.values()) == 1600
    for rank in range(1, 9):
        assert 160 < wins[rank] < 240, (rank, wins)
