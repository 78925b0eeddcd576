"""Every number that the board, a worker and a resident read of a demo is computed again from the files that it left.

From findings.json, the decision and metrics.json; a paragraph of the board pack with a number that nobody claims fails
the test. What training prints is in test_every_sentence.py, whose way of claiming a sentence this is; the pack's first
page is in test_boards_paper.py.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from statistics import NormalDist, median
from typing import Any

import pytest

from charter.contracts.files import find_current, read_json
from charter.invocation import Invocation
from charter.rules.data_use import GATES
from fairness_reports.publish.record import publish_record
from serving.desk import Desk
from tests.conftest import ROOT
from tests.pipeline.test_every_sentence import SAID, Claim, N, band_numbers, unclaimed
from tests.unit.serving.client import signed_in

Row = dict[str, Any]
FEW = 10
"""Households, on either side, below which no figure is shown."""

SHOWN_AS_USED = {"listed_before_need", "unneeded_listings", "days_before", "recorded_per_independent"}
SHARES = {"listed_before_need"}
AS_PICTURED = {
    "listed_before_need": "listed before the need",
    "unneeded_listings": "listed without a need",
    "days_before": "days before the need",
    "recorded_per_independent": "needs recorded",
}
ANSWERS = {"pass": "Yes, within the limit", "fail": "No", "insufficient": "Cannot be told"}


@pytest.fixture(scope="module")
def invocation(demo_workspace: Path) -> Invocation:
    return Invocation.open(ROOT / "council", "early_help", demo_workspace, quiet=True)


@pytest.fixture(scope="module")
def folder(invocation: Invocation) -> Path:
    audit = find_current(invocation.workspace.audit)
    assert audit
    return audit


@pytest.fixture(scope="module")
def findings(folder: Path) -> Row:
    return dict(read_json(folder / "findings.json"))


@pytest.fixture(scope="module")
def decision(folder: Path) -> Row:
    return dict(read_json(folder / "decision.json"))


@pytest.fixture(scope="module")
def metrics(invocation: Invocation) -> Row:
    run = find_current(invocation.workspace.scores)
    assert run
    return dict(read_json(run / "metrics.json"))


@pytest.fixture(scope="module")
def pack(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def text_of(fragment: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", fragment))).strip()


def tables_of(page: str) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield each table's caption and the texts of its rows, headings left out."""
    for table in re.findall(r"<table.*?</table>", page, flags=re.S):
        caption = re.search(r"<caption[^>]*>(.*?)</caption>", table, flags=re.S)
        rows = [
            [text_of(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.S)]
            for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, flags=re.S)
            if "<td" in row
        ]
        yield text_of(caption[1]) if caption else "", rows


def is_few(row: Row) -> bool:
    return min(row["clusters"], (row.get("rest") or row)["clusters"]) < FEW


def is_of_few(row: Row) -> bool:
    """Whether a share is of one to five households, of all but so many, or of all."""
    counted = round(row["estimate"] * row["clusters"])
    return counted == row["clusters"] or 1 <= counted <= 5 or 1 <= row["clusters"] - counted <= 5


def say(measure: str, value: float | None) -> str:
    """Write a side's figure as the pack does: a share in hundredths, a number with two places, a large one whole."""
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if measure in SHARES else number(value)


def number(value: float | None) -> str:
    return "no end" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def by_question(decision: Row) -> dict[str, list[Row]]:
    """Return the verdicts about groups, by question in the order of the decision."""
    questions: dict[str, list[Row]] = {}
    for verdict in decision["verdicts"]:
        if verdict["group"] is not None and verdict["measure"] in SHOWN_AS_USED:
            questions.setdefault(verdict["gate"], []).append(verdict)
    assert questions
    return questions


