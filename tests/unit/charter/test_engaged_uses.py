"""A new source, need or way of making the order waits until somebody was asked; what is in use already does not."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from charter.contracts.files import set_current, write_json
from charter.council.engagement_file import ENGAGEMENT_FILE
from charter.errors import SignOffError
from charter.invocation import Invocation, shipped_council
from charter.signing.engaged_uses import list_uses, require_engagement

TODAY = date(2026, 11, 29)
TARGET = "homelessness.duty_owed"


def definition(*services: str, target: str = TARGET) -> dict[str, Any]:
    return {"features": [{"services": list(services)}], "outcome": {"components": [{"name": target}]}}


@pytest.fixture
def council(tmp_path: Path) -> Invocation:
    shutil.copytree(shipped_council(), tmp_path / "council")
    return Invocation.open(tmp_path / "council", "early_help", tmp_path / "workspace", quiet=True)


def put_in_use(council: Invocation, document: dict[str, Any], model: str) -> None:
    folder = council.workspace.release / "one"
    folder.mkdir(parents=True)
    write_json(folder / "definition.json", document)
    write_json(folder / "manifest.json", {"model": model})
    set_current(council.workspace.release, "one")


def test_uses_are_sources_needs_and_what_makes_the_order() -> None:
    assert list_uses(definition("housing", "education"), "points") == {
        ("source", "housing"), ("source", "education"), ("target", TARGET), ("algorithm", "points"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("document", "model", "said"),
    [
        (definition("hospital"), "points", "the records of hospital"),
        (definition("housing", target="social_care.contact"), "points", "the need social_care.contact"),
        (definition("housing"), "my_own", "the order by my_own"),
    ],
)
def test_each_new_use_is_refused_until_it_is_written_who_was_asked(
    council: Invocation, document: dict[str, Any], model: str, said: str
) -> None:
    require_engagement(council, definition("housing"), "points", TODAY)
    with pytest.raises(SignOffError, match=f"new use of {said}, and no engagement record") as refused:
        require_engagement(council, document, model, TODAY)
    assert refused.value.exit_code == 14
    assert ENGAGEMENT_FILE in refused.value.next_step
    kind, name = next(
        use for use in list_uses(document, model) if use not in list_uses(definition("housing"), "points")
    )
    row = (council.council.folder / ENGAGEMENT_FILE).read_text(encoding="utf-8").split("[[engagement]]")[1]
    kept = [line for line in row.splitlines() if not line.startswith(("id ", "sources ", "targets ", "algorithms "))]
    with (council.council.folder / ENGAGEMENT_FILE).open("a", encoding="utf-8") as handle:
        handle.write("\n".join(["[[engagement]]", 'id = "another"', *kept, f'{kind}s = ["{name}"]\n']))
    require_engagement(council, document, model, TODAY)
    # Not before it is held, and of no other programme.
    with pytest.raises(SignOffError):
        require_engagement(council, document, model, date(2026, 6, 19))


def test_a_council_of_before_goes_on_with_what_it_does_and_is_asked_about_what_is_new(council: Invocation) -> None:
    (council.council.folder / ENGAGEMENT_FILE).unlink()
    require_engagement(council, definition("hospital"), "my_own", TODAY)  # Nothing was released yet.
    put_in_use(council, definition("housing"), "lightgbm")
    require_engagement(council, definition("housing"), "lightgbm", TODAY)
    with pytest.raises(SignOffError, match="new use of the records of education, and"):
        require_engagement(council, definition("housing", "education"), "lightgbm", TODAY)
    with pytest.raises(SignOffError, match="new use of the order by points, and"):
        require_engagement(council, definition("housing"), "points", TODAY)


def test_what_is_in_use_needs_no_row_beside_new_rows(council: Invocation) -> None:
    put_in_use(council, definition("hospital"), "my_own")
    require_engagement(council, definition("hospital", "housing"), "my_own", TODAY)
