"""One truth per sentence: the case page, the blind page and the worklist's row, against an oracle of the events.

Made cases are sealed, viewed and rendered with the real templates. The page's text is read back as a person reads it:
no sentence may contradict another one, nor what the events say.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from charter.contracts.entity_words import EntityWords
from charter.council.council import Council
from charter.council.worklist_settings import WorklistFile
from serving.casework.case.glance import view_glance
from serving.casework.case.timeline_page import view_timeline
from serving.casework.facts import list_sights
from serving.casework.view import CaseFile, view_case
from serving.casework.visit import _load_templates
from serving.ranking.sealed_record import digest_record
from serving.ranking.strengths import FEWEST, Usual, read_usual, sort_strengths
from serving.store.store import Referral
from tests.unit.serving.conftest import ROOT
from tests.unit.serving.generated_cases import CONFIDENTIAL, DEFINITION, KINDS, MANIFEST, TITLES, Case, make_case

WARNING = "For you alone"
UNTOLD = "health_visiting"
"""The service of which the reader is told only that there was something."""
QUICK, DEEP = 100, 1000


@dataclass(frozen=True)
class Page:
    """What a page says, read from its HTML: words by service's title, months of the timeline, and reasons."""

    text: str
    seeing: Mapping[str, str]
    involved: Mapping[str, str]
    timeline: Mapping[str, list[str]]
    reasons: list[tuple[str, str]]
    strengths: list[str]


@cache
def settings() -> WorklistFile:
    return WorklistFile.load(ROOT / "council" / "early_help")


@cache
def listed() -> Usual:
    return read_usual([make_case(seed).record for seed in range(9000, 9000 + 2 * FEWEST)])


def file_of(case: Case) -> CaseFile:
    record, sealed = case.record, case.record.sealed()
    referral = Referral(
        record.id, record.programme, record.list, record.team, record.entity, record.rank, record.margin, record.band,
        record.arm, record.snapshot, record.matrix, record.bundle, sealed, digest_record(sealed),
    )  # fmt: skip
    return CaseFile(referral, record, MANIFEST)


def render(template: str, **values: Any) -> str:
    session = SimpleNamespace(form_token=None, identity=SimpleNamespace(role="lead_practitioner"))
    common = {"session": session, "title_of": str, "council": "Fernhill", "contact": "", "synthetic": True,
              "household": True, "words": EntityWords.of({"cohort": "All"}), "navigation": [], "cspNonce": "n",
              "title": "Case", "roles": {}}  # fmt: skip
    return _load_templates().get_template(template).render({**common, **values})


def render_case(case: Case) -> tuple[str, Any]:
    file = file_of(case)
    view = view_case(file, settings(), listed(), [], lambda _: date(2026, 9, 28))
    page = render(
        "case.html", case=view, team=Council.load(ROOT / "council").serving("early_help").teams[0], key="k",
        timeline=view_timeline(file, ["lead_practitioner"]), glance=view_glance(file, ["lead_practitioner"]),
        choices=settings().choices, ask_own_view=False, others=[], challenges=[], drafts=(), error_list=[],
        as_of=case.record.as_of, case_bundle="b", snapshot="s", moved="", waits=False,
    )  # fmt: skip
    return page, view