def decided(decision: Row) -> list[str]:
    """Return the numbers of the decision's sentence where it refers: questions, groups, dates, chances."""
    lists = {one["gate"] for one in decision["questions"]} - set(GATES)
    still_open = {one["gate"] for one in decision["questions"] if one["verdict"] == "insufficient"} & lists
    asked = [one for one in decision["questions"] if one["gate"] in lists]
    unsure = [
        verdict
        for verdict in decision["verdicts"]
        if verdict["gate"] in still_open and verdict["verdict"] == "insufficient" and verdict["asked"]
    ]
    assert unsure
    reasons = Counter(verdict["reason"] for verdict in unsure)
    order = ("beyond unsure", "within unsure", "chance", "unsure of bound", "no interval", "too few")
    assert set(reasons) <= set(order)
    numbers = [str(len(still_open)), str(len(asked)), *(str(reasons[one]) for one in order if reasons[one])]
    due = [verdict["enough_data_by"] for verdict in unsure if verdict["enough_data_by"]]
    if due:
        last = date.fromisoformat(max(due))
        numbers += [str(len(due)), str(last.day), str(last.year)]
    return numbers


def test_the_decision_counts_its_own_answers(decision: Row) -> None:
    """Broken by a count of other answers than those given, or by a chance that is another group's."""
    said = decision["sentence"]
    assert decision["decision"] == "refer"
    head, _, first = said.partition("Look first at ")
    assert re.findall(r"\d+", head) == decided(decision)
    chances = re.findall(r"(\w[\w ]*) \((\w+)\), ([\w ]+): beyond the limit with a chance of (\d+) in 100", first)
    assert chances
    for group, characteristic, harm, chance in chances:
        pooled = [
            verdict["pooled"]["beyond_limit"]
            for verdict in decision["verdicts"]
            if (verdict["group"], verdict["characteristic"], verdict["harm"]) == (group, characteristic, harm)
            and verdict["pooled"]
        ]
        assert chance in {f"{100 * one:.0f}" for one in pooled}, (group, pooled)


def test_every_answer_says_the_figures_it_rests_on(decision: Row, findings: Row) -> None:
    by_id = {row["id"]: row for row in findings["findings"]}
    told = 0
    for verdicts in by_question(decision).values():
        for verdict in verdicts:
            row = by_id.get(verdict["finding"])
            figures = re.search(
                rf"is {N}(?: %)? against {N}(?: %)? of everyone else, a ratio of {N} \(95 % interval (\S+|no end)"
                r" to (\S+|no end)\)",
                verdict["sentence"],
            )
            if row is None or figures is None or row["ratio_interval"] is None:
                continue
            told += 1
            share = 100 if verdict["measure"] in SHARES else 1
            digits = ".1f" if share == 100 else ".2f"
            sides = [format(share * side["estimate"], digits) for side in (row, row["rest"])]
            ends = ["no end" if end is None else f"{end:.2f}" for end in row["ratio_interval"]]
            assert list(figures.groups()) == [*sides, f"{row['ratio']:.2f}", *ends], verdict["sentence"]
    assert told >= 10


def test_every_question_is_a_table_of_its_findings(pack: str, decision: Row, findings: Row) -> None:
    """Each group's figure, everyone else's, ratio, interval and households, and what the other groups show."""
    by_id = {row["id"]: row for row in findings["findings"]}
    pooled_tables = [rows for caption, rows in tables_of(pack) if caption.startswith("With what the other groups show")]
    tables = [
        rows for _, rows in tables_of(pack)
        if rows and len(rows[0]) == 7 and all(row[1].split(":")[0] in ANSWERS.values() for row in rows)
    ]  # fmt: skip
    questions = [verdicts for verdicts in by_question(decision).values() if any(one["finding"] for one in verdicts)]
    assert len(tables) == len(questions) >= 10
    borrowed = []
    for rows, verdicts in zip(tables, questions, strict=True):
        found = [(verdict, by_id[verdict["finding"]]) for verdict in verdicts if verdict["finding"] in by_id]
        assert [cells[0] for cells in rows] == [row["group"] for _, row in found]
        for cells, (verdict, row) in zip(rows, found, strict=True):
            assert cells[1].split(":")[0] == ANSWERS[verdict["verdict"]]
            if is_few(row):
                assert cells[2:6] == ["–", "–", "–", "cannot be told"]
                continue
            sides = [say(verdict["measure"], side["estimate"]) for side in (row, row["rest"])]
            assert cells[2:5] == [*sides, number(row["ratio"])]
            assert cells[5] == " to ".join(number(end) for end in row["ratio_interval"])
            assert cells[6] == f"{row['clusters']:,}"
        told = [(verdict, row) for verdict, row in found if verdict["pooled"] and not is_few(row)]
        if told:
            borrowed.append(told)
    assert len(pooled_tables) == len(borrowed) > 0
    for rows, told in zip(pooled_tables, borrowed, strict=True):
        for cells, (verdict, _) in zip(rows, told, strict=True):
            pooled = verdict["pooled"]
            assert cells == [
                verdict["group"],
                number(pooled["ratio"]),
                " to ".join(number(end) for end in pooled["interval"]),
                f"{100 * pooled['beyond_limit']:.0f}",
                f"{100 * pooled['own_weight']:.0f}",
            ]


