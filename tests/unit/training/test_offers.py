"""Households that were offered help: who is marked, what is learned from them, and what the choice does."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charter.contracts import read_table_contract
from charter.contracts.matrix import NONE, Matrix, MatrixDate
from charter.council.training_settings import Treatment
from charter.errors import DataError, WithdrawnError
from charter.invocation import Invocation
from training.data.dataset import MISSING, to_microseconds
from training.data.offers import NO_OFFERS, Offers
from training.experiment import train_models
from training.keeping.reproduce import retrain_model
from training.models.planning import make_plan

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]

TAKEN_AT = datetime(2026, 9, 28, tzinfo=UTC)


def write_actions(path: Path, offers: list[tuple[str, datetime | None, datetime]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(read_table_contract("actions").names), lineterminator="\n")
        writer.writeheader()
        for entity, offered, known in offers:
            writer.writerow(
                {
                    "entity": entity,
                    "list": "north-2022-01-01",
                    "disposition": "taken_up" if offered else "set_aside",
                    "decided_at": known.isoformat(),
                    "offered_at": offered.isoformat() if offered else "",
                    "known_at": known.isoformat(),
                }
            )


def moment(year: int, month: int, day: int = 1) -> datetime:
    return datetime(year, month, day, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("offered", "known", "treated"),
    [
        (moment(2021, 12, 31), moment(2022, 1, 2), False),  # before the as-of date
        (moment(2022, 1, 1), moment(2022, 1, 2), True),
        (moment(2022, 12, 31), moment(2022, 12, 31), True),
        (moment(2023, 1, 1), moment(2023, 1, 2), False),  # after the horizon
        (moment(2022, 6, 1), moment(2023, 3, 1), False),  # recorded only after the cut
        (None, moment(2022, 6, 1), False),  # decided, and nothing offered
    ],
)
def test_a_row_is_treated_if_help_was_offered_within_its_horizon_as_known_at_the_cut(
    tmp_path: Path, offered: datetime | None, known: datetime, treated: bool
) -> None:
    write_actions(tmp_path / "actions.csv", [("ab", offered, known)])
    offers = Offers.read(tmp_path / "actions.csv", TAKEN_AT)
    start, end, cut = (
        to_microseconds(datetime(*day, tzinfo=UTC)) for day in ((2022, 1, 1), (2023, 1, 1), (2023, 2, 1))
    )
    assert offers.treated(np.array([b"ab", b"cd"], dtype="S32"), start, end, cut).tolist() == [treated, False]


def test_what_was_known_after_the_snapshot_is_not_read_and_no_file_is_no_offers(tmp_path: Path) -> None:
    write_actions(tmp_path / "actions.csv", [("ab", moment(2026, 9, 1), moment(2026, 10, 1))])
    assert len(Offers.read(tmp_path / "actions.csv", TAKEN_AT)) == 0
    assert Offers.read(tmp_path / "none.csv", TAKEN_AT) is NO_OFFERS
    assert Offers.read(tmp_path / "actions.csv", TAKEN_AT).sha256 == NO_OFFERS.sha256


def test_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    write_actions(tmp_path / "actions.csv", [("ab", moment(2022, 2, 1), moment(2022, 3, 1))])
    path = tmp_path / "actions.csv"
    path.write_text(path.read_text().replace("2022-02-01T12:00:00+00:00", "yesterday"))
    with pytest.raises(DataError, match=r"'yesterday' as offered_at, which is not a time"):
        Offers.read(path, TAKEN_AT)


def helped(rows: MatrixDate) -> MatrixDate:
    """Let help work: every other household that would have come to need does not."""
    spared = np.flatnonzero((np.asarray(rows.outcome_at) != NONE).any(axis=1))[::2]
    at, known = np.array(rows.outcome_at), np.array(rows.outcome_known_at)
    at[spared] = known[spared] = NONE
    return replace(rows, outcome_at=at, outcome_known_at=known)


@pytest.fixture
def offered(make: Callable[[Any], Invocation], how: Any) -> Invocation:
    """Give a matrix of which a fifth of the households were offered help in 2022."""
    invocation = make(how(households=400, edit=helped))
    matrix = Matrix.open(next(invocation.workspace.matrix.glob("*/manifest.json")).parent)
    everybody = np.unique(np.concatenate([np.asarray(matrix.at(day).entity) for day in matrix.dates]))
    chosen = everybody[::5]
    day = moment(2022, 6, 1)
    write_actions(
        invocation.workspace.worklist / "actions.csv",
        [(name.decode(), day, day + timedelta(days=1)) for name in chosen],
    )
    return invocation


def test_left_out_rows_teach_nothing_and_are_still_tested_on(offered: Invocation) -> None:
    planned = make_plan(offered)
    data = planned.data
    without = replace(data, leave_out_treated=True)
    fold = planned.folds[-1]
    marked = 0
    for day in fold.train:
        treated = data.treated(day, fold.cut)
        assert (without.lessons(day, fold.cut) == np.where(treated, MISSING, data.labels(day, fold.cut))).all()
        assert (data.lessons(day, fold.cut) == data.labels(day, fold.cut)).all()
        marked += int(treated.sum())
    assert marked > 0
    assert (without.labels(fold.test[0], data.taken_at) == data.labels(fold.test[0], data.taken_at)).all()


def test_a_run_reports_what_its_choice_does_and_is_made_again_from_the_offers_it_knew(offered: Invocation) -> None:
    run = train_models(offered)
    treated = run.metrics["treated"]
    assert treated["choice"] == Treatment().treated == "keep"
    assert treated["offers"] == 80
    assert treated["training_rows"] > 0
    figures = {figure["measure"]: figure for figure in treated["figures"]}
    difference = figures["precision_difference"]
    assert difference["low"] <= difference["estimate"] <= difference["high"]
    assert difference["estimate"] == pytest.approx(
        figures["precision"]["estimate"] - figures["precision_with_the_other_choice"]["estimate"]
    )
    assert retrain_model(offered, run) == (run.folder / "model.lgb").read_bytes()
    actions = offered.workspace.worklist / "actions.csv"
    actions.write_text("".join(actions.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(WithdrawnError, match="offers of help that were withdrawn or corrected"):
        retrain_model(offered, run)
