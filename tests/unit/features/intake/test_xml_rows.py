"""XML is rows by its elements: ancestors lend what was declared, and nothing is expanded, lost or guessed."""

from __future__ import annotations

import io

import pytest

from charter.errors import DataError
from features.intake.opening.xml_rows import read_xml

CHILD = """<m><Child><Ids><Id>{id}</Id><Born>2010-01-02</Born></Ids>
<Case><From>2024-01-02</From><Need>N1</Need><Factors>{factors}</Factors>
<Plan><Start>2024-02-01</Start></Plan><Plan><Start>2024-03-01</Start><End>2024-04-01</End></Plan></Case></Child></m>"""


def rows(text: str, element: str, *declared: str) -> list[str]:
    fetched, lines, _ = read_xml(io.BytesIO(text.encode()), "c.xml", "svc/c.xml", element, declared)
    table = fetched.path.read_text(encoding="utf-8").replace('"', "").splitlines()
    assert len(lines) == len(table) - 1
    return table


def test_an_element_is_a_row_with_what_its_ancestors_say() -> None:
    text = CHILD.format(id="C1", factors="<Factor>1C</Factor><Factor>6B</Factor>")
    assert rows(text, "Case", "Ids_Id", "From", "Need", "Factor") == [
        "Ids_Id,From,Need,Factor",
        "C1,2024-01-02,N1,1C 6B",
    ]
    assert rows(text, "Plan", "Ids_Id", "Case_From", "Start", "End") == [
        "Ids_Id,Case_From,Start,End",
        "C1,2024-01-02,2024-02-01,",
        "C1,2024-01-02,2024-03-01,2024-04-01",
    ]


def test_one_leaf_is_a_list_of_one_where_that_was_declared_and_an_empty_part_says_nothing() -> None:
    one = CHILD.format(id="C1", factors="<Factor>1C</Factor>")
    assert rows(one, "Case", "From", "Need", "Factor")[1] == "2024-01-02,N1,1C"
    assert rows(CHILD.format(id="C1", factors=""), "Case", "From", "Need", "Factor")[1] == "2024-01-02,N1,"


def test_a_field_that_nobody_declared_is_a_column_that_is_refused_by_its_name() -> None:
    assert rows(CHILD.format(id="C1", factors=""), "Case", "From")[0] == "From,Need"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('<!DOCTYPE m [<!ENTITY a "b">]><m><Case>&a;</Case></m>', "line 1: it declares a document type"),
        ('<!DOCTYPE m SYSTEM "file:///etc/passwd"><m/>', "line 1: it declares a document type"),
        ("<m>\n<Case>Quillfeather<From>1</From></Case></m>", "line 2: a text stands beside an element"),
        ("<m>\n<Case><From>1</From>Quillfeather</Case></m>", "line 2: a text stands beside an element"),
        ("<m>\n<Case><From>1</From><From>2</From></Case></m>", "line 2: From stands there twice"),
        ("<m><Case>", "it is not whole XML"),
        ("", "it is not whole XML"),
        ("<m>&nothing;</m>", "it is not whole XML"),
        ("<a>" * 60 + "</a>" * 60, "too deep"),
    ],
)
def test_what_is_no_plain_xml_is_refused_by_its_line(text: str, why: str) -> None:
    with pytest.raises(DataError, match=why) as refusal:
        rows(text, "Case")
    assert "Quillfeather" not in str(refusal.value)


def test_the_element_has_to_be_said() -> None:
    with pytest.raises(DataError, match=r"Say in register[.]toml which element is a row"):
        rows("<m/>", "")