def plain(markup: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", markup))).strip()


def section(page: str, heading: str) -> str:
    """Return what stands between a heading and the next one of its size."""
    return page.partition(f">{heading}</h2>")[2].partition("<h2")[0]


def read_page(page: str) -> Page:
    rows = re.findall(r"<tr[^>]*><th scope=\"row\"[^>]*>(.*?)</th><td[^>]*>(.*?)</td>", page, re.S)
    involved = re.findall(r"<dt[^>]*>(.*?)</dt><dd[^>]*>(.*?)</dd>", section(page, "Who is already involved"), re.S)
    timeline: dict[str, list[str]] = {}
    for when, title, words in re.findall(
        r"<li><span[^>]*>(.*?)</span> <strong>(.*?)</strong>(.*?)</li>", section(page, "What services recorded"), re.S
    ):
        timeline.setdefault(plain(title), []).append(plain(f"{when} {words}"))
    return Page(
        plain(page),
        {plain(title): plain(words) for title, words in rows},
        {plain(title): plain(words.partition("<a")[0].replace("<br>", "")) for title, words in involved},
        timeline,
        [(plain(text), plain(rest)) for text, rest in re.findall(
            r"<li class=\"sooner-reason\">\s*<p[^>]*>(.*?)</p>(.*?)</li>", page, re.S)],
        [plain(text) for text in re.findall(
            r"<li class=\"sooner-reason\">\s*<p[^>]*>(.*?)</p>",
            section(page, "Strengths").partition("<h3")[0], re.S)],
    )  # fmt: skip


def tells(text: str) -> bool:
    return text.rpartition(": ")[2] not in ("none", "no", "0", "no change")


@dataclass(frozen=True)
class Truth:
    """What the events say of one service, apart from the pages' own functions."""

    counted: bool
    recorded: bool
    open: bool
    shown: int
    seen: int
    least: int


def truth_of(case: Case, service: str) -> Truth:
    asked = [feature for feature in DEFINITION.features if list(feature.expression.services) == [service]]
    values = {feature.name: case.values[feature.name] for feature in asked}
    shown = case.on_timeline(service)
    valued = any(
        value < 1000 if name == "since_rent_step" else value != 0
        for name, value in values.items() if not math.isnan(value)
    )  # fmt: skip
    work = [event for event in shown if event.interval and event.end is None]
    counts = [
        number for column, number in zip(DEFINITION.seen, case.record.seen, strict=True)
        if column.startswith(f"{service}:")
    ]  # fmt: skip
    return Truth(
        counted=any(not math.isnan(value) for value in values.values()),
        recorded=valued or bool(shown),
        open=values.get("help_now", math.nan) > 0 or bool(work),
        shown=len(shown),
        seen=max(counts, default=case.record.members),
        least=min(counts, default=case.record.members),
    )


@dataclass(frozen=True)
class Said:
    """What the pages say of one service: its sight, its status, its reasons, its months, and the worklist's row."""

    service: str
    words: str
    status: str
    state: str
    alone: list[tuple[str, str]]
    months: list[str]
    unseen: bool
    works: bool


def said_of(service: str, case: Case, page: Page, view: Any) -> Said:
    title = TITLES[service]
    states = {sight.source: sight.state for sight in list_sights(case.record, MANIFEST)}
    reasons = [(text, rest) for text, rest in page.reasons if re.search(rf"\b{title}(,| and|$|\.| \.)", rest)]
    return Said(
        service, page.seeing.get(title, ""), page.involved.get(title, "").partition(". ")[0], states.get(title, ""),
        [(text, rest) for text, rest in reasons if " and " not in rest.partition(", data to")[0]],
        page.timeline.get(title, []), title in view.row.unseen, title in view.row.workers,
    )  # fmt: skip


def check_seen(said: Said, truth: Truth) -> None:
    if said.service == "social_care":
        assert said.words == ""
        assert (said.status == "") == (truth.shown == 0)
    elif truth.counted:
        assert said.words.startswith(("Seen", "Late"))
        assert "Not seen" not in said.status
        assert said.unseen == ("Late: " in said.words)
    else:
        assert not said.alone
        assert said.unseen
        assert said.words.startswith("Seen too little to count" if truth.shown else "Not seen")
        assert (said.status == "Not seen") == (truth.shown == 0) == (said.state == "not seen")


def check_recorded(said: Said, truth: Truth, case: Case) -> None:
    if said.status.startswith("Nothing recorded"):
        assert not truth.recorded
        assert not said.months
        assert not [text for text, _ in said.alone if tells(text)]
    elif said.status not in ("", "Not seen"):
        assert truth.recorded
        assert said.status.startswith(("Something recorded", "Open now"))
    if "not on the timeline" in said.status:
        assert not said.months
        assert case.record.timeline is not None
    shown = case.on_timeline(said.service)
    told = {(event.ago, event.end) for event in shown}
    assert len(said.months) == len(told if said.service != UNTOLD else {_month(event.ago) for event in shown})
    assert all("something recorded" in words for words in said.months) or said.service != UNTOLD


def check_open(said: Said, truth: Truth, case: Case) -> None:
    assert (said.status == "Open now") == said.works == truth.open
    intervals = [event for event in case.on_timeline(said.service) if event.interval and said.service != UNTOLD]
    months = " ".join(said.months)
    assert ("open on the list" in months) == any(event.end is None for event in intervals)
    assert ("until" in months) == any(event.end is not None for event in intervals)


def check_numbers(said: Said, truth: Truth, people: int) -> None:
    pairs = re.findall(r"(\d+) of (\d+) people", f"{said.words} {said.status}")
    assert {(int(n), int(m)) for n, m in pairs} <= {(truth.seen, people)}
    if truth.counted and said.service != "social_care":
        assert ("for all" in said.words or bool(pairs)) == (truth.least < people)
        if truth.least < truth.seen:
            assert f"for {truth.least or 'none'} of them" in said.words
    for _, rest in said.alone:
        for n, m in re.findall(r"seen for (\d+) of (\d+) people", rest):
            assert int(m) == people
            assert truth.least <= int(n) <= truth.seen


def check_page(case: Case, page: Page, view: Any) -> None:
    """Check what is said once: the timeline as a whole, the warnings, the strengths and the need."""
    assert len(page.reasons) == len(view.why) + len(view.quiet) + len(view.strengths) + len(view.less)
    assert all(tells(one.reason.text) for one in view.why)
    empty = case.record.timeline is not None and not page.timeline
    assert ("No service that this timeline may show" in page.text) == empty
    assert ("No timeline was kept" in page.text) == (case.record.timeline is None)
    # What nobody else may hear of: a warning where there is something, and only there.
    truth, title = truth_of(case, CONFIDENTIAL), TITLES[CONFIDENTIAL]
    warned = [text for text, rest in page.reasons if WARNING in rest]
    assert warned == [text for text, rest in page.reasons if title in rest and tells(text)]
    assert (WARNING in page.involved[title]) == (truth.recorded and truth.counted)
    assert page.text.count(WARNING) == len(warned) + (WARNING in page.involved[title])
    # A strength is never trouble, and never stands for a need too.
    for text in page.strengths:
        assert not tells(text) or "visits" in text or text.endswith("fewer"), text
        assert [other for other, _ in page.reasons].count(text) == 1
    if view.row.need != "No one need stands out":
        assert any(truth_of(case, service).recorded for service in TITLES)


def check_blind(case: Case, markup: str, page: Page) -> None:
    """Check that the blind page says the same of what was seen, and of strengths."""
    blind = render(
        "blind.html", reasons=case.record.reasons, seeing=list_sights(case.record, MANIFEST), judged="", views={},
        strengths=sort_strengths(case.record, MANIFEST, listed()), team=SimpleNamespace(title="T"), ages=[], back=None,
        as_of=case.record.as_of, action="/", hidden={},
    )  # fmt: skip
    marks = [section(html_page, "Strengths").count('sooner-reason"') for html_page in (blind, markup)]
    assert marks[0] == marks[1]
    seen = re.findall(r"<dt[^>]*>(.*?)</dt><dd[^>]*>(.*?)</dd>", section(blind, "What could and could not be seen"))
    assert {plain(title): plain(words) for title, words in seen} == page.seeing


def check(case: Case) -> None:
    markup, view = render_case(case)
    page = read_page(markup)
    for service in TITLES:
        said, truth = said_of(service, case, page, view), truth_of(case, service)
        check_seen(said, truth)
        check_recorded(said, truth, case)
        check_open(said, truth, case)
        check_numbers(said, truth, case.record.members)
    check_page(case, page, view)
    check_blind(case, markup, page)


def _month(ago: int) -> str:
    return f"{date.fromordinal(date(2026, 9, 28).toordinal() - ago):%Y-%m}"


def test_no_two_sentences_of_a_case_contradict_each_other_nor_the_events() -> None:
    """Seen to fail with each branch of facts.py taken away that joins the two sides of what was recorded."""
    for seed in range(QUICK):
        check(make_case(seed))


@pytest.mark.deep
def test_no_two_sentences_of_a_thousand_cases_contradict_each_other_nor_the_events() -> None:
    for seed in range(QUICK, QUICK + DEEP):
        check(make_case(seed))


def test_the_cases_have_what_could_contradict() -> None:
    """Guard against a generator of cases in which nothing could go wrong."""
    cases = [make_case(seed) for seed in range(QUICK)]
    truths = [truth_of(case, service) for case in cases for service in KINDS]
    assert any(not truth.counted and truth.shown for truth in truths)
    assert any(truth.open for truth in truths)
    assert any(truth.counted and not truth.recorded for truth in truths)
    assert any(0 < truth.least < truth.seen for truth in truths)
    helped = [(case, truth_of(case, "early_help")) for case in cases]
    assert any(truth.shown and not truth.open and case.values["help_not_finished"] == 0 for case, truth in helped)