def test_the_picture_of_answers_is_the_decisions(
    pack: str, decision: Row, findings: Row, invocation: Invocation
) -> None:
    """In words for who cannot see it, and the harm of a year beside each answer."""
    by_id = {row["id"]: row for row in findings["findings"]}
    gates = {gate.id: gate for gate in invocation.policy.gates}
    shown = {"pass": "within the limit", "fail": "beyond the limit", "insufficient": "cannot be told"}
    words, harms = [], []
    for verdicts in by_question(decision).values():
        for verdict in verdicts:
            row = by_id.get(verdict["finding"])
            if row is None or row["ratio"] is None or is_few(row):
                continue
            ends = " to ".join("no end" if end is None else f"{end:.2f}" for end in row["ratio_interval"])
            answer = shown[verdict["verdict"]] if verdict["asked"] else "not asked about"
            title = invocation.policy.characteristic_titles[verdict["characteristic"]]
            label = f"{title}: {verdict['group']}, {AS_PICTURED[verdict['measure']]}"
            words.append(f"{label}: {row['ratio']:.2f}, {ends}, limit {gates[verdict['gate']].limit:g}, {answer}.")
            harm = (verdict["pooled"] or verdict)["expected_a_year"]
            harms += [] if harm is None else [f"{harm:.1f}" if harm >= 0.05 else "none"]
    picture = re.search(r'<svg[^>]*class="answers".*?</svg>', pack, flags=re.S)
    assert picture
    spoken = text_of(re.findall(r"<desc[^>]*>(.*?)</desc>", picture[0], flags=re.S)[0])
    assert sorted(re.split(r"(?<=[a-z]\.) ", spoken)) == sorted(words)
    written = re.findall(r'text-anchor="end">([\d.]+|none)</text>', picture[0])
    assert sorted(written) == sorted(harms)
    assert len(written) >= 10


def test_the_models_and_the_parts_of_the_outcome_are_their_figures(
    pack: str, findings: Row, metrics: Row, invocation: Invocation
) -> None:
    (models,) = [rows for caption, rows in tables_of(pack) if caption == "Models beside each other, at capacity"]
    for cells, model in zip(models, metrics["models"], strict=True):
        expected = []
        for measure, digits in (("precision", 100), ("recall", 100), ("false_positives_per_found", 1), ("auroc", 1)):
            (row,) = [
                figure
                for figure in metrics["figures"]
                if (figure["model"], figure["measure"], figure["part"], figure["period"], figure["against"])
                == (model, measure, "all", "selection", None)
            ]
            if row["estimate"] is not None:
                ends = [row["estimate"], *((row["low"], row["high"]) if row["low"] is not None else ())]
                expected += [f"{100 * end:.0f}" if digits == 100 else number(end) for end in ends]
        assert re.findall(N, " ".join(cells[1:])) == expected
    (parts,) = [rows for caption, rows in tables_of(pack) if caption.startswith("The parts of the outcome, each apart")]
    assert len(parts) >= 3
    signals = {signal.title: signal.name for signal in invocation.register.signals}
    for cells in parts:
        name = signals[cells[0]]
        rate, reached = (
            next(
                row
                for row in findings["findings"]
                if (row["measure"], row["component"], row["group"], row["at"]) == (measure, name, None, "capacity")
            )
            for measure in ("base_rate", "recall")
        )
        assert cells[1:] == [
            text
            for row in (rate, reached)
            for text in (
                f"{100 * row['estimate']:.1f} %",
                " to ".join(f"{100 * end:.1f} %" for end in row["interval"]),
            )
        ]


ORDER_NAMES = {"Ethnic group": "ethnicity", "Sex": "sex", "Disability": "disability"}


