"""Every number that residents read of a demo on the site is computed again from the files that it left.

A line with a digit that nobody claims fails. What the council typed itself (register, public.toml) is claimed by those
very words. The way of claiming is test_every_sentence's.
"""

from __future__ import annotations

import csv
import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from charter.contracts.files import find_current, read_json, write_json
from charter.invocation import Invocation
from charter.rules.data_use import GATES
from charter.rules.gate_sentences import say_day
from charter.signing.suspensions import start_suspension
from fairness_reports.residents.data_uses import gather_uses
from fairness_reports.residents.letters import LETTERS, explain_use, write_letters
from fairness_reports.residents.site import list_pages, write_site
from serving.casework.residents.public_door import LONGEST
from serving.store.arriving.resident_forms import FORM_KINDS
from tests.conftest import ROOT
from tests.pipeline.test_every_sentence import Claim, N, ends, replayed, unclaimed

Row = dict[str, Any]
FEW = 10
LICENCE = "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/"


@pytest.fixture(scope="module")
def invocation(demo_workspace: Path) -> Invocation:
    return Invocation.open(ROOT / "council", "early_help", demo_workspace, quiet=True)


@pytest.fixture(scope="module")
def pages(invocation: Invocation) -> Mapping[str, str]:
    return list_pages(invocation)


@pytest.fixture(scope="module")
def metrics(invocation: Invocation) -> Row:
    run = find_current(invocation.workspace.scores)
    assert run
    return dict(read_json(run / "metrics.json"))


@pytest.fixture(scope="module")
def bundle(invocation: Invocation) -> Row:
    folder = find_current(invocation.workspace.bundle)
    assert folder
    return dict(read_json(folder / "manifest.json"))


@pytest.fixture(scope="module")
def audit(invocation: Invocation) -> Path:
    folder = find_current(invocation.workspace.audit)
    assert folder
    return folder


def lines_of(page: str) -> Iterator[str]:
    """Yield each text of a page that stands alone, pictures left out."""
    plain = re.sub(r"<svg.*?</svg>", "", page, flags=re.S)
    for _, text in re.findall(r"<(p|li|dd|dt|td|th|caption|h1|h2|h3|summary|label)\b[^>]*>(.*?)</\1>", plain, re.S):
        yield re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text))).strip()


def day_of(moment: str) -> list[str]:
    day = datetime.fromisoformat(moment)
    return [str(day.day), str(day.year)]


def typed_words(invocation: Invocation) -> str:
    """Return all that the council typed for residents, as one text."""
    folder = invocation.council.folder
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in ("register.toml", "public.toml"))


