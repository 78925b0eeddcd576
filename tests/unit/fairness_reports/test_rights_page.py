"""The residents' page on rights tells of one's own page where the council turned it on, and not where it is off."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation, shipped_council
from fairness_reports.residents.site import list_pages

DOOR = 'door = "https://sooner.fernhill.example"\n'
PAGE = "https://sooner.fernhill.example/public/your-page"


def read_rights(folder: Path, door: str) -> str:
    shutil.copytree(shipped_council(), folder / "council", ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "council" / "public.toml"
    text = file.read_text(encoding="utf-8")
    assert DOOR in text
    file.write_text(text.replace(DOOR, door), encoding="utf-8")
    where = Workspace(folder / "workspace", "early_help")
    return list_pages(Invocation(Council.load(folder / "council"), "early_help", where, quiet=True))["your-rights.html"]


@pytest.mark.parametrize(("days", "words"), [(14, "within 14 days"), (1, "within a day")])
def test_where_the_council_turned_it_on_the_page_says_how_one_s_own_page_opens(
    tmp_path: Path, days: int, words: str
) -> None:
    """Broken by a page that leaves out its address, or the days that the council chose."""
    page = read_rights(tmp_path, f"{DOOR}own_page_days = {days}\n")
    assert f'<a href="{PAGE}">Open your own page with a code</a>' in page
    assert f"It opens the page once, {words}, for half an hour." in page
    assert "never posted" in page


@pytest.mark.parametrize("door", [DOOR, f"{DOOR}own_page_days = 0\n", "own_page_days = 14\n"])
def test_where_it_is_off_or_no_service_takes_a_code_nothing_is_said_of_it(tmp_path: Path, door: str) -> None:
    """Broken by a sentence that is always there: residents would be promised a page that answers 404."""
    page = read_rights(tmp_path, door)
    assert "your-page" not in page
    assert "a code" not in page
    assert "By law you get it within one month." in page