def order_cell(row: Row) -> str:
    """Write one gap of the whole order as the annex does: both sides, their difference, its standard error."""
    if min(row["households"], row["households_of_rest"]) < FEW or row["difference"] is None:
        return "–"
    area = row["measure"] == "auc"
    times, digits, unit, percent = (1, 2, "", "") if area else (100, 1, " points", " %")
    sides = " against ".join(f"{times * row[side]:.{digits}f}{percent}" for side in ("estimate", "rest"))
    if not row["standard_error"]:
        return f"{sides}: too few to tell"
    gap = f"{times * row['difference']:+.{digits}f}"
    gap = gap if float(gap) else gap[1:]
    return f"{sides}: {gap}{unit} ({times * row['standard_error']:.{digits}f})"


def order_numbers(findings: Row, title: str) -> list[str]:
    """Return the numbers of one characteristic's opinion: how many comparisons, then whoever is named with the gap."""
    rows = [row for row in findings["whole_order"] if row["characteristic"] == ORDER_NAMES[title]]
    told = [row for row in rows if row["standard_error"] and order_cell(row) != "–"]
    if not told:
        return []
    comparisons = len(told) // 2 if len({row["group"] for row in rows}) == 2 else len(told)
    apart = {id(row): row["difference"] / row["standard_error"] for row in told}
    criterion = NormalDist().inv_cdf(1 - 0.05 / 2 / comparisons)
    plainest = [
        min((row for row in told if row["group"] == group), key=lambda row: apart[id(row)])
        for group in dict.fromkeys(row["group"] for row in told)
    ]
    lower = [row for row in plainest if apart[id(row)] <= -criterion]
    named = sorted(lower, key=lambda row: apart[id(row)]) or [min(told, key=lambda row: apart[id(row)])]
    whole = [f"{row['at'] if row['at'][0] in '24' else ''} {order_cell(row)}" for row in named]
    return [str(comparisons), *re.findall(N, " ".join(whole))]


def test_the_whole_order_is_its_figures(pack: str, findings: Row) -> None:
    """Broken by another group's figure, or by an error that is not the gap's."""
    tables = {caption: rows for caption, rows in tables_of(pack) if caption.startswith("The whole order, by ")}
    assert len(tables) == 3
    for title, name in ORDER_NAMES.items():
        (rows,) = (
            rows for caption, rows in tables.items() if caption.startswith(f"The whole order, by {title.lower()}")
        )
        mine = [row for row in findings["whole_order"] if row["characteristic"] == name]
        groups = list(dict.fromkeys(row["group"] for row in mine))
        assert rows == [[group, *(order_cell(row) for row in mine if row["group"] == group)] for group in groups]
    assert sum(" points (" in cell for rows in tables.values() for row in rows for cell in row) >= 10


def order_ratio(findings: Row) -> str:
    """Return how large a standard error at four times the places is beside one at the line, each beside its figure."""
    by = {(row["characteristic"], row["group"], row["at"]): row for row in findings["whole_order"]}
    pairs = [(row, by[name, group, "4 times the places"]) for (name, group, at), row in by.items() if at[0] == "1"]
    return number(median(
        (far["standard_error"] / far["rest"]) / (line["standard_error"] / line["rest"])
        for line, far in pairs if line["standard_error"] and far["standard_error"]
    ))  # fmt: skip


def unrecorded(findings: Row, title: str) -> list[str]:
    name = {"Ethnic group": "ethnicity", "Sex": "sex", "Disability": "disability"}[title]
    rows = [
        row
        for row in findings["findings"]
        if (row["measure"], row["characteristic"], row["at"], row.get("component"))
        == ("selection_rate", name, "capacity", None)
    ]
    assert rows
    (missing,) = [row for row in rows if row["group"] == "not recorded"]
    return [f"{100 * missing['n'] / sum(row['n'] for row in rows):.1f}"]


def counted(decision: Row) -> list[str]:
    """Return how many questions there are, and how many got each answer, where it is not none."""
    verdicts = [one["verdict"] for one in decision["questions"] if one["gate"] not in GATES]
    counts = [verdicts.count(verdict) for verdict in ("fail", "pass", "insufficient", "informs")]
    return [str(len(verdicts)), *(str(number) for number in counts if number)]


