"""`sooner known`: households whose need a service knows already, for that service, by no model."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from charter.contracts.matrix import CONTINUING, Matrix
from charter.errors import BlockedError
from charter.invocation import Invocation, shipped_council
from features.build import build_matrix
from sooner.path import list_known_trouble
from tests.conftest import run_sooner

pytestmark = pytest.mark.xdist_group("demo")
DAY = date(2026, 9, 28)


def read_rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_whom_a_service_knows_is_listed_for_it_within_its_places_and_nobody_it_helps(own_workspace: Path) -> None:
    ran = run_sooner("known", "--council", str(shipped_council()), "--workspace", str(own_workspace), "--json")
    assert ran.code == 0, ran.err
    lists = {one["need"]: one for one in json.loads(ran.out)["lists"]}
    assert {name: one["listed"] for name, one in lists.items() if one["listed"]} == {
        "education.severe_absence": 3,
        "homelessness.duty_owed": 2,
        "social_care.child_in_need": 2,
    }
    assert all(one["households"] >= one["listed"] for one in lists.values())
    invocation = Invocation.open(shipped_council(), "early_help", own_workspace, quiet=True)
    matrix = Matrix.open(build_matrix(invocation, purpose="rank", as_of=[DAY]))
    rows, needs = matrix.at(DAY), matrix.manifest["components"]
    helped = np.asarray(rows.features)[:, matrix.features.index("early_help_now")] > 0
    compared = 0
    for need, one in lists.items():
        for row in read_rows(Path(one["file"])):
            place = int(np.searchsorted(rows.entity, row["entity"].encode()))
            if place < len(rows.entity) and rows.entity[place] == row["entity"].encode():
                assert rows.outcome_before[place, needs.index(need)] == CONTINUING
                assert not helped[place]
                compared += 1
    assert compared
    stopped = run_sooner("suspend", "--role", "senior_responsible_owner", "--reason", "A fault.",
                         "--council", str(shipped_council()), "--workspace", str(own_workspace))  # fmt: skip
    assert stopped.code == 0, stopped.err
    with pytest.raises(BlockedError):
        list_known_trouble(invocation, DAY)
