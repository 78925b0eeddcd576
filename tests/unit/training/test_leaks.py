"""A feature that was known only after the outcome is named before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from charter.contracts.matrix import NONE, Matrix, MatrixDate
from charter.council.training_settings import AcceptedLeak, Leaks
from charter.errors import DataError
from charter.invocation import Invocation
from tests.unit.training.test_help_record import began, write_tables
from training.data.dataset import Dataset
from training.models.contenders import Sample
from training.models.leak_evidence import tell_same_day
from training.models.leaks import Contrast, Leak, find_suspects
from training.models.planning import make_plan

COLUMN = 7


def planted(rows: MatrixDate) -> MatrixDate:
    """Put the outcome itself into a column: what a closure code recorded afterwards would look like."""
    values = np.array(rows.features)
    values[:, COLUMN] = (np.asarray(rows.outcome_at) != NONE).any(axis=1) * 3
    return replace(rows, features=values)


def partly(rows: MatrixDate) -> MatrixDate:
    """Put a third of the outcomes into a column and nothing else: it orders few pairs, and is never wrong."""
    values = np.array(rows.features)
    outcome = (np.asarray(rows.outcome_at) != NONE).any(axis=1)
    values[:, COLUMN] = outcome & (np.arange(len(outcome)) % 3 == 0)
    return replace(rows, features=values)


@pytest.mark.parametrize(
    ("edit", "sign"), [(planted, "of 100 pairs rightly"), (partly, "344 of 344 rows had the outcome, where ")]
)
def test_a_planted_leak_is_refused_by_name(make: Callable[[Any], Invocation], how: Any, edit: Any, sign: str) -> None:
    with pytest.raises(DataError, match="knows the outcome too well") as refused:
        make_plan(make(how(edit=edit)))
    assert sign in refused.value.message
    assert "all features order" in refused.value.message
    assert "[[leaks.accepted]]" in refused.value.next_step
    assert refused.value.exit_code == 11


def test_a_leak_that_was_accepted_is_carried_by_name(make: Callable[[Any], Invocation], how: Any) -> None:
    invocation = make(how(edit=planted))
    path = invocation.council.folder / "early_help" / "training.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + '\n[leaks]\nsuspected = "accept"\n', encoding="utf-8")
    try:
        planned = make_plan(invocation)
    finally:
        path.write_text(text, encoding="utf-8")
    assert [leak.feature for leak in planned.suspected] == [planned.data.matrix.features[COLUMN]]


def accept(invocation: Invocation, *features: str) -> Any:
    """Return the settings with these features accepted by name."""
    accepted = tuple(AcceptedLeak(feature=name, reason="A notice of the post.") for name in features)
    return invocation.settings.training.replace(leaks=Leaks(accepted=accepted))


def both(rows: MatrixDate) -> MatrixDate:
    """Put the outcome into two columns."""
    values = np.array(planted(rows).features)
    values[:, COLUMN + 1] = values[:, COLUMN]
    return replace(rows, features=values)


def test_acceptance_is_by_feature_with_a_reason_and_all_others_are_refused_by_name(
    make: Callable[[Any], Invocation], how: Any
) -> None:
    invocation = make(how(edit=both))
    with pytest.raises(DataError) as refused:
        make_plan(invocation)
    first, second = (invocation_features(invocation)[column] for column in (COLUMN, COLUMN + 1))
    assert first in refused.value.message
    assert f"So does {second}" in refused.value.message
    with pytest.raises(DataError, match=f"the feature {second} knows the outcome too well") as refused:
        make_plan(invocation, settings=accept(invocation, first))
    assert first not in refused.value.message
    planned = make_plan(invocation, settings=accept(invocation, first, second))
    assert [(leak.feature, leak.reason) for leak in planned.suspected] == [
        (first, "A notice of the post."),
        (second, "A notice of the post."),
    ]


def invocation_features(invocation: Invocation) -> list[str]:
    from charter.contracts.files import find_current
    from charter.contracts.matrix import Matrix

    folder = find_current(invocation.workspace.matrix)
    assert folder is not None
    return list(Matrix.open(folder).features)


def dates_of(shares: list[float], homes: int = 4000, seed: int = 1) -> list[Any]:
    """Return one column a date that is 1 in such a share of its rows."""
    random = np.random.default_rng(seed)
    return [(random.random((homes, 1)) < share).astype(np.float32) for share in shares]


@pytest.mark.parametrize(
    ("today", "suspected"),
    [([0.001, 0.0, 0.0, 0.001], True), ([0.03] * 4, False)],
    ids=["thins out", "is as common as ever"],
)
@pytest.mark.parametrize("sign", ["yes", "no"])
def test_what_is_too_sure_is_a_leak_only_if_it_thins_out_towards_today(sign: str, today: Any, suspected: bool) -> None:
    """A mark on 3 rows of 100: nearly all of them have the outcome, or none has."""
    over = dates_of([0.03] * 12)
    column = np.concatenate(over)
    random = np.random.default_rng(2)
    base = random.random(len(column)) < 0.065
    labels = np.where(column[:, 0] > 0, sign == "yes", base).astype(np.int8)
    leaks = find_suspects(Sample(column, labels), ["mark"], Contrast(over, dates_of(today, seed=3)))
    assert [leak.feature for leak in leaks] == (["mark"] if suspected else [])
    if suspected:
        assert "at dates whose horizon is over, and 0." in leaks[0].sign


def test_silence_that_is_as_common_as_ever_is_no_leak_and_silence_that_came_later_is() -> None:
    """Nothing is seen of a tenth, and none of them has the outcome: honest if it was so at every date."""
    random = np.random.default_rng(4)
    silent = random.random(3000) < 0.1

    def date_with(unseen: Any) -> Any:
        values = random.poisson(2, (3000, 1)).astype(np.float32)
        values[unseen] = np.nan
        return values

    over = [date_with(silent) for _ in range(12)]
    labels = np.concatenate([~silent & (random.random(3000) < 0.065) for _ in over]).astype(np.int8)
    sample = Sample(np.concatenate(over), labels)
    assert find_suspects(sample, ["seen"], Contrast(over, [date_with(silent) for _ in range(4)])) == []
    nobody = np.zeros(3000, dtype=bool)
    (leak,) = find_suspects(sample, ["seen"], Contrast(over, [date_with(nobody) for _ in range(4)]))
    assert leak.sign.startswith("where it is not seen, 0 of ")


def test_a_sign_names_counts_and_never_a_value_of_a_row() -> None:
    over = [np.where(one > 0, np.float32(7654.25), 0).astype(np.float32) for one in dates_of([0.03] * 12)]
    labels = (np.concatenate(over)[:, 0] > 0).astype(np.int8)
    (leak,) = find_suspects(Sample(np.concatenate(over), labels), ["amount"], Contrast(over, dates_of([0.0] * 4)))
    assert "7654" not in leak.sign.replace(",", "")


def test_a_service_that_begins_midway_is_no_leak() -> None:
    """Not seen thins out because the feed began; its rows know nothing of the outcome."""
    random = np.random.default_rng(5)
    over = [random.poisson(2, (3000, 1)).astype(np.float32) for _ in range(12)]
    for rows in over[:6]:
        rows[:] = np.nan
    labels = (random.random(36_000) < 0.065).astype(np.int8)
    today = [random.poisson(2, (3000, 1)).astype(np.float32) for _ in range(4)]
    assert find_suspects(Sample(np.concatenate(over), labels), ["begins"], Contrast(over, today)) == []


def test_strong_features_that_are_no_leak_pass() -> None:
    generator = np.random.default_rng(3)
    need = generator.normal(size=5000)
    labels = (generator.random(5000) < 1 / (1 + np.exp(2.5 - 2 * need))).astype(np.int8)
    values = np.column_stack([np.round(need * 3), generator.poisson(1, 5000)]).astype(np.float32)
    assert find_suspects(Sample(values, labels), ["need", "noise"]) == []


def test_a_few_rows_that_all_had_the_outcome_are_no_leak() -> None:
    values = np.zeros((2000, 1), dtype=np.float32)
    values[:20] = 1
    labels = np.zeros(2000, dtype=np.int8)
    labels[:20] = labels[100:300] = 1
    assert find_suspects(Sample(values, labels), ["rare"]) == []


def test_a_suspect_says_how_many_outcomes_were_recorded_on_the_same_day(
    make: Callable[[Any], Invocation], how: Any
) -> None:
    """Broken by counting somebody else's records, another day's, or what is not permitted."""
    invocation = make(how(households=50))
    data = Dataset.open(
        Matrix.open(next(invocation.workspace.matrix.glob("*/manifest.json")).parent), invocation.council
    )
    outcome, feature = "homelessness.duty_owed", data.matrix.definition["features"][COLUMN]
    code = feature["signals"][0]
    assert code != outcome
    day, other = datetime(2023, 5, 3, 9), datetime(2023, 6, 9, 9)
    write_tables(
        invocation,
        [
            *(began(person, day, signal=outcome) for person in "abcd"),
            began("a", other, signal=outcome),
            *(began(person, day - timedelta(days=40), day + timedelta(hours=3), signal=code) for person in "aad"),
            began("b", other, signal=code),
            began("e", day, signal=code),
        ],
        [{"person_id": "d", "service": code.partition(".")[0]}],
    )
    leak = Leak(feature["name"], "too sure")
    (told,) = tell_same_day(invocation, data, [leak])
    assert told.sign == "too sure; of 5 records of the outcome 1 came on a day on which it was recorded too"
    same = next(
        one["name"] for one in data.matrix.definition["features"] if "education.severe_absence" in one["signals"]
    )
    (told,) = tell_same_day(invocation, data, [Leak(same, "too sure")])
    assert told.sign == "too sure; it counts records of the outcome itself"
    assert tell_same_day(invocation, data, []) == []


def test_without_the_snapshots_tables_nothing_is_said_of_days(make: Callable[[Any], Invocation], how: Any) -> None:
    invocation = make(how(households=50))
    data = Dataset.open(
        Matrix.open(next(invocation.workspace.matrix.glob("*/manifest.json")).parent), invocation.council
    )
    leak = Leak(data.matrix.features[COLUMN], "too sure")
    assert tell_same_day(invocation, data, [leak]) == [leak]