def beyond_records(findings: Row) -> list[str]:
    recorded, sign = (findings["beyond_records"][name] for name in ("recorded", "sign_without_record"))
    shares = [format(100 * sign[side]["estimate"], ".1f") for side in ("first", "others")]
    return [f"{recorded['ratio']:.2f}", *shares, *(f"{end:.2f}" for end in (sign["ratio"], *sign["ratio_interval"]))]


def sampled(findings: Row) -> int:
    (number,) = {
        row["n"] for row in findings["findings"] if row["measure"] == "contribution_weight" and row["group"] is None
    }
    return int(number)


def test_every_paragraph_of_the_pack_is_what_the_figures_say(
    pack: str, findings: Row, decision: Row, metrics: Row, invocation: Invocation
) -> None:
    policy = invocation.policy
    made = date.fromisoformat(findings["made_at"][:10])
    recommended = metrics["recommendation"]["sentence"]
    gates = {gate.id: gate for gate in policy.gates}
    ages = policy.ages_of(findings["programme"])
    lines = decision["red_lines"]
    claims: list[Claim] = [
        (rf"Paper for the board\. Audited on {N} [A-Z]\w+ {N}\. .*", lambda _: [str(made.day), str(made.year)]),
        (re.escape(decision["sentence"]), lambda _: re.findall(N, decision["sentence"])),
        (re.escape(recommended), lambda _: re.findall(N, recommended)),
        (rf"The tenth of people .* need {N} times as often .*, {N} % of the tenth .* time, and {N} % of all others: {N}"
         rf" times as often \({N} to {N}\)\. .*", lambda _: beyond_records(findings)),
        *[(SAID[name][0], lambda _, name=name: SAID[name][1](metrics)) for name in ("known", "all known")],
        (rf"Of {N} questions, none failed, {N} (?:is|are) within the limit, {N} cannot be told\.",
         lambda _: counted(decision)),
        (rf"A panel of residents wrote {N} cases?\. .* in {N} of them\.",
         lambda _: [str(len(lines)), str([line["held"] for line in lines].count(True))]),
        (rf"Shares have one decimal, .* figure {N} times in {N}\.", lambda _: ["95", "100"]),
        (r"The charter asks each question .* whole (\d+) % interval .*", lambda _: ["95"]),
        *[
            (rf"{title} is not recorded for {N} %\.", lambda _, title=title: unrecorded(findings, title))
            for title in ("Ethnic group", "Sex", "Disability")
        ],
        (r"The unit is the person of the audited ages \((\d+) to (\d+)\).* ([\d,]+) resamples .*",
         lambda _: [*map(str, ages), f"{metrics['bootstrap']['resamples']:,}"]),
        (rf"How much each piece of data moves .* sample of {N} people's dates\. .*",
         lambda _: [f"{sampled(findings):,}"]),
        (rf"A line holds few people in need, .* at {N} times the places is {N} of that at the line\.",
         lambda _: ["4", order_ratio(findings)]),
        *[
            (rf"By {title.lower()} the order puts .*", lambda _, title=title: order_numbers(findings, title))
            for title in ORDER_NAMES
        ],
        # What a scale means is no figure of anybody's.
        (r".* of 100 pairs of records .* of 100 there are, .*", lambda _: ["100", "100"]),
        (r"Would other years have taught the same\? .*", lambda _: ["1.00", "0.00"]),
        (r"No group is an input, .*", lambda _: ["0.50", "1.00", "0.50"]),
        (r"The list of the newest dates, made again without .*", lambda _: ["1", "5"]),
    ]  # fmt: skip
    # The paper before the annex is test_boards_paper.py's, but for what no figure can show.
    annex = pack[: pack.index('<section class="page"')] + pack[pack.index('<h3 id="unseen">') :]
    texts = [text_of(text) for text in re.findall(r"<p[ >].*?</p>|<p>.*?</p>", annex, flags=re.S)]
    texts += [text_of(text) for text in re.findall(r"<li>(.*?)</li>", annex, flags=re.S) if "<svg" not in text]
    limits = [text for text in texts if text.startswith("Harm if not")]
    stated_limits = [gates[gate] for gate in by_question(decision)]
    assert all(gate.of_overall is not None for gate in stated_limits)
    assert [re.findall(N, text) for text in limits] == [
        [f"{gate.limit:g}", f"{gate.of_overall:g}"] for gate in stated_limits
    ]
    # Each rule of a points list, and what its paper says of it, are test_boards_paper.py's.
    told = [text for text in texts if re.match(r"\d+ points?: ", text)]
    assert findings["model"] == "points"
    rest = [text for text in texts if text not in limits and text not in told]
    assert sum(bool(re.search(r"\d", text)) for text in rest) >= 10
    assert list(unclaimed(rest, claims, metrics)) == []


