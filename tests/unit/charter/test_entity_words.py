"""What rows are called: households, people, or the programme's own two words, on every page that speaks of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from charter.contracts.entity_words import EntityWords
from features.grammar import Cohort
from features.grammar.definition import DefinitionError
from tests.conftest import ROOT

PLACES = EntityWords("place", "places", "place", "places")
# A home is said where one is meant, whatever a row is: who lives with somebody, or who must not hear of it.
OF_HOMES = re.compile(
    r"anybody in the household|Every household of this person|Their households left|family name|[Ff]amily hubs?"
    r"|one person's household"
)


def document(**cohort: Any) -> dict[str, Any]:
    return {"entity": cohort.pop("entity", "household"), "cohort": {"title": "All", **cohort}}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (document(), EntityWords("household", "households", "family", "families")),
        (document(entity="person"), EntityWords("person", "people", "person", "people")),
        (document(entity="person", called=["place", "places"]), PLACES),
        ({"entity": "person", "cohort": "All places", "called": ["place", "places"]}, PLACES),
        ({"cohort": "All, in a document made before"}, EntityWords("household", "households", "family", "families")),
    ],
)
def test_rows_are_called_by_what_they_are_or_as_the_cohort_says(said: Mapping[str, Any], words: EntityWords) -> None:
    """The fourth as a bundle or findings say it, the fifth as those made before rows had words."""
    assert EntityWords.of(said) == words


def test_a_run_speaks_of_what_its_rows_are() -> None:
    assert EntityWords.of_run({"bootstrap": {"cluster": "person"}}).many == "people"
    assert EntityWords.of_run({"bootstrap": {"cluster": "person"}, "called": ["place", "places"]}) == PLACES


def test_a_cohort_keeps_its_words_and_refuses_what_is_no_word() -> None:
    cohort = Cohort("All places", entity="person", called=("place", "places"))
    assert Cohort.of(cohort.document(), "person") == cohort
    assert "called" not in Cohort("All places").document()
    for called in (
        ("place",),
        ("place", "places", "more"),
        "ab",
        ("<b>", "places"),
        ("Place", "places"),
        ("risk", "b"),
    ):
        with pytest.raises(DefinitionError):
            Cohort("All places", entity="person", called=called)  # type: ignore[arg-type]  # that is the test


def test_no_page_for_workers_or_the_board_calls_a_row_a_household_by_itself() -> None:
    """Broken by a template that says "this household" whatever the rows are."""
    folders = ("serving/casework/templates", "fairness_reports/publish/templates", "training/report/templates")
    speaking = {"case.html", "worklist.html", "decide.html", "compared.html", "report.html", "live.html", "front.html"}
    pages = [page for folder in folders for page in sorted((ROOT / folder).glob("*.html")) if page.name in speaking]
    assert len(pages) >= len(speaking)
    for page in pages:
        text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<[^>]*>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        said = re.findall(r"[^.;]*\b(?:[Hh]ousehold|[Ff]amil(?:y|ie))s?\b[^.;]*", OF_HOMES.sub("", text))
        assert not said, (page.name, said)
