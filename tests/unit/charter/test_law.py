"""What papers say of the law stands in one dated file, with its status; no paper quotes law from elsewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from charter.law import STATUSES, LegalStatement, cite_law, read_law

ROOT = Path(__file__).parents[3]
ROOMS = ("charter", "features", "training", "fairness_reports", "serving", "sooner")
LAW = re.compile(r"\b(?:Act|Regulations) (?:19|20)\d\d\b|\bUK GDPR\b")
ROWS_OF_A_COUNCIL = {
    "charter/council/register.py",
    "charter/starting/new_council.py",
    "features/intake/guessing/canonical_proposal.py",
    "features/intake/guessing/proposal.py",
    "sooner/frame_council.py",
}
"""Where rows are drafted or described that a council confirms and answers for."""


def quotes_in(path: Path) -> Iterator[str]:
    """Yield the law that a module's texts quote, docstrings left out, or a template."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from LAW.findall(text)
        return
    tree = ast.parse(text)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield from LAW.findall(node.value)


def test_no_paper_quotes_law_from_elsewhere() -> None:
    files = [path for room in ROOMS for kind in ("*.py", "*.html") for path in (ROOT / room).rglob(kind)]
    assert len(files) > 500
    quoting = {str(path.relative_to(ROOT)) for path in files if any(quotes_in(path))}
    assert quoting == ROWS_OF_A_COUNCIL


def test_each_statement_has_a_status_and_where_it_was_read() -> None:
    statements = read_law().values()
    assert {statement.status for statement in statements} == set(STATUSES)
    for statement in statements:
        assert statement.says.endswith(".")
        assert statement.read
        assert statement.as_of == date(2026, 11, 29)
        assert statement.since is None or statement.status in ("in force", "announced")


def test_what_is_not_in_force_is_never_cited_as_if_it_were() -> None:
    assert cite_law("complaints") == "Data Protection Act 2018, section 164A"
    assert cite_law("breach_told") == "UK GDPR, article 33; unverified as of 29 November 2026"
    for statement in read_law().values():
        assert (statement.status in statement.citation) == (statement.status != "in force")
    with pytest.raises(ValueError, match="has the status 'certain'"):
        LegalStatement("x", "A law", "It says.", "certain", "nowhere", date(2026, 11, 29))
