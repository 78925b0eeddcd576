"""One small borough for all of the room's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from borough.groups import deal_groups
from borough.synth import make_borough
from borough.town import Town
from charter.council.council import Council
from charter.invocation import shipped_council

HOMES = 600


@pytest.fixture(scope="session")
def fernhill() -> Council:
    """Return the council whose areas the borough uses."""
    return Council.load(shipped_council())


@pytest.fixture(scope="session")
def extracts(fernhill: Council, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the extracts of a small fair borough; read by all, changed by none."""
    folder = tmp_path_factory.mktemp("borough") / "extracts"
    make_borough(folder, fernhill, HOMES, 1)
    return folder


@pytest.fixture(scope="session")
def town(fernhill: Council) -> Town:
    """Return the same borough before anybody wrote anything down."""
    return deal_groups(Town.build(fernhill, HOMES, 1, "standard"), "")
