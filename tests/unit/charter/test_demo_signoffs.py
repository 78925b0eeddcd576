"""A demo's sign-off counts for made-up data alone: where real data was pulled, it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from charter.contracts.files import write_json
from charter.errors import CharterError
from charter.invocation import Invocation, shipped_council
from charter.signing.acceptance import Signable, sign_as


def invocation_with(tmp_path: Path, *snapshots: bool) -> Invocation:
    invocation = Invocation.open(shipped_council(), "early_help", tmp_path, quiet=True)
    for number, synthetic in enumerate(snapshots):
        folder = invocation.workspace.store / f"2026-01-0{number + 1}-0123456789abcdef"
        folder.mkdir(parents=True)
        write_json(folder / "manifest.json", {"synthetic": synthetic})
    return invocation


def test_a_demo_signs_for_made_up_data(tmp_path: Path) -> None:
    invocation = invocation_with(tmp_path, True)
    role = invocation.policy.signers("charter")[0].id
    assert sign_as(invocation, role, Signable("charter"), demo=True).kind == "demo"


def test_a_demo_signs_nothing_where_any_snapshot_is_real(tmp_path: Path) -> None:
    invocation = invocation_with(tmp_path, False, True)
    role = invocation.policy.signers("charter")[0].id
    with pytest.raises(CharterError, match="holds real data") as refused:
        sign_as(invocation, role, Signable("charter"), demo=True)
    assert "--signature" in refused.value.next_step