def test_every_number_of_the_site_is_computed_again(
    pages: Mapping[str, str], invocation: Invocation, metrics: Row, bundle: Row, audit: Path
) -> None:
    """Broken by a figure of another model, period or measure, by a count that is not the register's, by a new line."""
    released = read_json(invocation.workspace.release / "history.json")[-1]["at"]
    signed = max(re.findall(r"signed_at = (\S+)", (audit / "live" / "signoffs.toml").read_text(encoding="utf-8")))
    every = read_json(audit / "decision.json")["questions"]
    questions = Counter(row["verdict"] for row in every if row["gate"] not in GATES)
    (period,) = [row for row in metrics["replay"]["periods"] if row["period"] == metrics["replay"]["headline"]]
    reads = read_json(audit / "findings.json")["reads"]
    services = {name for row in bundle["features"] if row["name"] in reads for name in row["services"]}
    places = [team.places for team in invocation.council.teams]
    reach = r".*ring 01632 960300 or post a letter to Data team, Town Hall, 1 High Street, Fernhill\."
    today = datetime.now(invocation.council.time_zone).date()

    def figure(measure: str, times: float) -> list[str]:
        return ends(replayed(metrics, bundle["model"], measure), ".0f", times)

    headers = [read_json(path) for path in sorted(invocation.workspace.worklist.glob("*/list.json"))]
    issued = [entry for header in headers for entry in header["lists"]]
    days = sorted(entry["as_of"] for entry in issued)
    with (invocation.workspace.worklist / "actions.csv").open(encoding="utf-8") as handle:
        assert not list(csv.DictReader(handle)), "somebody decided in the demo"
    places_taken = [
        row
        for path in invocation.workspace.worklist.glob("*/issued.csv")
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
        if row["arm"] in ("ranked", "baseline")
    ]
    assert places_taken
    decided = read_json(audit / "decision.json")
    unsure = [row for row in decided["verdicts"] if row["verdict"] == "insufficient" and row["gate"] not in GATES]
    enough = [row["enough_data_by"] or "" for row in unsure]
    later = sorted(day for day in enough if day > decided["decided_on"])
    due = read_json(audit / "live" / "findings.json")["period"]["outcomes_due"]
    claims: list[Claim] = [
        (r"(?:In use )?Lists are made as they are now since .*", lambda _: [*day_of(released), *day_of(signed)]),
        (rf"Made on (\d+) \w+ (\d+)\. {reach}", lambda _: [str(today.day), str(today.year)]),
        (rf"(?!Made on){reach}", lambda _: ["01632", "960300", "1"]),
        (r"We made the lists of \d+ past weeks again, .*",
         lambda _: [str(period["weeks"]), *day_of(period["first"]), *day_of(period["last"])]),
        (r"Of 100 households listed, .*", lambda _: ["100", *figure("needed_of_listed", 100)]),
        (r"Of 100 households who came to need help, .*", lambda _: ["100", *figure("listed_of_need", 100)]),
        (r"In a year, .* of every 1,000 households .*",
         lambda _: [*figure("unneeded_per_1000", 1), "1,000"]),
        (r"Households who were listed before a need were listed .*", lambda _: figure("days_before", 1)),
        (r"The numbers in brackets are a range that holds the true figure .*", lambda _: ["95", "100"]),
        (r"Before anything was released .*",
         lambda _: [str(questions.total()), *(str(questions[one]) for one in ("pass", "fail", "insufficient"))]),
        (rf"{N} pieces of data from {N} services make the order\. .*", lambda _: [str(len(reads)), str(len(services))]),
        (rf"{N} services send records of people\. .*",
         lambda _: [str(sum(source.bears_people for source in invocation.register.sources))]),
        (r"(?:.* )?A list is as long as the help there is\. North .*", lambda _: [format(one, "g") for one in places]),
        (r"c stands for .*", lambda _: ["1", "5"]),
        (r"Each list is made of: .* a child under 18, .*", lambda _: re.findall(N, bundle["cohort"])),
        (r"(?:We tell you that we have your complaint|You can complain\. We).* within .*", lambda _: ["30"]),
        (r"The 30 days are the law: Data Protection Act 2018, section 164A\.", lambda _: ["30", "2018", "164"]),
        (r"If somebody is in danger now, ring 999\.", lambda _: ["999"]),
        (r"A request is answered within .*", lambda _: ["20", "2000", "10"]),
        (r"\d+ \w+ \d{4}", lambda _: [str(today.day), str(today.year)]),
        (r".* Of 100 households on past lists .*", lambda _: ["100", *figure("needed_of_listed", 100)]),
        (r"The line is the range .*", lambda _: ["95", "100"]),
        (r"\d+ lists? (?:of|from) .*, with \d+ places for households in all\.",
         lambda _: [str(len(issued)), *day_of(days[0]), *(day_of(days[-1]) if days[0] != days[-1] else ()),
                    str(len(places_taken))]),
        (r"People have decided on .*", lambda _: ["0", "0", "0", "0"]),
        (r"Lists were made for the first time on .*", lambda _: day_of(released)),
        (r"More data: .*", lambda _: [str(questions["insufficient"]), *(day_of(later[0]) if later else ())]),
        (r"(?:Outcomes of the first lists|How those fared that workers decided against).*", lambda _: day_of(due)),
        (r"A range holds the true share .*", lambda _: ["95", "100"]),
    ]  # fmt: skip
    typed, left = typed_words(invocation), []
    for name, page in pages.items():
        if name.startswith(("points-", "promises")) or name == "use-homelessness.html":
            continue
        lines = [line for line in lines_of(page.split("<details>")[0]) if len(line) < 12 or line not in typed]
        left += [(name, line) for line in unclaimed(lines, claims, metrics)]
    # The register's bases and years, and requests that nobody made, are words and rows of their own.
    laws = [line for _, line in left if re.search(r"\((UK GDPR|public)", line)]
    years = [line for _, line in left if line.endswith("years after a record is over")]
    kept = [f"{source.retention_years} years after a record is over" for source in invocation.register.sources]
    assert years
    assert set(years) <= set(kept)
    assert len(laws) >= 10
    rest = [(name, line) for name, line in left if line not in {*laws, *years}]
    assert {line for name, line in rest if name == "your-rights.html"} == {"0"}
    (asked,) = invocation.public.data_requests
    assert {line for name, line in rest if name == "open-data.html"} == {
        f"{asked.asked} ({say_day(asked.on)})",
        f"Not published ({say_day(asked.answered_on or today)}). {asked.why}",
    }
    wards = {area.ward for area in invocation.council.areas}
    assert len(wards) == len([line for name, line in rest if name == "councillors.html"]) > 1
    assert {line for name, line in rest if name == "councillors.html"} == {format(one, "g") for one in places}
    assert {name for name, _ in rest} == {"your-rights.html", "open-data.html", "councillors.html"}