def test_a_resident_reads_what_the_audit_found(own_workspace: Path, findings: Row) -> None:
    """The public record. Broken by an empty list of groups, by a figure of a handful of families."""
    invocation = Invocation.open(ROOT / "council", "early_help", own_workspace, quiet=True)
    target, record = publish_record(invocation)
    public = [
        row
        for row in findings["findings"]
        if row["measure"] in {"recall", "false_positive_rate", "selection_rate"}
        and (row["group"] is not None, row.get("component"), row["at"]) == (True, None, "capacity")
    ]
    assert len(record["groups"]) == len(public) >= 20
    small = [is_few(row) or is_of_few(row) for row in public]
    kinds = [(row["measure"], row["characteristic"], row["model"]) for row in public]
    with_small = {kind for kind, few in zip(kinds, small, strict=True) if few}
    assert 0 < sum(small) < len(small)
    for told, row, few, kind in zip(record["groups"], public, small, kinds, strict=True):
        assert (told["measure"], told["group"]) == (row["measure"], row["group"])
        own = ["c"] * 2 if few else [
            f"{100 * row['estimate']:.1f} %", " to ".join(f"{100 * end:.1f} %" for end in row["interval"])
        ]  # fmt: skip
        assert [told["figure"], told["interval"]] == own
        if kind in with_small and row["ratio"] is not None:
            assert told["ratio"] == "c"
        else:
            assert told["ratio"] == ("–" if row["ratio"] is None else number(row["ratio"]))
    whole = {row["measure"]: row for row in findings["findings"]
             if (row["group"], row.get("component"), row["at"]) == (None, None, "capacity")}  # fmt: skip
    expected = [
        f"{100 * value:.1f}"
        for measure in ("precision", "recall", "false_positive_rate")
        for value in (whole[measure]["estimate"], *whole[measure]["interval"])
    ]
    said = record["fields"]["2.4.2.7 Model performance"]
    assert re.findall(r"\d+\.\d", said) == expected
    markdown = (target / "record.md").read_text(encoding="utf-8")
    assert said in markdown
    assert markdown.count("\n| ") == 2 + len(public)


def test_a_workers_list_and_case_say_what_was_observed(own_workspace: Path, metrics: Row) -> None:
    """The likelihood in words, on the list and on each case, with the numbers of metrics.json. Broken by `stated`."""
    invocation = Invocation.open(ROOT / "council", "early_help", own_workspace, quiet=True)
    desk = Desk.open(invocation, demo=True)
    teams = [team.id for team in invocation.council.teams]
    meanings, cases = list[str](), 0
    for team in teams:
        worker = signed_in(desk, f"demo-{team}-lead_practitioner")
        listed = worker.get(f"/worklists/{team}").text
        shown = re.findall(r"<div><dt>([^<]+)</dt><dd>(About|Fewer)(.*?)</dd></div>", listed)
        meanings += [f"{title}: {begins}{rest}" for title, begins, rest in shown]
        for path in re.findall(r'href="(/cases/[^"/?#]+)"', listed)[:3]:
            page = worker.get(path).text
            said = re.search(r"<strong>([^<]+)\.</strong> ((?:About|Fewer) .*?) It says nothing certain", page)
            if said:
                cases += 1
                meanings.append(f"{said[1]}: {said[2]}")
    assert cases
    bands = {f"{band['title']}: {band['meaning']}": band for band in metrics["bands"]}
    assert set(map(html.unescape, meanings)) <= set(bands)
    for meaning in set(map(html.unescape, meanings)):
        assert re.findall(N, bands[meaning]["meaning"]) == band_numbers(bands[meaning])
