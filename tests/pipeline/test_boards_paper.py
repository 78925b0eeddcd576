"""The board's paper, before its annex: each number is computed again here, and it is written for whoever reads it once.

From metrics.json, findings.json and the decision. What the annex says is in test_every_sentence_of_the_pack.py.
"""

from __future__ import annotations

import html
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import lightgbm as lgb
import pytest

from charter.contracts.files import find_current, read_json
from charter.contracts.workspace import Workspace
from charter.council.register import Register
from charter.rules.policy import Policy
from features.grammar.points_in_words import describe_points, read_points
from tests.conftest import ROOT
from tests.reading_age import measure_reading_age
from training.run import Run

SHARE = r"\d+ \(\d+ to \d+\)"


@pytest.fixture(scope="module")
def folder(demo_workspace: Path) -> Path:
    audit = find_current(Workspace(demo_workspace, "early_help").audit)
    assert audit is not None
    return audit


@pytest.fixture(scope="module")
def pack(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages(pack: str) -> list[str]:
    """Return the paper's pages as HTML, without their pictures."""
    parts = re.findall(r'<section class="page".*?</section>', pack, flags=re.S)
    assert len(parts) >= 4
    return [re.sub(r"<svg.*?</svg>", "", part, flags=re.S) for part in parts]


@pytest.fixture(scope="module")
def page(pages: list[str]) -> str:
    """Return the first page of the pack as text, a line to a paragraph, cell or heading."""
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</(p|td|th|h\d|li|caption|span)>", "\n", pages[0])))


@pytest.fixture(scope="module")
def metrics(demo_workspace: Path) -> dict[str, Any]:
    return dict(Run.open(Workspace(demo_workspace, "early_help")).metrics)


def share(row: dict[str, Any]) -> str:
    return f"{100 * row['estimate']:.0f} ({100 * row['low']:.0f} to {100 * row['high']:.0f})"


def missed(row: dict[str, Any]) -> str:
    return share({"estimate": 1 - row["estimate"], "low": 1 - row["high"], "high": 1 - row["low"]})


def test_every_number_of_the_first_page_is_what_was_measured(page: str, metrics: dict[str, Any]) -> None:
    replay, model = metrics["replay"], metrics["model"]
    every = {
        (row["model"], row["measure"]): row
        for row in replay["figures"]
        if (row["part"], row["period"], row["against"]) == ("all", replay["headline"], None)
    }
    curve = {
        (row["times_places"], row["measure"]): row for row in replay["curve"] if row["period"] == replay["headline"]
    }
    # The council's own practice, where practice.toml says what it is, and the simple list that is not this one.
    simple = "points" if model != "points" else "agreed"
    expected = [
        text
        for name in ("practice", simple)
        for text in (share(every[name, "needed_of_listed"]), missed(every[name, "listed_of_need"]))
    ]
    places = []
    for times in (0.5, 1.0, 2.0):
        rows = every if times == 1 else curve
        key: Any = model if times == 1 else times
        expected += [share(rows[key, "needed_of_listed"]), missed(rows[key, "listed_of_need"])]
        places.append(f"{curve[times, 'places_filled']['estimate']:,.0f}")
    table, rest = page.split("What the figures recommend")
    assert re.findall(SHARE, table) == expected
    assert re.findall(r"([\d,]+) places a year", table) == places
    assert metrics["recommendation"]["answer"] in ("chosen", "cannot be told")
    assert "Shadow for 8 weeks." in rest


def test_no_other_number_stands_on_it(page: str, folder: Path) -> None:
    """Broken by any new sentence with a figure: it needs a claim above, or here."""
    findings, decision = read_json(folder / "findings.json"), read_json(folder / "decision.json")
    notes = [row.get("note") for row in findings["findings"] if row["measure"] == "data_needed"]
    carrying = [row for row in decision["verdicts"] if row["reason"] == "carried"]
    answer_by = date.fromisoformat(findings["made_at"][:10]) + timedelta(days=28)
    known = re.sub(rf"{SHARE}|[\d,]+ places a year", "", page)
    claims = [
        "Of 100 offered help", "Of 100 in need", "95 times in 100", "for 8 weeks", "Fewer than 5 of 100 listed",
        f"answer by {answer_by.day} {answer_by:%B %Y}",
        f"Of {notes.count('not studied')} services",
        *(f"moves the order, {100 * row['estimate']:.0f} in 100" for row in carrying),
    ]  # fmt: skip
    for words in claims:
        assert words in known, words
        known = known.replace(words, "").replace(words.replace("for", "Shadow for"), "")
    assert not re.findall(r"[^\n]*\d[^\n]*", known)


def test_what_data_the_list_needs_is_what_its_bytes_read(page: str, folder: Path) -> None:
    rows = read_json(folder / "findings.json")["findings"]
    register = Register.load(ROOT / "council" / "register.toml")
    unread = [register.source(row["component"]).title for row in rows if row.get("note") == "unread"]
    assert unread
    assert f"You may stop receiving the records of {'; '.join(unread)} for this purpose." in page


def test_the_rules_are_the_models_own_bytes(pages: list[str], folder: Path, demo_workspace: Path) -> None:
    """All of them, and what else it reads. Broken by training's words, or by the definition's pieces."""
    run = Run.open(Workspace(demo_workspace, "early_help"))
    model = lgb.Booster(model_file=str(run.folder / "model.lgb"))
    rules = read_points(model.dump_model()["tree_info"], model.feature_name())
    findings = read_json(folder / "findings.json")
    definition = read_json(demo_workspace / "matrix" / "early_help" / findings["matrix"] / "definition.json")
    assert rules
    listed = [html.unescape(text) for text in re.findall(r"<li>(\d+ points?: .*?)</li>", pages[3])]
    assert listed == describe_points(rules, definition["features"])
    assert (
        f"It reads {len({rule['feature'] for rule in rules})} of the {len(definition['features'])} pieces" in pages[3]
    )


def test_what_to_talk_about_first_is_said_with_its_findings(pages: list[str], folder: Path) -> None:
    findings, decision = read_json(folder / "findings.json"), read_json(folder / "decision.json")
    by_id = {row["id"]: row for row in findings["findings"]}
    sides = {"listed_before_need": (100, ".0f"), "unneeded_listings": (1, ",.0f"), "days_before": (1, ",.0f")}
    expected = set()
    for verdict in decision["verdicts"]:
        row, pooled = by_id.get(verdict["finding"]), verdict["pooled"]
        if row is None or row["measure"] not in {*sides, "recorded_per_independent"}:
            continue
        times, digits = sides.get(row["measure"], (1, ".2f"))
        own, rest = (
            format(times * side["estimate"], digits) if side["estimate"] is not None else "–"
            for side in (row, row["rest"])
        )
        harm = (pooled or verdict)["expected_a_year"]
        expected.add(
            (own, rest, f"{100 * pooled['beyond_limit']:.0f}" if pooled else "", f"{max(harm or 0.0, 0.0):.1f}")
        )
    told = re.findall(r"<p><strong>[^<]+\.</strong> (.*?)</p>", pages[2])
    assert len(told) == 5
    for text in told:
        figures = re.sub(r"Of 100 in need|of 1,000 people|limit of [\d.]+|in 100", "", html.unescape(text))
        own, rest, *more = re.findall(r"\d[\d,.]*\d|\d", figures)
        # What may come to nothing a year is not said.
        assert any(one[:2] == (own, rest) and more == [part for part in one[2:] if part not in ("", "0.0")]
                   for one in expected), text  # fmt: skip


def prose_of(page: str) -> list[str]:
    """Return the paragraphs, headings, list entries and captions of a page as text."""
    blocks = re.findall(r"<(p|li|h\d|caption|figcaption)\b[^>]*>(.*?)</\1>", page, flags=re.S)
    return [re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", text))).strip() for _, text in blocks]


def test_who_is_twelve_can_read_it(pages: list[str], pack: str, folder: Path) -> None:
    """Each page, headings too, and no paragraph far beyond. Broken by one long sentence of the gate's."""
    ages = [measure_reading_age(prose_of(page)) for page in pages]
    assert max(ages) <= 12, ages
    head = prose_of(pack[pack.index("<header>") : pack.index('<section class="page"')])
    # The council's titles of its roles are its own; how they read is counted with the page.
    titles = [role.title for role in Policy.read(ROOT / "council" / "charter.toml").roles]
    long = [text for page in pages for text in prose_of(page) if len(text.split()) > 12]
    assert long
    plain = [re.sub("|".join(map(re.escape, titles)), "They", text) for text in long]
    assert [text for text in plain if measure_reading_age([text]) > 15] == []
    assert measure_reading_age(head) <= 12
    # The measure tells: the gate's own sentence, in the annex, needs more years of school.
    assert measure_reading_age([read_json(folder / "decision.json")["sentence"]]) > 12


def test_it_has_no_generated_name_no_code_no_row_of_zeros_and_no_cut_label(pack: str, folder: Path) -> None:
    """In the annex too, but for the fingerprints at its end. Broken by a feature's title, a signal, `+0.000` or "…"."""
    body = re.sub(r"<style>.*?</style>|<dl class=\"facts\">.*?</dl>|<!--.*?-->", "", pack, flags=re.S)
    text = html.unescape(re.sub(r"<[^>]+>", "\n", body))
    findings = read_json(folder / "findings.json")
    workspace = folder.parents[2]
    definition = read_json(workspace / "matrix" / "early_help" / findings["matrix"] / "definition.json")
    assert [feature["title"] for feature in definition["features"] if feature["title"] in text] == []
    assert re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b|\b[a-z]+\.[a-z]+_[a-z_]+\b|\b[0-9a-f]{16}\b", text) == []
    assert re.findall(r"\d{4}-\d\d-\d\d", text) == []
    assert "…" not in text
    rows = [re.findall(r'<td class="number">(.*?)</td>', row) for row in re.findall(r"<tr>.*?</tr>", body, flags=re.S)]
    assert len([row for row in rows if row]) > 50
    nothing = [row for row in rows if row and all(re.fullmatch(r"[+-]?0(\.0+)?( %)?", cell) for cell in row)]
    assert nothing == []
    assert not re.search(r"[+-]0\.0+\b(?!\d)", text)