def test_every_law_on_the_register_page_is_the_register_row(pages: Mapping[str, str], invocation: Invocation) -> None:
    lines = set(lines_of(pages["register.html"]))
    shown = [source for source in invocation.register.sources if source.bears_people]
    assert len(shown) > 5
    for source in shown:
        law = "; ".join([*source.conditions, *([source.gateway] if source.gateway else [])])
        assert f"{source.basis} ({law})" in lines


def test_groups_are_shown_as_found_and_small_ones_not_at_all(pages: Mapping[str, str], audit: Path) -> None:
    """Broken by a figure of a handful of households, or of another group."""
    findings = {row["id"]: row for row in read_json(audit / "findings.json")["findings"]}
    decision = read_json(audit / "decision.json")
    rows = [
        (row[0], row[2], row[3])
        for table in re.findall(r"<details>.*?</details>", pages["use-early_help.html"], re.S)
        for row in ([*lines_of(one)] for one in re.findall(r"<tr><th scope=\"row\">.*?</tr>", table, re.S))
    ]
    expected, hidden = [], 0
    asked = [one for one in decision["verdicts"] if one["characteristic"] is not None and one["finding"] in findings]
    together: dict[tuple[Any, ...], set[str]] = {}
    kind = ("measure", "characteristic", "at", "component")
    for row in findings.values():
        if row["group"] is not None and row["model"] == findings[asked[0]["finding"]]["model"]:
            share = row["measure"] == "listed_before_need"
            counted = round((row["estimate"] or 0) * row["clusters"]) if share else FEW
            few = min(row["clusters"], (row.get("rest") or row)["clusters"]) < FEW
            alone = share and (counted == row["clusters"] or 1 <= counted <= 5 or 1 <= row["clusters"] - counted <= 5)
            if few or alone:
                together.setdefault(tuple(row.get(name) for name in kind), set()).add(row["group"])
    for verdict in asked:
        row = findings[verdict["finding"]]
        dashes = together.get(tuple(row.get(name) for name in kind), set())
        hidden += bool(dashes)
        share = verdict["measure"] == "listed_before_need"
        cells = [
            "–" if hide or side["estimate"] is None
            else f"{100 * side['estimate']:.1f} %" if share
            else f"{side['estimate']:,.0f}" if abs(side["estimate"]) >= 100 else f"{side['estimate']:.2f}"
            for side, hide in ((row, row["group"] in dashes), (row.get("rest") or row, dashes))
        ]  # fmt: skip
        expected.append((verdict["group"], *cells))
    assert hidden
    assert rows == expected


def test_every_number_of_the_charters_status_is_a_day_a_version_or_the_decisions(
    pages: Mapping[str, str], invocation: Invocation, audit: Path, demo_workspace: Path
) -> None:
    """Broken by a sign-off of other bytes, by a decision of another run, by a day that nobody wrote."""
    decision = read_json(audit / "decision.json")["sentence"]
    signed = re.findall(
        r"(?:signed_at|expires) = (\S+)", (demo_workspace / "signoffs.toml").read_text(encoding="utf-8")
    )
    accepted = re.findall(r"signed_at = (\S+)", (audit / "signoffs.toml").read_text(encoding="utf-8"))
    assert signed
    assert accepted
    decided = read_json(audit / "decision.json")["decided_on"]
    days = {number for moment in (*signed, *accepted, decided) for number in day_of(moment)}
    days |= set(re.findall(r"\d+", typed_words(invocation))) | {str(invocation.charter.review_by.day)}
    days |= set(re.findall(r"\d+", invocation.charter.version)) | {
        str(invocation.today.day),
        str(invocation.today.year),
    }
    lines = [line for line in lines_of(pages["promises.html"]) if line != decision and re.search(r"\d", line)]
    assert decision in list(lines_of(pages["promises.html"]))
    assert len(lines) > 5
    for line in lines:
        assert set(re.findall(r"\d+", line)) <= days | {"10"}, line


