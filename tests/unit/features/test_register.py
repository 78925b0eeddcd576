"""The register in English is made from the definition, and the page in docs is the one that is made."""

from __future__ import annotations

from pathlib import Path

from charter.council.register import Register
from charter.invocation import shipped_council
from charter.rules.policy import Policy
from features.feature_list import render_html, render_markdown
from features.grammar import Definition

ROOT = Path(__file__).resolve().parents[3]


def page() -> str:
    council = shipped_council()
    definition = Definition.load(council / "early_help" / "definition.py")
    return render_markdown(definition, Register.load(council / "register.toml"), Policy.load(council / "charter.toml"))


def test_the_page_in_docs_is_current() -> None:
    assert (ROOT / "docs/reference/early_help.md").read_text(encoding="utf-8").endswith(page()), "run `make docs`"


def test_every_feature_has_its_reason_and_every_signal_its_readers() -> None:
    definition = Definition.load(shipped_council() / "early_help" / "definition.py")
    text = page()
    for feature in definition.features:
        assert feature.because in text
        assert feature.reason.replace("{value}", "…") in text
    for signal in definition.signals:
        assert f"| `{signal}` |" in text


def test_the_same_page_is_plain_html() -> None:
    made = render_html(page(), "Early help & more")
    assert "<title>Early help &amp; more</title>" in made
    assert "<code>rent_steps_6m</code>" in made
    assert made.count("<table>") == 2
    assert "|---" not in made
    assert render_html("# One\n\n- two\n- three `x < y`\n\nfour\nfive\n", "t").count("<li>") == 2
