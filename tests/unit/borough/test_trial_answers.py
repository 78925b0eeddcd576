"""The borough answers a trial: both potential outcomes are kept; only an offer of help decides which one happens."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from borough.trial_answers import EFFECTS, answer_trial, plant_effect
from charter.contracts import read_table_contract
from charter.errors import DataError, UsageError


def leave_lists(folder: Path, households: int = 400) -> None:
    (folder / "2027-01-04").mkdir(parents=True)
    with (folder / "2027-01-04" / "issued.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, read_table_contract("issued").names)
        writer.writeheader()
        for number in range(households):
            arm = "ranked" if number % 2 else "control"
            row = {"list": "n", "as_of": "2027-01-04", "team": "north", "rank": number + 1, "band": ""}
            writer.writerow(row | {"entity": f"h{number}", "margin": -0.5, "arm": arm, "inclusion": 0.5})
        writer.writerow(row | {"entity": "top", "margin": 2.0, "arm": "ranked", "inclusion": 1.0})
    with (folder / "actions.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, read_table_contract("actions").names)
        writer.writeheader()
        at = "2027-01-06T09:00:00+00:00"
        for number in range(1, households, 4):
            writer.writerow({"entity": f"h{number}", "list": "n", "disposition": "taken_up", "decided_at": at,
                             "offered_at": at, "known_at": at})  # fmt: skip


@pytest.mark.parametrize("effect", EFFECTS)
def test_both_outcomes_are_kept_and_the_offer_decides(tmp_path: Path, effect: str) -> None:
    leave_lists(tmp_path / "lists")
    path = answer_trial(tmp_path / "lists", tmp_path / "truth", effect, 3)
    rows = pq.read_table(path).to_pydict()
    assert len(rows["entity"]) == 400, "who is listed by rank is no part of the trial"
    offered, without, with_help = (np.array(rows[name]) for name in ("offered", "need_without", "need_with"))
    assert offered.sum() == 100
    assert (np.array(rows["need"]) == np.where(offered, with_help, without)).all()
    changed = (without != with_help).mean()
    assert (changed == 0) == (effect == "nothing")
    if effect == "helps":
        assert not (with_help & ~without).any()
    if effect == "mixed":
        assert (with_help & ~without).any()
        assert (without & ~with_help).any()
    assert path.stat().st_mode & 0o077 == 0
    again = answer_trial(tmp_path / "lists", tmp_path / "again", effect, 3)
    assert again.read_bytes() == path.read_bytes()


def test_the_chances_are_as_planted() -> None:
    rng = np.random.default_rng(1)
    chance = np.full(40_000, 0.4)
    answers = plant_effect(chance, EFFECTS["mixed"], rng.random(40_000), rng.random(40_000))
    # Of 40,000 four standard deviations are 0.01.
    assert answers.need_without.mean() == pytest.approx(0.4, abs=0.01)
    assert answers.need_with.mean() == pytest.approx((0.2 + 0.6) / 2, abs=0.01)


def test_no_lots_or_no_such_effect(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no list had a lot"):
        answer_trial(tmp_path, tmp_path / "truth", "helps", 1)
    with pytest.raises(UsageError, match="no planted effect"):
        answer_trial(tmp_path, tmp_path / "truth", "cures", 1)