def test_the_points_are_those_of_the_released_bytes(pages: Mapping[str, str], bundle: Row) -> None:
    page = pages["points-early_help.html"]
    boxes = [int(value) for value in re.findall(r'type="checkbox" id="fact-\d+" value="(-?\d+)"', page)]
    told = [int(text) for text in re.findall(r'<td class="number">(-?\d+)</td>', page)]
    assert sorted(boxes) == sorted(told) == sorted(rule["points"] for rule in bundle["points"])
    by_name = {feature["name"]: feature for feature in bundle["features"]}
    lines = " ".join(lines_of(page))
    for rule in bundle["points"]:
        head = by_name[rule["feature"]]["reason"].partition("{value}")[0].strip(" :")
        assert head.replace("'", "’") in lines
        if by_name[rule["feature"]]["unit"] == "events":
            assert f"{rule['threshold']:g}" in lines


def test_what_is_stopped_or_was_never_tried_is_said(own_workspace: Path) -> None:
    """Broken by a state that is written in a template, by a suspension that the site does not ask about."""
    invocation = Invocation.open(ROOT / "council", "early_help", own_workspace, quiet=True)
    before = list_pages(invocation)["index.html"]
    assert "In use" in before
    assert "no trial of it has been registered" in before
    policy = invocation.charter
    role = next(role.id for role in policy.roles if policy.acting.may(role.id, "suspend"))
    start_suspension(invocation.workspace, policy, what="programme", name="early_help", role=role, reason="A fault.")
    stopped = list_pages(invocation)["index.html"]
    assert "Stopped" in stopped
    assert "no list is shown until two roles agree" in stopped
    for path in invocation.workspace.suspensions.glob("*.json"):
        path.unlink()
    for path in invocation.workspace.live.glob("*.json"):
        write_json(path, read_json(path) | {"until": date(2020, 1, 1).isoformat()})
    shadow = list_pages(invocation)["index.html"]
    assert "nobody is shown them" in shadow
    assert "In use" not in shadow


def test_letters_say_what_the_site_says_in_six_ways_and_nothing_of_anybody(
    own_workspace: Path, pages: Mapping[str, str]
) -> None:
    """Broken by a figure of its own in a letter, by a missing explanation, by a code of another address."""
    invocation = Invocation.open(ROOT / "council", "early_help", own_workspace, quiet=True)
    paths = write_letters(invocation)
    assert len(paths) == len(LETTERS) >= 5
    said = " ".join(line for page in pages.values() for line in lines_of(page))
    (use,) = [use for use in gather_uses(invocation) if use.bundle]
    parts = explain_use(use)
    assert len(parts) == 6
    for path in paths:
        assert path.stat().st_mode & 0o077 == 0
        letter = path.read_text(encoding="utf-8")
        text = " ".join(lines_of(letter))
        assert all(title in text and " ".join(lines).replace("'", "’") in text for title, lines in parts)
        assert f"QR code: {invocation.public.site}" in letter
        assert "no letter goes out while that is not known" in text
    figures = [line for title, lines in parts for line in lines if re.search(r"\d", line)]
    assert len(figures) > 5
    assert all(line.replace("'", "’") in said for line in figures)


def test_the_folder_is_whole_plain_and_alone(own_workspace: Path) -> None:
    """No page names another host's file, a script is one of the site's own, and an old page does not stay."""
    invocation = Invocation.open(ROOT / "council", "early_help", own_workspace, quiet=True)
    folder, names = write_site(invocation)
    (folder / "old.html").write_text("old", encoding="utf-8")
    folder, again = write_site(invocation)
    assert names == again
    assert {path.name for path in folder.iterdir()} == {*names, "site.css", "sum.js"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    for name in names:
        page = (folder / name).read_text(encoding="utf-8")
        for place in re.findall(r'(?:src|href|action)="([^"]+)"', page):
            file = place.partition("#")[0]
            to_the_door = place.startswith(f"{invocation.public.door}/public/")  # forms are for the service
            assert not file or to_the_door or file == LICENCE or (folder / file).is_file(), (name, place)


def test_every_form_of_the_site_is_one_that_the_service_takes(pages: Mapping[str, str], invocation: Invocation) -> None:
    action = re.escape(f"{invocation.public.door}/public/")
    forms = re.findall(
        rf'<form method="post" action="{action}([a-z_]+)"(.*?)</form>', "".join(pages.values()), re.DOTALL
    )
    assert {kind for kind, _ in forms} == set(FORM_KINDS)
    for kind, inside in forms:
        fields = re.findall(r'name="([a-z]+)"', inside)
        assert not FORM_KINDS[kind].needs_words or "words" in fields
        assert fields, kind
        assert set(fields) <= set(LONGEST), kind
        for name, most in re.findall(r'name="([a-z]+)"[^>]* maxlength="([0-9]+)"', inside):
            assert int(most) <= LONGEST[name]
        if FORM_KINDS[kind].needs_reach:
            assert re.search(r'name="reach"[^>]* required', inside), kind
